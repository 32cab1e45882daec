"""A Keras model as a function of its weights, exact to every derivative."""

from maml_tf.functional.layers import has_batch_norm, leaf_layers
from maml_tf.functional.model import (
    BATCH_NORM_MODES,
    FunctionalModel,
    variables_read_once,
)

__all__ = [
    "BATCH_NORM_MODES",
    "FunctionalModel",
    "has_batch_norm",
    "leaf_layers",
    "variables_read_once",
]
