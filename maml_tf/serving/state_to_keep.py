"""The state of a network that a task changes."""

import keras

from maml_tf.algorithms.inner_loop import InnerLoop
from maml_tf.functional.layers import leaf_layers


def state_to_keep(loop: InnerLoop) -> list[bool]:
    """Tells of each non-trainable weight if a support set may change it.

    Statistics and the like may change, not frozen weights, random streams or
    moving averages.

    Args:
        loop: The inner loop that is served.
    """
    changing: dict[bool, set[int]] = {True: set(), False: set()}
    for layer in leaf_layers(loop.model):
        has_averages = isinstance(layer, keras.layers.BatchNormalization)
        moving = has_averages and loop.batch_norm == "moving"
        changing[layer.trainable and not moving].update(
            id(v)
            for v in layer.non_trainable_variables
            if keras.backend.is_float_dtype(v.dtype)
        )
    kept = changing[True] - changing[False]
    return [id(v) in kept for v in loop.model.non_trainable_variables]
