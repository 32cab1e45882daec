"""Checks the second derivative of a model, without which MAML learns wrongly.

A layer that keeps an inexact derivative of its own, or a function traced
before, is beyond the reach of `FunctionalModel`. No error shows it: the
meta-gradient is wrong by some per cent.
"""

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from maml_tf.errors import InputError, refusal
from maml_tf.functional.model import FunctionalModel
from maml_tf.functional.scope import exact_derivatives
from maml_tf.functional.second_derivatives import FLOAT32, Error, error_of


class MetaGradientCheck(NamedTuple):
    """The result of `check_meta_gradient`; `str` gives its verdict.

    Attributes:
        exact: Whether the second derivative is exact.
        relative_error: Of a Hessian-vector product, the largest over the
            weights; infinite if it does not exist.
        layers: The same error of each layer by itself, by name, if the model
            is not exact; otherwise empty.
        precision: `"float64"`, or `"float32"` if an operation of the model does
            not exist in float64.
        verdict: A sentence that names the layer at fault.
    """

    exact: bool
    relative_error: float
    layers: dict[str, float]
    precision: str
    verdict: str

    def __str__(self) -> str:
        return self.verdict


def check_meta_gradient(
    model: keras.Model,
    loss: Callable,
    x: Any,
    y: Any,
    *,
    seed: int = 0,
    raises: bool = True,
) -> MetaGradientCheck:
    """Checks that the meta-gradient through a model is exact.

    Compares the product of the loss's Hessian and a random direction, as the
    inner loop computes it, with a central difference of the first gradient, in
    float64 whatever the model's dtype. The model is as in training: dropout is
    on, batch normalisation uses the batch. The weights are those of the model,
    moved by a tenth at random, because zeros may lie on the kink of a ReLU. If
    the two differ, each layer is checked by itself at its inputs. The model's
    own weights and moving averages stay as they are.

    It concerns algorithms of second order (MAML, ANIL, BOIL); those of first
    order do not use the second derivative.

    Args:
        model: Any built `keras.Model`.
        loss: Function `(y, outputs) -> scalar`.
        x: One batch of inputs, `[examples, ...]`, or a structure of such.
        y: Its targets, as the loss takes them.
        seed: Of the directions and of dropout.
        raises: Whether to raise an error if the derivative is not exact.

    Returns:
        A `MetaGradientCheck`.

    Raises:
        InputError: The second derivative is wrong or does not exist, and
            `raises` is True; the message names the layer. Or the model cannot
            be checked: two calls differ, or the loss is not finite.
    """
    if not callable(loss):
        raise refusal("loss", loss, "it must be a function (y, outputs)")
    functional = FunctionalModel(model)
    state = functional.state(tf.constant([seed, 0], tf.int64))
    x, y = _tensors(x), _tensors(y)

    def outputs_at(theta):
        return functional(
            theta, state, x, training=True, batch_statistics=True
        )[0]

    theta = functional.theta()
    layers: dict[str, float] = {}
    unread = _weights_not_read(outputs_at, theta, model)
    if unread:
        error = Error(np.inf)
        verdict = (
            f"model: {unread[0]!r} is read in a function that was traced"
            " before, which takes the variable and not the adapted weight;"
            " leave tf.function out of the layer's `call`, or check and adapt a"
            " model that was not called before."
        )
    else:
        error = error_of(
            lambda theta: loss(y, outputs_at(theta)),
            theta,
            seed=seed,
            moved=0.1,
        )
        if error.exact:
            verdict = _exact(error)
        else:
            errors = _errors_of_layers(model, theta, state, outputs_at)
            layers = {_name(la, errors): e.relative for la, e in errors.items()}
            of_loss = error_of(
                lambda outputs: loss(
                    y, tf.nest.pack_sequence_as(outputs_at(theta), outputs)
                ),
                tf.nest.flatten(outputs_at(theta)),
                seed=seed,
            )
            verdict = _blame(model, error, errors, of_loss)
    if raises and not error.exact:
        raise InputError(verdict)
    return MetaGradientCheck(
        error.exact, error.relative, layers, error.precision.dtype, verdict
    )


def _tensors(values):
    """A batch as tensors; a list of numbers is one."""
    leaves = tf.nest.flatten(values)
    if not any(hasattr(leaf, "shape") for leaf in leaves):
        return tf.convert_to_tensor(values)
    return tf.nest.map_structure(tf.convert_to_tensor, values)


def _weights_not_read(outputs_at, theta, model):
    """Paths of weights that a function traced before reads for itself."""
    specs = [tf.TensorSpec(t.shape, t.dtype) for t in theta]
    graph = tf.function(outputs_at, autograph=False)
    read = {id(v) for v in graph.get_concrete_function(specs).graph.variables}
    return [v.path for v in model.trainable_variables if id(v.value) in read]


# By identity, the first call of each layer in this thread.
_RECORDS: contextvars.ContextVar[dict | None] = contextvars.ContextVar(
    "maml_tf_records", default=None
)
_RECORDING = threading.Lock()


