"""Algorithms that take no gradient step in a task."""

from typing import Any

from maml_tf.algorithms.maml import MAML


class WithoutSteps(MAML):
    """The base of algorithms that learn as MAML does with no inner step.

    Args:
        *args: As in `MAML`.
        inner_steps: Has no effect.
        inner_learning_rate: Has no effect.
        **options: As in `MAML`.
    """

    settles: tuple[str, ...] = (
        "adapts",
        "inner_clip_norm",
        "inner_clip_value",
        "inner_optimizer",
        "inner_rates",
        "inner_regularization",
        "rematerialize",
        "second_order",
    )

    def __init__(
        self,
        *args: Any,
        inner_steps: int = 1,
        inner_learning_rate: float | list = 0.01,
        **options: Any,
    ):
        del inner_steps, inner_learning_rate
        super().__init__(
            *args, inner_steps=0, adapts=lambda variable: False, **options
        )
