"""Data sets by name, each an endless stream of episodes.

To add one, write `maml_tf/datasets/<name>.py` with a function `load(**options)`
that returns a `Dataset`, and name it in `_MODULES`. A data set of your own need
not be registered: construct a `Dataset` and hand it over.
"""

import dataclasses
import importlib
import inspect
from collections.abc import Callable

from maml_tf import registry

_MODULES = {
    "omniglot": "maml_tf.datasets.omniglot",
    "sinusoid": "maml_tf.datasets.sinusoid",
}


@dataclasses.dataclass(frozen=True)
class Dataset:
    """What meta-training and meta-testing need to know of a data set.

    Attributes:
        name: Its name.
        input_shape: Shape of one input, without the batch axis.
        loss: Function `(y, outputs) -> scalar` to minimise.
        metric: Function `(y, outputs) -> scalar` to report.
        metric_name: `"accuracy"` or `"mse"`.
        outputs: Function from way to the number of network outputs.
        episodes: Function `episodes(split, way, shot, query, seed)` that
            returns a function from an episode's number (an integer or an int64
            scalar tensor) to an `Episode`. The episode is a pure TensorFlow
            function of seed, split (`"train"`, `"valid"`, `"test"`) and number.
            Raises `InputError` where the split does not allow such episodes.
    """

    name: str
    input_shape: tuple
    loss: Callable
    metric: Callable
    metric_name: str
    outputs: Callable
    episodes: Callable


def names():
    """Returns the names that `load` knows, sorted."""
    return sorted(_MODULES)


def option_names(name):
    """Returns the names of the options that `load` takes for a data set."""
    return tuple(inspect.signature(_module(name).load).parameters)


def load(name, **options):
    """Loads a data set by name.

    Args:
        name: One of `names()`.
        **options: The data set's own options; see `load` in its module.

    Returns:
        A `Dataset`.

    Raises:
        InputError: If there is no such data set or option, or the data are
            missing.
    """
    registry.check_options("dataset", name, options, option_names(name))
    return _module(name).load(**options)


def _module(name):
    # Imported when asked for: one data set's needs are not another's.
    return importlib.import_module(registry.find("dataset", name, _MODULES))