@contextlib.contextmanager
def _calls_recorded(layers) -> Iterator[dict]:
    """Collects what each layer is called with in this thread."""
    with _RECORDING:
        before = [layer.__dict__.get("call") for layer in layers]
        for layer in layers:
            # Around Keras's __setattr__, which would track and lock.
            layer.__dict__["call"] = _recorder(layer, layer.call)
        records: dict = {}
        token = _RECORDS.set(records)
        try:
            yield records
        finally:
            _RECORDS.reset(token)
            for layer, call in zip(layers, before):
                if call is None:
                    del layer.__dict__["call"]
                else:
                    layer.__dict__["call"] = call


def _recorder(layer, own):
    def call(*args, **options):
        records = _RECORDS.get()
        if records is not None and not any(
            tf.is_symbolic_tensor(value)
            for value in tf.nest.flatten((args, options))
            if tf.is_tensor(value)
        ):
            records.setdefault(layer, (args, options))
        return own(*args, **options)

    # The scope must not take it for the user's own.
    call.asks_for_scope = True
    return call


def _errors_of_layers(model, theta, state, outputs_at):
    """The error of each layer by itself, at the inputs that it gets."""
    with exact_derivatives(model, batch_statistics=True):
        layers = [
            layer
            for layer in model._flatten_layers(include_self=False)
            if not isinstance(layer, keras.layers.InputLayer)
        ]
    with _calls_recorded(layers) as records:
        outputs_at(theta)
    values = dict(
        zip(
            (id(v) for v in model.variables),
            map(tf.convert_to_tensor, (v.value for v in model.variables)),
        )
    )
    values.update(
        (id(v), value)
        for v, value in (
            *zip(model.trainable_variables, theta),
            *zip(model.non_trainable_variables, state),
        )
    )
    errors = {}
    for layer, (args, options) in records.items():
        function, point = _alone(model, layer, args, options, values)
        # What was recorded may not be all that the layer needs.
        with contextlib.suppress(InputError, TypeError, ValueError):
            errors[layer] = error_of(function, point, moved=0.01)
    return errors


def _alone(model, layer, args, options, values):
    """A layer's scalar product with a cotangent, and the point to check it at.

    The point is the inputs, the layer's weights and the cotangent.
    """
    inputs = tf.nest.flatten((args, options))
    places = [
        i
        for i, value in enumerate(inputs)
        if tf.is_tensor(value) and value.dtype.is_floating
    ]
    weights = layer.trainable_variables

    def outputs_at(point):
        given = list(inputs)
        for place, value in zip(places, point):
            given[place] = value
        own = {**values}
        own.update(zip(map(id, weights), point[len(places) :]))
        args_, options_ = tf.nest.pack_sequence_as((args, options), given)
        with (
            exact_derivatives(model, batch_statistics=True),
            keras.StatelessScope([(v, own[id(v)]) for v in model.variables]),
        ):
            outputs = tf.nest.flatten(layer(*args_, **options_))
        return [o for o in outputs if o.dtype.is_floating]

    point = [inputs[i] for i in places] + [values[id(w)] for w in weights]
    cotangents = [
        tf.cast(tf.random.stateless_normal(o.shape, [0, i]), o.dtype)
        for i, o in enumerate(outputs_at(point))
    ]

    def function(point):
        outputs = outputs_at(point)
        pairs = zip(outputs, point[-len(outputs) :])
        return tf.add_n([tf.reduce_sum(o * c) for o, c in pairs])

    return function, point + cotangents


def _exact(error):
    verdict = (
        "The meta-gradient is exact: a Hessian-vector product and a central"
        f" difference in {error.precision.dtype} agree to {error.relative:.0e}."
    )
    if error.precision is FLOAT32:
        verdict += (
            " An operation of the model does not exist in float64, so that an"
            f" error below {100 * FLOAT32.tolerance:g} % would not be seen."
        )
    return verdict


def _blame(model, error, errors, of_loss):
    """The sentence that names what is at fault."""
    wrong = {layer: e for layer, e in errors.items() if not e.exact}
    # A layer that contains another at fault is not to blame.
    inner = {
        layer: e
        for layer, e in wrong.items()
        if not any(
            other is not layer and other in wrong
            for other in layer._flatten_layers(include_self=False)
        )
    }
    if inner:
        parts = "; ".join(
            f"layer {_name(layer, errors)!r} ({type(layer).__name__}): {e}"
            for layer, e in inner.items()
        )
    elif not of_loss.exact:
        return f"loss: {of_loss}; write it with differentiable operations."
    else:
        parts = (
            f"the `call` of {model.name!r} ({type(model).__name__}), outside"
            f" of its layers: {error}"
        )
    return (
        f"model: {parts}. Write it with keras.ops, or with tf.nn.moments looked"
        " up when it is called, and without a tf.function, a tf.stop_gradient or"
        " a custom gradient of its own; or adapt in first order (fomaml)."
    )


def _name(layer, errors):
    """A layer's name, or its path if others have the same."""
    namesakes = [other for other in errors if other.name == layer.name]
    return layer.name if len(namesakes) == 1 else layer.path
