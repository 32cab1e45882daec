"""Gives a trained network another head."""

import contextlib

import keras
import numpy as np

from maml_tf.algorithms import adapted_weights
from maml_tf.algorithms.head_layers import head_layers, weighted_layers
from maml_tf.errors import InputError
from maml_tf.learner.knowledge import copy_knowledge, derive_again


def with_outputs(model: keras.Model, outputs: int) -> keras.Model:
    """Makes the same network with another number of outputs, untrained.

    Args:
        model: A functional or sequential `keras.Model` that ends in a `Dense`
            head.
        outputs: Number of outputs of the new head.

    Returns:
        A `keras.Model` with initial weights; `copy_weights` or `renew` gives
        it the weights of `model`.

    Raises:
        InputError: The model is of another kind.
    """
    heads = head_layers(model)
    head = heads[0] if len(heads) == 1 else None
    if (
        # A model of the user's own class may call its layers in any way.
        not type(model).__module__.startswith("keras.")
        or head is None
        # Scales and norms of outputs depend on their number.
        or head is not weighted_layers(model)[-1]
        or type(head) is not keras.layers.Dense
        or model.output_shape[-1] != head.units
    ):
        raise InputError(
            f"model: {model.name!r} cannot be given {outputs} outputs: only"
            " functional and sequential models that end in a Dense layer can;"
            f" give it tasks of {model.output_shape[-1]} outputs."
        )

    def copy(layer):
        config = layer.get_config()
        if layer is head:
            config["units"] = outputs
        return type(layer).from_config(config)

    with _refusing_uncopyable(model):
        made = keras.models.clone_model(
            model, clone_function=copy, recursive=True
        )
    if made.output_shape[-1] != outputs:
        raise InputError(
            f"model: {model.name!r} cannot be given {outputs} outputs: its last"
            f" Dense layer is inside a model of a class of your own; give it"
            f" tasks of {head.units} outputs."
        )
    copy_knowledge(model, made)
    return made


def copied(model: keras.Model, name: str) -> keras.Model:
    """Makes the same network again, with initial weights.

    Args:
        model: A functional or sequential `keras.Model`; its layers may be of
            the user's own classes.
        name: Name of the new model.

    Returns:
        A `keras.Model`.

    Raises:
        InputError: A layer cannot be made from its configuration.
    """
    classes = {
        type(layer).__name__: type(layer)
        for layer in model._flatten_layers()
        if not type(layer).__module__.startswith("keras.")
    }
    with _refusing_uncopyable(model):
        made = keras.saving.serialize_keras_object(model)
        made["config"]["name"] = name
        copy = keras.saving.deserialize_keras_object(
            made, custom_objects=classes
        )
    copy_knowledge(model, copy)
    return copy


@contextlib.contextmanager
def _refusing_uncopyable(model):
    """Raises `InputError` for Keras's error about layers it cannot copy."""
    try:
        yield
    except (TypeError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"model: {model.name!r} cannot be copied: a layer of your own must"
            " have get_config and take its values as arguments, and no function"
            " may be a lambda."
        ) from error


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Copies a network's weights to one with another number of outputs.

    Outputs that both have keep their weights; fewer ways use the first ones.
    Further outputs are drawn like the trained ones: each element of their
    weights from a normal distribution with the mean and deviation of that
    element over the trained outputs. Outputs that start equal would tell the
    body nothing in the first step: on Omniglot, 5-way 1-shot, the shipped model
    has 85 % of 10 ways right after three steps, and 53 % from the mean alone.
    The draw is always the same, and its first outputs do not depend on the
    number of outputs.

    Args:
        source: A built `keras.Model`.
        target: The same architecture, its head with more or fewer outputs, in
            the last axis of its weights. Its weights are changed.

    Raises:
        InputError: The models differ in more than the number of outputs.
    """
    before, after = source.get_weights(), target.get_weights()
    if len(before) != len(after):
        raise InputError(
            f"target: it has {len(after)} weights, the source {len(before)};"
            " both must be the same network."
        )
    weights = []
    for seed, (old, new) in enumerate(zip(before, after)):
        if old.shape[:-1] != new.shape[:-1]:
            raise InputError(
                f"target: a weight has the shape {new.shape}, the source's"
                f" {old.shape}; both must be the same network."
            )
        if old.ndim:
            further = max(0, new.shape[-1] - old.shape[-1])
            old = np.concatenate([old, _drawn_like(old, further, seed)], -1)
            old = old[..., : new.shape[-1]]
        weights.append(old)
    target.set_weights(weights)
    derive_again(target)


def _drawn_like(weight, number, seed):
    """Draws further outputs of a weight, `[..., number]`."""
    # RandomState's stream is frozen, so a model will always be the same.
    noise = np.random.RandomState(seed).normal(
        size=[number, *weight.shape[:-1]]
    )
    mean, deviation = (
        statistic(weight, -1, keepdims=True) for statistic in (np.mean, np.std)
    )
    return (mean + deviation * np.moveaxis(noise, 0, -1)).astype(weight.dtype)


def renew(source: keras.Model, target: keras.Model) -> None:
    """Copies all weights except the head's; these become zero.

    Fine-tuning a classifier to other classes starts like this. All new classes
    start equal, and the inner loop's first step moves the head alone.

    Args:
        source: A built `keras.Model`.
        target: The same architecture, its head with any number of outputs. Its
            weights are changed.

    Raises:
        InputError: The models differ in more than the head.
    """
    in_head = adapted_weights.head(target)
    if len(source.weights) != len(target.weights):
        raise InputError(
            f"target: it has {len(target.weights)} weights, the source"
            f" {len(source.weights)}; both must be the same network."
        )
    weights = []
    for old, new in zip(source.weights, target.weights, strict=True):
        if in_head(new):
            weights.append(np.zeros(new.shape, new.dtype))
        elif old.shape == new.shape:
            weights.append(old.numpy())
        else:
            raise InputError(
                f"target: a weight has the shape {new.shape}, the source's"
                f" {old.shape}; both must be the same network, except for the"
                " head."
            )
    target.set_weights(weights)
    derive_again(target)
