"""A scope in which layers compute with exact derivatives.

Keras's `StatelessScope` is thread-local state that variables consult. This is
the same for layers. A layer is equipped once: from then on its `call` asks a
context variable. Within the scope the layer computes with exact derivatives.
Outside of it, and in every other thread, its `call` is unchanged.
"""

import contextlib
import contextvars
import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from maml_tf.errors import InputError
from maml_tf.functional.batch_normalization import batch_normalization
from maml_tf.functional.convolution import Convolution
from maml_tf.functional.layers import leaf_layers
from maml_tf.functional.max_pooling import max_pooling
from maml_tf.functional.moments import moments
from maml_tf.functional.redundant_biases import redundant_biases


class _Scope(NamedTuple):
    """The model that is called with exact derivatives, and how.

    Attributes:
        layers: Identities of the model's layers; other layers are unchanged.
        batch_statistics: Whether batch normalisation uses the batch.
        redundant: `BatchNormalization` layers, each with the `Conv2D` before it
            whose bias has no effect.
    """

    layers: frozenset
    batch_statistics: bool
    redundant: Mapping


_SCOPE: contextvars.ContextVar[_Scope | None] = contextvars.ContextVar(
    "maml_tf_scope", default=None
)


@contextlib.contextmanager
def exact_derivatives(
    model: keras.Model, batch_statistics: bool
) -> Iterator[None]:
    """Makes a model's layers exact while it is called in this thread.

    Batch normalisation takes the statistics given here for any value of
    `training`, and stores those of the batch unmixed. Recurrent layers do not
    use cuDNN: its kernels have no second derivative. Moments get the derivative
    that they lack, common image layers get a cheaper one, and biases without
    effect are left out.

    Args:
        model: A built `keras.Model`.
        batch_statistics: Whether batch normalisation uses the statistics of the
            batch; otherwise the moving averages. Frozen batch normalisation
            always uses the moving averages.
    """
    _equip_tensorflow()
    layers = leaf_layers(model)
    for layer in layers:
        _equip(layer)
    redundant = redundant_biases(model) if batch_statistics else {}
    token = _SCOPE.set(
        _Scope(
            frozenset(map(id, layers)),
            batch_statistics,
            {norm: conv for norm, conv in redundant.items() if norm.trainable},
        )
    )
    try:
        yield
    finally:
        _SCOPE.reset(token)


def _equip_tensorflow():
    """Lets `tf.nn.moments`, which Keras calls, ask for the scope."""
    # Looked up every time: `import tensorflow.nn` replaces the module.
    original = tf.nn.moments
    if hasattr(original, "asks_for_scope"):
        return

    @functools.wraps(original)
    def dispatch(*args, **options):
        if _SCOPE.get() is None:
            return original(*args, **options)
        return moments(*args, **options)

    vars(dispatch)["asks_for_scope"] = True
    tf.nn.__dict__["moments"] = dispatch


def _equip(layer):
    """Lets a layer's `call` ask for the scope; the second time does nothing."""
    exact = _exact_call(layer)
    if exact is None:
        return
    # Read once: another thread may be equipping the same layer.
    original = layer.__dict__.get("call")
    if hasattr(original, "asks_for_scope"):
        return
    if original is not None:
        raise InputError(
            f"model: the `call` of layer {layer.name!r} was set on the layer"
            " itself, where its derivatives cannot be made exact; define it in"
            " a subclass."
        )
    original = layer.call

    @functools.wraps(original)
    def call(*args, **options):
        scope = _SCOPE.get()
        if scope is None or id(layer) not in scope.layers:
            return original(*args, **options)
        return exact(scope, layer, *args, **options)

    vars(call)["asks_for_scope"] = True
    # Not by Keras's __setattr__, which would track and lock it.
    layer.__dict__["call"] = call


def _exact_call(layer):
    """Returns the function that computes a layer in the scope, or None."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return _call_batch_normalization
    if type(layer) is keras.layers.Conv2D:
        return _call_convolution
    if type(layer) is keras.layers.MaxPooling2D:
        return _call_max_pooling
    if hasattr(layer, "use_cudnn"):
        return _call_without_cudnn
    return None


def _call_with(layer, attributes, *args, **options) -> Any:
    """Calls a layer as if it had other attributes, without changing it."""
    twin = object.__new__(type(layer))
    twin.__dict__.update(layer.__dict__)
    twin.__dict__.update(attributes)
    return type(layer).call(twin, *args, **options)


def _call_without_cudnn(scope, layer, *args, **options):
    del scope
    return _call_with(layer, {"use_cudnn": False}, *args, **options)


def _call_batch_normalization(scope, layer, inputs, **options):
    # A subclass may lack this argument.
    if "training" in inspect.signature(type(layer).call).parameters:
        options["training"] = scope.batch_statistics
    convolution = scope.redundant.get(layer)
    biased = inputs
    if convolution is not None:
        biased = _with_bias(inputs, convolution)
    # The state that comes out holds the batch's statistics, not an average.
    outputs = _call_with(layer, {"momentum": 0.0}, biased, **options)
    if (
        scope.batch_statistics
        and layer.trainable
        and type(layer) is keras.layers.BatchNormalization
        and not getattr(layer, "renorm", False)
        and not layer.synchronized
        and layer.center
        and options.get("mask") is None
        and _is_image(inputs)
        and inputs.dtype == tf.float32
        and layer.axis in (-1, 3)
    ):
        # The call above leaves the statistics in the state; its outputs are not
        # used, and the graph drops them.
        outputs = batch_normalization(
            inputs,
            tf.convert_to_tensor(layer.gamma) if layer.scale else None,
            tf.convert_to_tensor(layer.beta),
            layer.epsilon,
        )
    return outputs


def _with_bias(x, convolution):
    bias = tf.cast(convolution.bias, x.dtype)
    if convolution.data_format == "channels_first":
        bias = bias[:, tf.newaxis, tf.newaxis]
    return x + bias


def _call_convolution(scope, layer, inputs):
    def product(inputs, kernel):
        inputs = tf.convert_to_tensor(inputs)
        if not (
            _is_image(inputs)
            and layer.data_format == "channels_last"
            and layer.padding in ("same", "valid")
            and tuple(layer.dilation_rate) == (1, 1)
            and layer.groups == 1
        ):
            return layer.convolution_op(inputs, kernel)
        kernel = tf.convert_to_tensor(kernel)
        return Convolution(
            inputs.shape[1:], kernel.shape, layer.strides, layer.padding
        )(inputs, kernel)

    attributes: dict[str, Any] = {"convolution_op": product}
    if layer in scope.redundant.values():
        attributes["use_bias"] = False
    return _call_with(layer, attributes, inputs)


def _call_max_pooling(scope, layer, inputs):
    del scope
    if not (
        _is_image(inputs)
        and layer.data_format == "channels_last"
        and layer.padding == "valid"
        and tuple(layer.pool_size) == tuple(layer.strides)
    ):
        return _call_with(layer, {}, inputs)
    return max_pooling(inputs, tuple(layer.pool_size))


def _is_image(x):
    return (
        x.dtype in (tf.float32, tf.bfloat16)
        and x.shape.rank == 4
        and None not in x.shape.as_list()[1:]
    )
