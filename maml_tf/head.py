"""Giving a trained network another head."""

import numpy as np

from maml_tf import adapted_weights
from maml_tf.errors import InputError


def copy_weights(source, target):
    """Copies a network's weights to one that differs in its outputs alone.

    Outputs that both have keep their weights; fewer ways use the first ones.
    Further outputs start from the mean over the trained ones, which labels
    drawn at random make alike; the inner loop then tells them apart.

    Args:
        source: a built `keras.Model`.
        target: the same architecture, its head with more or fewer outputs, in
            the last axis of its weights.

    Raises:
        InputError: the models differ in more than that.
    """
    before, after = source.get_weights(), target.get_weights()
    if len(before) != len(after):
        raise InputError(
            f"target: it has {len(after)} weights, the source {len(before)};"
            " both must be the same network."
        )
    weights = []
    for old, new in zip(before, after):
        if old.shape[:-1] != new.shape[:-1]:
            raise InputError(
                f"target: a weight has the shape {new.shape}, the source's"
                f" {old.shape}; both must be the same network."
            )
        further = max(0, new.shape[-1] - old.shape[-1]) if old.ndim else 0
        if old.ndim:
            mean = old.mean(-1, keepdims=True)
            old = np.concatenate([old] + [mean] * further, -1)
            old = old[..., : new.shape[-1]]
        weights.append(old)
    target.set_weights(weights)


def renew(source, target):
    """Copies all weights but those of the head, which become zero.

    For fine-tuning a classifier to other classes. All new classes start alike,
    and the inner loop's first step moves the head alone.

    Args:
        source: a built `keras.Model`.
        target: the same architecture, its head with any number of outputs.

    Raises:
        InputError: the models differ in more than the head.
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
                f" {old.shape}; both must be the same network but for the head."
            )
    target.set_weights(weights)
