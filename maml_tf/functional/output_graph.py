"""Facts about the end of a model, read from the graph of its outputs.

The graph shows them whatever layers, functions or classes the model is made of.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Operations that only change the form of a tensor.
_FORM = {
    "Cast",
    "ExpandDims",
    "Identity",
    "PreventGradient",
    "Reshape",
    "Squeeze",
    "StopGradient",
}


def input_specs(model: keras.Model) -> Any:
    """Returns the form of a model's inputs.

    Args:
        model: A built `keras.Model`, also of a class of one's own that was
            called or built with one shape.

    Returns:
        A `tf.TensorSpec`, or a structure of them; None if it is not known.
    """
    if is_functional(model):
        # A sequential model's `input` exists only after the first call.
        sequential = isinstance(model, keras.Sequential)
        inputs = model.inputs[0] if sequential else model.input
        return keras.tree.map_structure(
            lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), inputs
        )
    config = model.get_build_config() or {}
    shape = config.get("input_shape")
    if shape is None:
        shapes = list((config.get("shapes_dict") or {}).values())
        shape = shapes[0] if len(shapes) == 1 else None
    if not isinstance(shape, list | tuple) or not all(
        size is None or isinstance(size, int) for size in shape
    ):
        return None
    return tf.TensorSpec([None, *shape[1:]], model.compute_dtype)


def is_functional(model: Any) -> bool:
    """Returns whether a model is functional or sequential, and built."""
    return (
        isinstance(model, keras.Model)
        and hasattr(model, "outputs")
        and bool(model.outputs)
        and bool(model.inputs)
    )


def traced(model: keras.Model) -> Any:
    """Traces a model.

    Args:
        model: As in `input_specs`.

    Returns:
        The `ConcreteFunction` of its inputs at inference; None if it cannot be
        traced or does not have one output.
    """
    try:
        specs = input_specs(model)
        if specs is None:
            return None
        concrete = tf.function(
            lambda x: model(x, training=False), autograph=False
        ).get_concrete_function(specs)
    except Exception:  # A model of the user's may raise any.
        return None
    return concrete if len(concrete.outputs) == 1 else None


def ends_in_probabilities(model: keras.Model) -> bool:
    """Returns whether a model ends in a softmax or sigmoid.

    The graph shows their operations, in any layer or function. A softmax that
    is written in other operations is found by its values: rows of two random
    batches that are not negative and sum to one.

    Args:
        model: A built `keras.Model`.
    """
    if _ends_in_linear_layer(model):
        return False
    concrete = traced(model)
    if concrete is None:
        return False
    tensor = concrete.outputs[0]
    while tensor.op.type in _FORM:
        tensor = tensor.op.inputs[0]
    if tensor.op.type in ("Softmax", "Sigmoid"):
        return True
    outputs = concrete.outputs[0].shape
    if outputs.rank is None or outputs.rank < 2 or outputs[-1] == 1:
        return False
    return all(_sums_to_one(concrete, seed) for seed in range(2))


def _ends_in_linear_layer(model):
    """Returns whether a layer of Keras with weights gives the raw outputs."""
    while is_functional(model) and len(model.outputs) == 1:
        model = model.outputs[0]._keras_history.operation
    return (
        type(model).__module__.startswith("keras.")
        and getattr(model, "activation", None) is keras.activations.linear
        and bool(model.weights)
    )


def _sums_to_one(concrete, seed):
    random = np.random.RandomState(seed)

    def drawn(spec):
        shape = [size or 4 for size in spec.shape.as_list()]
        values = random.normal(size=shape)
        if spec.dtype.is_floating:
            return tf.cast(values, spec.dtype)
        return tf.cast(values > 0, spec.dtype)

    try:
        inputs = [drawn(spec) for spec in _own_inputs(concrete)]
        outputs = concrete(*inputs)
        outputs = tf.nest.flatten(outputs)[0].numpy().astype(np.float64)
    except Exception:  # Such as texts, or sizes that the model does not take.
        return False
    return bool(
        (outputs >= 0).all() and np.allclose(outputs.sum(-1), 1.0, atol=1e-3)
    )


def _own_inputs(concrete):
    """Returns the placeholders of a function's arguments."""
    number = len(concrete.inputs) - len(concrete.captured_inputs)
    return concrete.inputs[:number]
