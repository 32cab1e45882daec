"""Data sets by name, each an endless stream of episodes.

To add one, write `maml_tf/datasets/<name>.py` with a function `load(**options)`
that returns a `Dataset`, and name it in `DATASETS` of `maml_tf.registry`.
If the name ends in a colon and a word, as in `folder:PATH`, the user's text
after the colon is the first argument of `load`. A data set of your own need not
be registered: construct a `Dataset` and hand it over.
"""

from typing import Any

from maml_tf.datasets.building.dataset import Dataset
from maml_tf.registry import DATASETS

__all__ = ["Dataset", "load", "names", "option_names"]


def names() -> tuple[str, ...]:
    """Returns the names that `load` knows, sorted; see there for the colon."""
    return DATASETS.names()


def option_names(name: str) -> tuple[str, ...]:
    """Returns the names of the options that `load` takes for a data set."""
    return tuple(DATASETS.options(name))


def load(name: str, **options: Any) -> Dataset:
    """Loads a data set by name.

    Example:
    ```python
    datasets.load("omniglot", download=True)
    datasets.load("folder:pictures", image_size=32)
    ```

    Args:
        name: One of `names()`. In one such as `folder:PATH`, the user's own
            text replaces the word in capitals.
        **options: The data set's own options; see `load` in its module.

    Returns:
        A `Dataset`.

    Raises:
        InputError: The data set or an option is unknown, or the data are
            missing or cannot be used.
    """
    return DATASETS.create(name, **options)
