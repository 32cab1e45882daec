"""Checks of the models that a learner can hold."""

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from maml_tf.algorithms import adapted_weights
from maml_tf.algorithms.algorithm import Algorithm
from maml_tf.errors import InputError
from maml_tf.functional.output_graph import ends_in_probabilities


def number_of_outputs(model: Any) -> int:
    """Returns a model's number of outputs; refuses others than Keras models.

    Args:
        model: The model to check.

    Returns:
        The size of the last axis of its output, `[examples, outputs]`.

    Raises:
        InputError: It is not a built `keras.Model` with one such output.
    """
    if not isinstance(model, keras.Model):
        raise InputError(
            f"model: {type(model).__name__} was given; give a keras.Model."
        )
    try:
        shape = model.output_shape
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"model: {model.name!r} does not say what its inputs and its output"
            " are; give a functional model, such as keras.Model(inputs,"
            " your_model(inputs)), or a sequential one that begins with"
            " keras.Input."
        ) from error
    if not isinstance(shape, tuple) or (
        len(shape) != 2 or not isinstance(shape[1], int)
    ):
        raise InputError(
            f"model: {model.name!r} has outputs of the shape {shape}; give one"
            " whose one output is [examples, outputs]. With an output for each"
            " pixel or step, maml_tf.OuterStep and maml_tf.meta_test take it."
        )
    return shape[1]


def check_logits(model: keras.Model) -> None:
    """Refuses a model that ends in probabilities.

    Args:
        model: A `keras.Model`.

    Raises:
        InputError: Its last operation is a softmax or sigmoid, in a layer or
            function of any kind.
    """
    if ends_in_probabilities(model):
        raise InputError(
            f"model: {model.name!r} ends in probabilities; leave the softmax or"
            " sigmoid out, losses take logits and `predict` applies it."
        )


def check_units(
    outputs: int, mean: ArrayLike, deviation: ArrayLike, one: bool = False
) -> None:
    """Refuses target units that the outputs cannot have.

    Args:
        outputs: Number of the model's outputs.
        mean: Subtracted from the targets, a number or `[outputs]`.
        deviation: The targets are then divided by it, a number or `[outputs]`,
            above 0.
        one: Whether it must be a number.

    Raises:
        InputError: The shape is another, or a number cannot be used.
    """
    each = "" if one else f", or one for each of the {outputs} outputs"
    for name, given in (("mean", mean), ("deviation", deviation)):
        values = np.asarray(given)
        if (
            values.shape not in ((), () if one else (outputs,))
            or not np.isfinite(values).all()
            or (name == "deviation" and (values <= 0).any())
        ):
            raise InputError(
                f"target_{name}: {values.tolist()} was given; give a number"
                f"{' above 0' * (name == 'deviation')}{each}."
            )


def adapted(algorithm: Algorithm) -> list[bool]:
    """Tells of each trainable weight if it changes; [] without inner loop.

    Args:
        algorithm: One of `maml_tf.algorithms`.
    """
    return algorithm.inner_loop.changes if algorithm.has_inner_loop else []


def check_head_adapts(
    algorithm: Algorithm, name: str, trained: int, outputs: int
) -> None:
    """Refuses new outputs if the head does not adapt.

    Args:
        algorithm: The learner's algorithm.
        name: Its name.
        trained: Number of outputs in training.
        outputs: Number of outputs that are wanted.

    Raises:
        InputError: It does not.
    """
    in_head = adapted_weights.head(algorithm.model)
    marks = adapted(algorithm)
    # Without an inner loop nothing adapts, and any head will do.
    if marks and not any(
        adapts and in_head(variable)
        for variable, adapts in zip(algorithm.model.trainable_variables, marks)
    ):
        raise InputError(
            f"way: {outputs} was given, but {name} was trained with {trained}"
            f" and does not adapt its head; at most {trained} will do."
        )
