"""The result of the inner loop."""

from typing import Any, NamedTuple


class Adaptation(NamedTuple):
    """The result of the inner loop on one task.

    Attributes:
        phi: φ_0 … φ_K, each a list of tensors in the order of
            `model.trainable_variables`.
        state: The non-trainable weights after the last step.
        support_losses: `[K]`, the support loss at φ_0 … φ_{K−1}.
        slots: The inner optimizer's slots after the last step.
    """

    phi: list
    state: list
    support_losses: Any
    slots: Any = ()
