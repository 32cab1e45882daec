"""Data sets by name, each an endless stream of episodes.

To add one, write `maml_tf/datasets/<name>.py` with a function `load(**options)`
that returns a `Dataset`, and name it in `_MODULES`. Where the name ends in a
colon and a word, as in `folder:PATH`, what a user writes after the colon is
the first argument of `load`. A data set of your own need not be registered:
construct a `Dataset` and hand it over.
"""

import dataclasses
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from maml_tf import registry

_MODULES = {
    name: f"maml_tf.datasets.{module}"
    for name, module in {
        "cifar_fs": "cifar_fs",
        "clinc150:FILE": "clinc150",
        "demand_series": "demand_series",
        "fc100": "fc100",
        "folder:PATH": "folder",
        "glyphs": "glyphs",
        "mini_imagenet": "mini_imagenet",
        "omniglot": "omniglot",
        "sinusoid": "sinusoid",
        "table:FILE": "table",
        "text:FILE": "text",
        "tfds:NAME": "tfds",
    }.items()
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
        joint: Function `joint(split, number_of_examples, seed)` that returns a
            function from a number to an `Episode` whose support set are
            examples of all the split's classes, labelled by class, and whose
            query set is empty: what a classifier over all classes learns from.
            None where there are no classes.
        num_classes: Function from split to its number of classes, or None.
        pool: Function from split to its `maml_tf.ClassPool`, which knows the
            classes' names and examples, or None.
        vocabulary_size: Of texts, how many token ids there are; or None.
        preparation: Keras model that makes of raw inputs, such as uint8 images
            or strings, what the network takes; None where they are the same.
        target_mean: Of standardised targets, what was subtracted, a number or
            `[targets]`.
        target_deviation: Of standardised targets, what they were then divided
            by, a number or `[targets]`.
        compiles: Whether XLA can compile the drawing of an episode; not where
            it reads from files.
    """

    name: str
    input_shape: tuple
    loss: Callable
    metric: Callable
    metric_name: str
    outputs: Callable
    episodes: Callable
    joint: Callable | None = None
    num_classes: Callable | None = None
    pool: Callable | None = None
    vocabulary_size: int | None = None
    preparation: Any = None
    target_mean: Any = 0.0
    target_deviation: Any = 1.0
    compiles: bool = True


def names():
    """Returns the names that `load` knows, sorted; see there for the colon."""
    return sorted(_MODULES)


def option_names(name):
    """Returns the names of the options that `load` takes for a data set."""
    module, argument = _find(name)
    parameters = tuple(inspect.signature(module.load).parameters)
    return parameters if argument is None else parameters[1:]


def load(name, **options):
    """Loads a data set by name.

    Example:
    ```python
    datasets.load("omniglot", download=True)
    datasets.load("folder:pictures", image_size=32)
    ```

    Args:
        name: One of `names()`; of one such as `folder:PATH` what comes after
            the colon is the reader's own.
        **options: The data set's own options; see `load` in its module.

    Returns:
        A `Dataset`.

    Raises:
        InputError: If there is no such data set or option, or the data are
            missing or cannot be used.
    """
    module, argument = _find(name)
    registry.check_options("dataset", name, options, option_names(name))
    arguments = () if argument is None else (argument,)
    return module.load(*arguments, **options)


def _find(name):
    """The module of a data set's name, and what its colon is followed by."""
    module, argument = registry.find_with_argument("dataset", name, _MODULES)
    # Imported when asked for: one data set's needs are not another's.
    return importlib.import_module(module), argument
