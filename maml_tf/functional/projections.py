"""Weights after an update, where their layers want them.

Keras applies constraints (`kernel_constraint`) after each update of an
optimizer, and `SpectralNormalization` assigns the normalised kernel. The inner
loop does the same to tensors.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from maml_tf.functional.layers import leaf_layers
from maml_tf.functional.spectral_normalization import normalized_kernel


def projected(
    model: keras.Model, phi: list, state: list, adapted: Sequence[bool]
) -> tuple[list, list]:
    """Applies constraints and spectral normalisation to adapted weights.

    Args:
        model: A built `keras.Model`.
        phi: Tensors in the order of `model.trainable_variables`.
        state: Tensors in the order of `model.non_trainable_variables`.
        adapted: Whether each trainable weight adapts; others stay.

    Returns:
        `(phi, state)`; the same tensors if no layer has either.
    """
    trainable, rest = model.trainable_variables, model.non_trainable_variables
    phi = [
        _constrained(variable.constraint, weight)
        if adapts and variable.constraint is not None
        else weight
        for variable, weight, adapts in zip(trainable, phi, adapted)
    ]
    adapting = {id(v) for v, adapts in zip(trainable, adapted) if adapts}
    layers = [
        layer
        for layer in _spectral_layers(model)
        if id(layer.kernel) in adapting
    ]
    if not layers:
        return phi, state
    with keras.StatelessScope([*zip(trainable, phi), *zip(rest, state)]) as new:
        for layer in layers:
            _normalize(layer)
    return (
        [new.get_current_value(v) for v in trainable],
        [new.get_current_value(v) for v in rest],
    )


def projects(model: keras.Model, adapted: Sequence[bool]) -> bool:
    """Returns whether `projected` can change an adapted weight.

    Args:
        model: A built `keras.Model`.
        adapted: Whether each trainable weight adapts.
    """
    kernels = {id(layer.kernel) for layer in _spectral_layers(model)}
    return any(
        adapts and (v.constraint is not None or id(v) in kernels)
        for v, adapts in zip(model.trainable_variables, adapted)
    )


def normalize_spectra(model: keras.Model) -> None:
    """Assigns the kernels that `SpectralNormalization` layers normalise.

    Args:
        model: A built `keras.Model`; frozen layers stay.
    """
    for layer in _spectral_layers(model):
        if layer.kernel.trainable:
            _normalize(layer)


# Keras's own: a subclass may do anything.
_NORMS = (
    keras.constraints.MaxNorm,
    keras.constraints.MinMaxNorm,
    keras.constraints.UnitNorm,
)


def _constrained(constraint, weight):
    """Applies a constraint, with finite derivatives where columns are zero.

    The derivative of a column's norm at zero is NaN. The map is linear there:
    an upper bound leaves short columns as they are, and a lower bound L
    multiplies them by L / ε, with Keras's ε.
    """
    if type(constraint) not in _NORMS:
        return constraint(weight)
    squares = tf.reduce_sum(tf.square(weight), constraint.axis, keepdims=True)
    is_zero = squares == 0
    # Both branches are computed, and neither may give NaN.
    safe = tf.where(is_zero, tf.ones_like(weight), weight)
    if isinstance(constraint, keras.constraints.UnitNorm):
        shortest = 1.0
    else:
        shortest = getattr(constraint, "min_value", 0.0)
        shortest *= getattr(constraint, "rate", 1.0)
    slope = shortest / keras.config.epsilon() if shortest else 1.0
    return tf.where(is_zero, slope * weight, constraint(safe))


def _spectral_layers(model):
    return [
        layer
        for layer in leaf_layers(model)
        if isinstance(layer, keras.layers.SpectralNormalization)
    ]


def _normalize(layer):
    u, kernel = normalized_kernel(layer)
    layer.vector_u.assign(tf.stop_gradient(u))
    layer.kernel.assign(kernel)
