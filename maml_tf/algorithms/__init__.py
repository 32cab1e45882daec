"""Meta-learning algorithms and baselines, by name."""

from maml_tf import registry
from maml_tf.algorithms.anil import ANIL
from maml_tf.algorithms.boil import BOIL
from maml_tf.algorithms.fomaml import FOMAML
from maml_tf.algorithms.maml import MAML, MetaGradient
from maml_tf.algorithms.nearest_centroid import NearestCentroid
from maml_tf.algorithms.oracle import Oracle
from maml_tf.algorithms.pretrain import Pretrain
from maml_tf.algorithms.reptile import Reptile
from maml_tf.algorithms.scratch import Scratch

__all__ = [
    "ANIL",
    "BOIL",
    "FOMAML",
    "MAML",
    "MetaGradient",
    "NearestCentroid",
    "Oracle",
    "Pretrain",
    "Reptile",
    "Scratch",
    "create",
    "names",
]

_OPTIONS = (
    "inner_steps",
    "inner_learning_rate",
    "inner_optimizer",
    "clip_norm",
    "clip_value",
    "batch_norm",
)

# By name: the class, and what it leaves open beside `_OPTIONS`.
_ALGORITHMS = {
    "maml": (MAML, ("adapts", "second_order", "rematerialize")),
    "fomaml": (FOMAML, ("adapts", "rematerialize")),
    "reptile": (Reptile, ("adapts", "inner_batch_size")),
    "anil": (ANIL, ("second_order", "rematerialize")),
    "boil": (BOIL, ("second_order", "rematerialize")),
    "pretrain": (Pretrain, ("adapts",)),
    "oracle": (Oracle, ()),
    "scratch": (Scratch, ("adapts",)),
    "nearest_centroid": (NearestCentroid, ()),
}


def names():
    """The names that `create` knows, a sorted tuple."""
    return tuple(sorted(_ALGORITHMS))


def create(name, model, loss, metric=None, **options):
    """An algorithm by name.

    Args:
        name: one of `names()`.
        model: any built `keras.Model`.
        loss: function `(y, outputs) -> scalar`.
        metric: function `(y, outputs) -> scalar`; the loss if None.
        **options: arguments of `MAML`, but for those that the algorithm itself
            settles.

    Raises:
        InputError: an unknown name or option, or a value that cannot be used.
    """
    algorithm, open_options = registry.find("algorithm", name, _ALGORITHMS)
    registry.check_options("algorithm", name, options, _OPTIONS + open_options)
    return algorithm(model, loss, metric, **options)
