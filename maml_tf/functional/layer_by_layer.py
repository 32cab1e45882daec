"""The second derivative of each layer of a model by itself."""

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf

from maml_tf.errors import InputError
from maml_tf.functional.scope import exact_derivatives
from maml_tf.functional.second_derivatives import Error, error_of

# By layer, the arguments of its first call in this thread.
_RECORDS: contextvars.ContextVar[dict | None] = contextvars.ContextVar(
    "maml_tf_records", default=None
)
_RECORDING = threading.Lock()


def errors_of_layers(
    model: keras.Model, theta: Sequence, state: Sequence, outputs_at: Callable
) -> dict[keras.layers.Layer, Error]:
    """Checks each layer by itself, at the inputs that it gets.

    Nested models and layers that contain others are checked as one, too.

    Args:
        model: A built `keras.Model`.
        theta: Tensors in the order of `model.trainable_variables`.
        state: Tensors in the order of `model.non_trainable_variables`.
        outputs_at: The model's outputs as a function of `theta`.

    Returns:
        The errors of the layers that can be called by themselves.
    """
    with exact_derivatives(model, batch_statistics=True):
        layers = [
            layer
            for layer in model._flatten_layers(include_self=False)
            if not isinstance(layer, keras.layers.InputLayer)
        ]
    with _calls_recorded(layers) as records:
        outputs_at(theta)
    variables = model.trainable_variables + model.non_trainable_variables
    values = dict(zip(map(id, variables), [*theta, *state]))
    errors = {}
    for layer, (args, options) in records.items():
        function, point = _alone(model, layer, args, options, values)
        # The record may lack something that the layer needs.
        with contextlib.suppress(InputError, TypeError, ValueError):
            errors[layer] = error_of(function, point, moved=0.01)
    return errors


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
    vars(call)["asks_for_scope"] = True
    return call


def _alone(model, layer, args, options, values):
    """Returns a layer as a scalar function, and the point to check it at.

    The scalar is the product of outputs and cotangents. The point consists of
    the inputs, the weights and the cotangents, so that no derivative is missed.
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
