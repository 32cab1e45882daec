"""Data sets by name, each an endless stream of episodes.

To add one, write `maml_tf/datasets/<name>.py` with a function `load(**options)`
that returns a `Dataset`, and name it in `_MODULES`. Where the name ends in a
colon and a word, as in `folder:PATH`, what a user writes after the colon is
the first argument of `load`. A data set of your own need not be registered:
construct a `Dataset` and hand it over.
"""

import importlib
import inspect

from maml_tf import registry
from maml_tf.datasets.building.dataset import Dataset

__all__ = ["Dataset", "load", "names", "option_names"]

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
