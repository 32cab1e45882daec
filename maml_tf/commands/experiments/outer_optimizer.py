"""The outer optimizer that flags describe."""

from typing import Any, Literal

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
    warmup_iterations: int = 0,
    ema: float | None = None,
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
        warmup_iterations: First meta-updates, in which the outer learning rate
            rises from 0 to --learning_rate along a line. The schedule begins
            after them.
        ema: Share of the old average in the moving average of the weights, such
            as 0.999; from 0 to below 1. Validation, evaluation and files take
            the averages.

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
    if ema is not None and not 0 <= ema < 1:
        raise refusal("ema", ema, "it must be from 0 to below 1")
    if warmup_iterations and not 0 <= warmup_iterations < iterations:
        raise refusal(
            "warmup_iterations",
            warmup_iterations,
            f"it must be 0 or more, and below iterations={iterations}",
        )
    rate = _schedule(
        learning_rate_schedule, learning_rate, iterations - warmup_iterations
    )
    if warmup_iterations:
        rate = Warmup(learning_rate, warmup_iterations, rate)
    return _OPTIMIZERS[optimizer](
        rate,
        global_clipnorm=clip_norm,
        clipvalue=clip_value,
        gradient_accumulation_steps=steps,
        use_ema=ema is not None,
        ema_momentum=0.99 if ema is None else ema,
    )


class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises from 0 along a line, then a schedule.

    Args:
        learning_rate: The rate at the end of the rise.
        iterations: Meta-updates of the rise.
        then: The rate afterwards: a number, or a schedule that begins there.
    """

    def __init__(
        self,
        learning_rate: float,
        iterations: int,
        then: float | keras.optimizers.schedules.LearningRateSchedule,
    ) -> None:
        self.learning_rate = learning_rate
        self.iterations = iterations
        self.then = then

    def __call__(self, step: Any) -> Any:
        """Returns the rate of a meta-update, counted from 0."""
        step = keras.ops.cast(step, "float32")
        later = self.then
        if callable(later):
            later = later(keras.ops.maximum(step - self.iterations, 0))
        rising = self.learning_rate * step / self.iterations
        return keras.ops.where(step < self.iterations, rising, later)

    def get_config(self) -> dict:
        """Returns the arguments."""
        return {
            "learning_rate": self.learning_rate,
            "iterations": self.iterations,
            "then": self.then,
        }


def _schedule(name, learning_rate, iterations):
    """Returns the rate of that name, which ends after some iterations."""
    iterations = max(iterations, 1)
    if name == "linear":
        return keras.optimizers.schedules.PolynomialDecay(
            learning_rate, iterations, 0.0
        )
    if name == "cosine":
        return keras.optimizers.schedules.CosineDecay(learning_rate, iterations)
    return learning_rate
