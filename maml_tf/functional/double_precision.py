"""Traced functions in float64, whatever dtype they were written for.

A graph says the dtype of each operation. With float64 in place of float32 and
the half precisions it computes the same function without their rounding, and
so does what a layer hides in a traced function of its own.
"""

import functools
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

_DOUBLE = tf.float64.as_datatype_enum
_FLOATS = [
    dtype.as_datatype_enum for dtype in (tf.float32, tf.float16, tf.bfloat16)
]
# By operation: names of outputs. Their kernels have no float64.
_FUSED = {
    "FusedBatchNormV3": "y batch_mean batch_variance reserve_space_1"
    " reserve_space_2 reserve_space_3",
    "FusedBatchNormGradV3": "x_backprop scale_backprop offset_backprop"
    " reserve_space_4 reserve_space_5",
}


class Graph:
    """A traced function that is evaluated apart from what it captured.

    Variables that the function captured are copied for each evaluation.

    Args:
        concrete: A `ConcreteFunction` of tensors.
        double: Whether to compute in float64; otherwise in the dtypes that were
            traced.

    Raises:
        ValueError: An operation does not exist in float64.
    """

    def __init__(self, concrete: Any, double: bool = True) -> None:
        self._inputs = [tensor.name for tensor in concrete.inputs]
        self._captured = concrete.captured_inputs
        self._variables = {id(v.handle): v for v in concrete.graph.variables}
        self._dtypes = [tensor.dtype for tensor in concrete.inputs]
        self._double = double
        graph_def = concrete.graph.as_graph_def()
        if double:
            graph_def = _in_float64(graph_def)
        self._wrapped = tf.compat.v1.wrap_function(
            functools.partial(
                tf.graph_util.import_graph_def, graph_def, name=""
            ),
            [],
        )
        self._pruned: dict[tuple, Any] = {}

    def __call__(
        self, outputs: Sequence[tf.Tensor], *inputs: np.ndarray
    ) -> list[np.ndarray]:
        """Evaluates some outputs.

        Args:
            outputs: Tensors of the traced function.
            *inputs: The function's arguments.

        Returns:
            Their values.
        """
        names = tuple(tensor.name for tensor in outputs)
        if names not in self._pruned:
            self._pruned[names] = self._wrapped.prune(self._inputs, list(names))
        copies = []
        with tf.device("CPU:0"):
            values: list = [
                tf.constant(value, self._dtype(dtype))
                for value, dtype in zip(inputs, self._dtypes)
            ]
            for value in self._captured:
                if id(value) in self._variables:
                    variable = self._variables[id(value)]
                    copies.append(
                        tf.Variable(
                            tf.cast(variable, self._dtype(variable.dtype))
                        )
                    )
                    value = copies[-1].handle
                values.append(tf.cast(value, self._dtype(value.dtype)))
            return [value.numpy() for value in self._pruned[names](*values)]

    def _dtype(self, dtype):
        floats = self._double and dtype.is_floating
        return tf.float64 if floats else dtype


def _in_float64(graph_def):
    """Returns the graph with float64 for every floating dtype."""
    # TensorFlow keeps one function of a name, whatever the graph.
    suffix = f"_float64_{uuid.uuid4().hex}"
    names = {
        function.signature.name: function.signature.name + suffix
        for function in graph_def.library.function
    }
    replaced: list = []
    _convert_nodes(graph_def.node, names, replaced)
    for function in graph_def.library.function:
        own: list = []
        function.signature.name = names[function.signature.name]
        _convert_nodes(function.node_def, names, own)
        renamed = {
            f"{name}:{output}:0": f"{name}:output:{index}"
            for name, outputs, _ in own
            for index, output in enumerate(outputs)
        }
        for node in function.node_def:
            inputs = [renamed.get(name, name) for name in node.input]
            del node.input[:]
            node.input.extend(inputs)
        for key, name in function.ret.items():
            function.ret[key] = renamed.get(name, name)
        for argument in (
            *function.signature.input_arg,
            *function.signature.output_arg,
        ):
            if argument.type in _FLOATS:
                argument.type = _DOUBLE
        replaced += own
    for gradient in graph_def.library.gradient:
        gradient.function_name = names[gradient.function_name]
        gradient.gradient_func = names[gradient.gradient_func]
    graph_def.library.function.extend(definition for *_, definition in replaced)
    return graph_def


