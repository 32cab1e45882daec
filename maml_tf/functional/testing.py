"""Checks the second derivative of a model, without which MAML learns wrongly.

A layer that keeps an inexact derivative of its own, or a function traced
before, is beyond the reach of `FunctionalModel`. No error shows it: the
meta-gradient is wrong by some per cent.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from maml_tf.errors import InputError, refusal
from maml_tf.functional.layer_by_layer import errors_of_layers
from maml_tf.functional.model import FunctionalModel
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
    stale = _stale_weights(outputs_at, theta, model)
    if stale:
        error = Error(np.inf)
        verdict = (
            f"model: {stale[0]!r} is read in a function that was traced"
            " before, which takes the variable and not the adapted weight;"
            " leave tf.function out of the layer's `call`."
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
            errors = errors_of_layers(model, theta, state, outputs_at)
            layers = {_name(la, errors): e.relative for la, e in errors.items()}
            outputs = outputs_at(theta)
            of_loss = error_of(
                lambda flat: loss(y, tf.nest.pack_sequence_as(outputs, flat)),
                tf.nest.flatten(outputs),
                seed=seed,
            )
            verdict = _blame(model, error, errors, of_loss)
    if raises and not error.exact:
        raise InputError(verdict)
    return MetaGradientCheck(
        error.exact, error.relative, layers, error.precision.dtype, verdict
    )


def check_first_episode(
    model: keras.Model, loss: Callable, episodes: Callable, seed: int = 0
) -> MetaGradientCheck:
    """Checks the support set of the first task; see `check_meta_gradient`.

    Args:
        model: Any built `keras.Model`.
        loss: Function `(y, outputs) -> scalar`.
        episodes: Function `number -> Episode`. If it has a method `peek`, that
            gives the episode: a generator must not lose one.
        seed: Seed of the directions and of dropout.
    """
    peek = getattr(episodes, "peek", None)
    episode = peek() if peek else episodes(tf.constant(0, tf.int64))
    return check_meta_gradient(
        model, loss, episode.support_x, episode.support_y, seed=seed
    )


def _tensors(values):
    """Returns a batch as tensors; a list of numbers is one."""
    leaves = tf.nest.flatten(values)
    if not any(hasattr(leaf, "shape") for leaf in leaves):
        return tf.convert_to_tensor(values)
    return tf.nest.map_structure(tf.convert_to_tensor, values)


def _stale_weights(outputs_at, theta, model):
    """Returns the paths of weights that a stale traced function reads."""
    specs = [tf.TensorSpec(t.shape, t.dtype) for t in theta]
    graph = tf.function(outputs_at, autograph=False)
    read = {id(v) for v in graph.get_concrete_function(specs).graph.variables}
    return [v.path for v in model.trainable_variables if id(v.value) in read]


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
    """Returns the sentence that names the part at fault."""
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
        " up when it is called, and without a tf.function, tf.stop_gradient or"
        " custom gradient of its own; or adapt in first order (fomaml)."
    )


def _name(layer, errors):
    """Returns a layer's name, or its path if others have the same."""
    namesakes = [other for other in errors if other.name == layer.name]
    return layer.name if len(namesakes) == 1 else layer.path
