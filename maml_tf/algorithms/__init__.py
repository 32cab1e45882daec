"""Meta-learning algorithms and baselines, by name."""

from collections.abc import Callable
from typing import Any

import keras

from maml_tf.algorithms.algorithm import Algorithm, MetaGradient
from maml_tf.algorithms.baselines import (
    NearestCentroid,
    Oracle,
    Pretrain,
    Scratch,
)
from maml_tf.algorithms.black_box import BlackBox
from maml_tf.algorithms.imaml import IMAML
from maml_tf.algorithms.maml import MAML
from maml_tf.algorithms.maml_plus_plus import MAMLPlusPlus
from maml_tf.algorithms.reptile import Reptile
from maml_tf.algorithms.variants import (
    ANIL,
    BOIL,
    CAVIA,
    FOMAML,
    MetaSGD,
    ProtoMAML,
    ProtoNet,
)
from maml_tf.registry import ALGORITHMS

__all__ = [
    "ANIL",
    "BOIL",
    "CAVIA",
    "FOMAML",
    "IMAML",
    "MAML",
    "MAMLPlusPlus",
    "MetaSGD",
    "Algorithm",
    "BlackBox",
    "MetaGradient",
    "NearestCentroid",
    "Oracle",
    "Pretrain",
    "ProtoMAML",
    "ProtoNet",
    "Reptile",
    "Scratch",
    "create",
    "names",
    "option_names",
]


def names() -> tuple[str, ...]:
    """Returns the names that `create` knows, sorted."""
    return ALGORITHMS.names()


def option_names(name: str) -> tuple[str, ...]:
    """Returns the names of the options that `create` takes for a name."""
    return tuple(ALGORITHMS.options(name))


def create(
    name: str,
    model: keras.Model,
    loss: Callable | str,
    metric: Callable | str | None = None,
    **options: Any,
) -> Algorithm:
    """Returns a new algorithm.

    Args:
        name: One of `names()`.
        model: Any built `keras.Model`.
        loss: Function `(y, outputs)` of a scalar or of examples' values, which
            are averaged; or a loss of Keras: its name, function or object.
        metric: As `loss`, to report; or a name of a metric. Defaults to the
            loss.
        **options: Options of the algorithm's class, such as `inner_steps`.

    Returns:
        An `Algorithm`.

    Raises:
        InputError: The name or an option is unknown, or a value cannot be
            used.
    """
    return ALGORITHMS.create(name, model, loss, metric, **options)
