"""Checks of the models that a learner can hold."""

import keras
import numpy as np

from maml_tf.errors import InputError


def number_of_outputs(model):
    """How many outputs a model has; refuses what cannot be adapted."""
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
            " whose one output is [examples, outputs]."
        )
    return shape[1]


def check_logits(model):
    """Refuses a model that ends in probabilities.

    Args:
        model: A `keras.Model`.

    Raises:
        InputError: Its last layer is a softmax or sigmoid.
    """
    last = model.layers[-1]
    if isinstance(last, keras.layers.Softmax) or (
        getattr(last, "activation", None)
        in (keras.activations.softmax, keras.activations.sigmoid)
    ):
        raise InputError(
            f"model: {model.name!r} ends in probabilities; leave the softmax or"
            " sigmoid out, losses take logits and `predict` applies it."
        )


def check_units(outputs, mean, deviation):
    """Refuses target units that the outputs cannot have.

    Args:
        outputs: Number of the model's outputs.
        mean: Subtracted from the targets, a number or `[outputs]`.
        deviation: Divided by, a number or `[outputs]`, above 0.

    Raises:
        InputError: Another shape, or a number that cannot be used.
    """
    for name, values in (("mean", mean), ("deviation", deviation)):
        values = np.asarray(values)
        if (
            values.shape not in ((), (outputs,))
            or not np.isfinite(values).all()
            or (name == "deviation" and (values <= 0).any())
        ):
            raise InputError(
                f"target_{name}: {values.tolist()} was given; give a number"
                f"{' above 0' * (name == 'deviation')}, or one for each of the"
                f" {outputs} outputs."
            )
