"""Inner optimizers around another one."""

from typing import Any


class Wrapped:
    """The base of an inner optimizer that changes what another one does.

    Args:
        optimizer: The inner optimizer that takes the step.

    Attributes:
        optimizer: As given.
    """

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer

    @property
    def learning_rate(self) -> Any:
        """The optimizer's learning rate."""
        return self.optimizer.learning_rate

    @property
    def variables(self) -> list:
        """The variables that the optimizer learns."""
        return getattr(self.optimizer, "variables", [])

    def start(self, phi: list, *learned: list) -> Any:
        """Returns the optimizer's slots before the first step."""
        return self.optimizer.start(phi, *learned)
