"""A Keras model as a function of weights that are tensors.

MAML needs the output of a network at weights that were themselves computed.
`keras.Model.stateless_call` gives it, for any built model; this file adds what
meta-learning needs to say about the layers that keep a state: which statistics
batch normalisation uses, apart from whether dropout is on, and which random
stream a task's dropout draws from.
"""

import contextlib
import threading

import keras
import tensorflow as tf

from maml_tf.errors import InputError
from maml_tf.functional.batch_normalization import batch_normalization
from maml_tf.functional.convolution import Convolution
from maml_tf.functional.max_pooling import max_pooling
from maml_tf.functional.redundant_biases import redundant_biases
from maml_tf.graph.random_streams import fold_in

BATCH_NORM_MODES = ("transductive", "inductive", "moving")

_MISSING = object()

# Layers are the model's, `tf.nn` everybody's: one thread at a time sets them.
_TRACING = threading.RLock()


class FunctionalModel:
    """The same layers on other weights, gradients kept to every order.

    The model's own variables are read once by `theta` and `state` and are never
    written.

    Args:
        model: any built `keras.Model`. Weights of frozen layers
            (`layer.trainable = False`) belong to the state and stay as they
            are.
    """

    def __init__(self, model):
        if not model.built:
            raise InputError(
                f"model: {model.name!r} is not built; call it on an input, or"
                " give it an Input layer, before it is adapted."
            )
        if not model.trainable_variables:
            raise InputError(
                f"model: {model.name!r} has no trainable weights; unfreeze at"
                " least one layer."
            )
        self.model = model

    def theta(self):
        """The trainable weights as tensors: the initialisation θ."""
        return [
            tf.convert_to_tensor(variable.value)
            for variable in self.model.trainable_variables
        ]

    def state(self, seed=None):
        """The non-trainable weights as tensors, as one task starts with them.

        Args:
            seed: int tensor `[2]`. Where given, the random streams of the model
                (dropout's, for one) start from it, so that every task draws
                masks of its own; where None, from the model's own seeds.
        """
        state = []
        for index, variable in enumerate(self.model.non_trainable_variables):
            value = tf.convert_to_tensor(variable.value)
            if seed is not None and _is_random_state(variable):
                # Twice, because fold_in ends with the number itself, which a
                # layer counts up with every call: once, and the second call of
                # one layer would draw the first mask of the next.
                stream = fold_in(fold_in(seed, index), 0)
                # Halves of a counter-based generator's key, never negative.
                value = tf.cast(
                    tf.bitwise.bitwise_and(stream, 2**31 - 1), value.dtype
                )
            state.append(value)
        return state

    def __call__(self, weights, state, x, *, training, batch_statistics):
        """The model's outputs at `weights`.

        Args:
            weights: tensors in the order of `model.trainable_variables`.
            state: tensors in the order of `model.non_trainable_variables`.
            x: the inputs, `[examples, ...]` or a structure of such.
            training: whether layers such as dropout behave as in training.
            batch_statistics: whether batch normalisation uses the statistics of
                `x`, whatever `training` says. The state returned then holds
                exactly these statistics; otherwise it is normalised by the
                moving averages in `state`. Frozen batch normalisation always
                uses these, as everywhere in Keras.

        Returns:
            `(outputs, new_state)`.
        """
        with _twice_differentiable(self.model, batch_statistics):
            return self.model.stateless_call(
                weights, state, x, training=training
            )


def variables_read_once(model):
    """A scope in which the model's variables are tensors, read at its start.

    For loops over tasks: a `loop_body` that reads variables itself is stateful,
    and iterations overlap less (a fifth slower on two cores).

    Args:
        model: a built `keras.Model`.

    Returns:
        A context manager.
    """
    return keras.StatelessScope(
        [(v, tf.convert_to_tensor(v.value)) for v in model.variables]
    )


def leaf_layers(model):
    """All layers in `model`, inside nested models and other layers too.

    Those that contain others are among them, nested models are not. In no
    particular order.
    """
    return [
        layer
        for layer in model._flatten_layers(include_self=False)
        if not isinstance(layer, keras.Model)
    ]


def has_batch_norm(model):
    """Whether batch normalisation is among a model's layers."""
    return any(
        isinstance(layer, keras.layers.BatchNormalization)
        for layer in leaf_layers(model)
    )


def _is_random_state(variable):
    return variable.path.endswith("seed_generator_state")


