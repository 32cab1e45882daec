"""The outer optimizer that flags describe."""

from typing import Literal

import keras

from maml_tf.errors import (
    InputError,
    check_above_zero,
    check_not_negative,
    refusal,
)

_OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


def create(
    iterations: int,
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam",
    learning_rate: float = 1e-3,
    learning_rate_schedule: Literal[
        "constant", "linear", "cosine"
    ] = "constant",
    clip_norm: float | None = None,
    clip_value: float | None = None,
    gradient_accumulation_steps: int | None = None,
) -> keras.optimizers.Optimizer:
    """Makes a Keras optimizer for the outer step.

    Args:
        iterations: Meta-updates in all; a schedule ends there.
        optimizer: Outer optimizer.
        learning_rate: Outer learning rate, 0 or above.
        learning_rate_schedule: Course of the outer learning rate. `linear`:
            from --learning_rate to 0 at --iterations. `cosine`: the same along
            half a cosine.
        clip_norm: Largest global norm of a meta-gradient, above 0.
        clip_value: Largest magnitude of a meta-gradient's elements, above 0.
        gradient_accumulation_steps: Meta-batches whose gradients are averaged
            into one update, 2 or more.

    Returns:
        A Keras optimizer.

    Raises:
        InputError: A value cannot be used.
    """
    check_not_negative(learning_rate=learning_rate)
    check_above_zero(clip_norm=clip_norm, clip_value=clip_value)
    if clip_norm is not None and clip_value is not None:
        raise InputError(
            f"clip_value: {clip_value} was given with clip_norm={clip_norm};"
            " give one of them."
        )
    steps = gradient_accumulation_steps
    if steps is not None and steps < 2:
        raise refusal(
            "gradient_accumulation_steps",
            steps,
            "it must be 2 or more; without it, each meta-batch is an update",
        )
    if learning_rate_schedule == "linear":
        learning_rate = keras.optimizers.schedules.PolynomialDecay(
            learning_rate, max(iterations, 1), 0.0
        )
    if learning_rate_schedule == "cosine":
        learning_rate = keras.optimizers.schedules.CosineDecay(
            learning_rate, max(iterations, 1)
        )
    return _OPTIMIZERS[optimizer](
        learning_rate,
        global_clipnorm=clip_norm,
        clipvalue=clip_value,
        gradient_accumulation_steps=steps,
    )