def _convert_nodes(nodes, names, replaced):
    for node in nodes:
        node.device = ""
        node.op = names.get(node.op, node.op)
        for attribute in node.attr.values():
            _convert(attribute, names)
        if node.op in _FUSED:
            definition = _composite(node)
            replaced.append((node.name, _FUSED[node.op].split(), definition))
            node.op = "PartitionedCall"
            node.attr.clear()
            node.attr["f"].func.name = definition.signature.name
            for key, arguments in (
                ("Tin", definition.signature.input_arg),
                ("Tout", definition.signature.output_arg),
            ):
                node.attr[key].list.type.extend(a.type for a in arguments)


def _convert(attribute, names):
    kind = attribute.WhichOneof("value")
    if kind == "type" and attribute.type in _FLOATS:
        attribute.type = _DOUBLE
    elif kind == "tensor" and attribute.tensor.dtype in _FLOATS:
        array = tf.make_ndarray(attribute.tensor).astype("float64")
        attribute.tensor.CopyFrom(tf.make_tensor_proto(array))
    elif kind == "func":
        _convert_function(attribute.func, names)
    elif kind == "list":
        types = [_DOUBLE if t in _FLOATS else t for t in attribute.list.type]
        del attribute.list.type[:]
        attribute.list.type.extend(types)
        for function in attribute.list.func:
            _convert_function(function, names)


def _convert_function(function, names):
    function.name = names.get(function.name, function.name)
    for attribute in function.attr.values():
        _convert(attribute, names)


def _composite(node):
    """Returns the definition of a function in place of a fused kernel."""
    channels_first = node.attr["data_format"].s == b"NCHW"
    axes = [0, 2, 3] if channels_first else [0, 1, 2]
    training, epsilon = node.attr["is_training"].b, node.attr["epsilon"].f

    def by_channel(values):
        return values[:, None, None] if channels_first else values

    def normalized(x, mean, variance):
        if training:
            mean = tf.reduce_mean(x, axes)
            variance = tf.reduce_mean((x - by_channel(mean)) ** 2, axes)
        inverse = tf.math.rsqrt(variance + epsilon)
        centred = x - by_channel(mean)
        return mean, variance, inverse, centred * by_channel(inverse)

    def batch_norm(x, scale, offset, mean, variance):
        mean, variance, _, unit = normalized(x, mean, variance)
        y = unit * by_channel(scale) + by_channel(offset)
        sample_variance = variance
        if training:
            count = tf.cast(tf.size(x) // tf.size(mean), x.dtype)
            sample_variance *= count / tf.maximum(count - 1.0, 1.0)
        return y, mean, sample_variance, mean, variance, tf.zeros([0], x.dtype)

    def gradient(dy, x, scale, mean, variance, *reserved):
        del reserved
        _, _, inverse, unit = normalized(x, mean, variance)
        dx = dy
        if training:
            along = tf.reduce_mean(dy * unit, axes)
            dx -= by_channel(tf.reduce_mean(dy, axes))
            dx -= unit * by_channel(along)
        empty = tf.zeros([0], x.dtype)
        return (
            dx * by_channel(scale * inverse),
            tf.reduce_sum(dy * unit, axes),
            tf.reduce_sum(dy, axes),
            empty,
            empty,
        )

    images = tf.TensorSpec([None] * 4, tf.float64)
    channels = tf.TensorSpec([None], tf.float64)
    if node.op == "FusedBatchNormV3":
        traced = tf.function(batch_norm, autograph=False)
        signature = [images] + [channels] * 4
    else:
        traced = tf.function(gradient, autograph=False)
        signature = [images] * 2 + [channels] * 4
    return traced.get_concrete_function(*signature).function_def