@contextlib.contextmanager
def _twice_differentiable(model, batch_statistics):
    """Sets, while a call is traced, what its signature cannot say.

    Batch normalisation takes its statistics as told, whatever `training` is,
    and keeps those of the batch unmixed; recurrent layers leave cuDNN alone,
    whose kernels have no second derivative; moments get the one they lack;
    common image layers get one that is cheap; biases without effect are left
    out.
    """
    with _TRACING, contextlib.ExitStack() as stack:
        stack.enter_context(_attributes(tf.nn, moments=_moments))
        redundant = redundant_biases(model) if batch_statistics else {}
        # Frozen batch normalisation uses its moving averages.
        redundant = {n: c for n, c in redundant.items() if n.trainable}
        for convolution in redundant.values():
            stack.enter_context(_attributes(convolution, use_bias=False))
        for layer in leaf_layers(model):
            if isinstance(layer, keras.layers.BatchNormalization):
                stack.enter_context(
                    _attributes(
                        layer,
                        call=_batch_normalization(
                            layer, batch_statistics, redundant.get(layer)
                        ),
                        momentum=0.0,
                    )
                )
            elif type(layer) is keras.layers.Conv2D:
                stack.enter_context(
                    _attributes(layer, convolution_op=_convolution(layer))
                )
            elif type(layer) is keras.layers.MaxPooling2D:
                stack.enter_context(
                    _attributes(layer, call=_max_pooling(layer))
                )
            elif hasattr(layer, "use_cudnn"):
                stack.enter_context(_attributes(layer, use_cudnn=False))
        yield


def _batch_normalization(layer, batch_statistics, without_bias):
    """`layer.call` with the statistics chosen.

    `without_bias` is the convolution before it whose bias was left out, or
    None.
    """
    call = layer.call

    def with_chosen_statistics(inputs, training=None, mask=None):
        del training
        biased = inputs
        if without_bias is not None:
            biased = _with_bias(inputs, without_bias)
        outputs = call(biased, training=batch_statistics, mask=mask)
        if (
            batch_statistics
            and layer.trainable
            and type(layer) is keras.layers.BatchNormalization
            and layer.center
            and mask is None
            and _is_image(inputs)
            and inputs.dtype == tf.float32
            and layer.axis in (-1, 3)
        ):
            # The call above is for the statistics that it leaves in the state;
            # its outputs have no use and are pruned.
            outputs = batch_normalization(
                inputs,
                tf.convert_to_tensor(layer.gamma) if layer.scale else None,
                tf.convert_to_tensor(layer.beta),
                layer.epsilon,
            )
        return outputs

    return with_chosen_statistics


def _with_bias(x, convolution):
    bias = tf.cast(convolution.bias, x.dtype)
    if convolution.data_format == "channels_first":
        bias = bias[:, tf.newaxis, tf.newaxis]
    return x + bias


def _convolution(layer):
    convolution_op = layer.convolution_op

    def convolution(inputs, kernel):
        inputs = tf.convert_to_tensor(inputs)
        if not (
            _is_image(inputs)
            and layer.data_format == "channels_last"
            and layer.padding in ("same", "valid")
            and tuple(layer.dilation_rate) == (1, 1)
            and layer.groups == 1
        ):
            return convolution_op(inputs, kernel)
        kernel = tf.convert_to_tensor(kernel)
        return Convolution(
            inputs.shape[1:], kernel.shape, layer.strides, layer.padding
        )(inputs, kernel)

    return convolution


def _max_pooling(layer):
    call = layer.call

    def pooling(inputs):
        if not (
            _is_image(inputs)
            and layer.data_format == "channels_last"
            and layer.padding == "valid"
            and tuple(layer.pool_size) == tuple(layer.strides)
        ):
            return call(inputs)
        return max_pooling(inputs, tuple(layer.pool_size))

    return pooling


def _is_image(x):
    return (
        x.dtype in (tf.float32, tf.bfloat16)
        and x.shape.rank == 4
        and None not in x.shape.as_list()[1:]
    )


def _moments(x, axes, shift=None, keepdims=False, name=None):
    """`tf.nn.moments`, exact to every order.

    TensorFlow's takes the mean within the variance for a constant. That is
    right for the first derivative, and wrong for the second: it makes
    meta-gradients through batch and group normalisation wrong by a tenth or
    more (10 to 25 % of their norm for `conv4` on Omniglot's shapes).
    """
    del shift, name
    statistics_dtype = tf.float32 if x.dtype == tf.float16 else x.dtype
    values = tf.cast(x, statistics_dtype)
    mean = tf.reduce_mean(values, axes, keepdims=True)
    variance = tf.reduce_mean(
        tf.math.squared_difference(values, mean), axes, keepdims
    )
    if not keepdims:
        mean = tf.squeeze(mean, axes)
    return tf.cast(mean, x.dtype), tf.cast(variance, x.dtype)


@contextlib.contextmanager
def _attributes(owner, **values):
    """Attributes of a layer or module, for the time of a `with` block."""
    before = {name: owner.__dict__.get(name, _MISSING) for name in values}
    # Around Keras's __setattr__, which would track and lock.
    owner.__dict__.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is _MISSING:
                del owner.__dict__[name]
            else:
                owner.__dict__[name] = value
