"""Meta-learning algorithms and baselines, by name."""

from maml_tf.algorithms.algorithm import Algorithm, MetaGradient
from maml_tf.algorithms.baselines import (
    NearestCentroid,
    Oracle,
    Pretrain,
    Scratch,
)
from maml_tf.algorithms.maml import MAML
from maml_tf.algorithms.reptile import Reptile
from maml_tf.algorithms.variants import ANIL, BOIL, FOMAML
from maml_tf.registry import ALGORITHMS

__all__ = [
    "ANIL",
    "BOIL",
    "FOMAML",
    "MAML",
    "Algorithm",
    "MetaGradient",
    "NearestCentroid",
    "Oracle",
    "Pretrain",
    "Reptile",
    "Scratch",
    "create",
    "names",
    "option_names",
]


def names():
    """The names that `create` knows, a sorted tuple."""
    return ALGORITHMS.names()


def option_names(name):
    """The names of the options that `create` takes for a name, a tuple."""
    return tuple(ALGORITHMS.options(name))


def create(name, model, loss, metric=None, **options):
    """An algorithm by name.

    Args:
        name: one of `names()`.
        model: any built `keras.Model`.
        loss: function `(y, outputs) -> scalar`.
        metric: function `(y, outputs) -> scalar`; the loss if None.
        **options: options of its class, such as `inner_steps`.

    Raises:
        InputError: an unknown name or option, or a value that cannot be used.
    """
    return ALGORITHMS.create(name, model, loss, metric, **options)
