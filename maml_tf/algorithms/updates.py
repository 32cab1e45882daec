"""Reports of meta-updates."""

from typing import Any, NamedTuple


class Updates(NamedTuple):
    """Reports of `count` meta-updates in a row, means over their tasks.

    Attributes:
        loss: Query loss, array `[count]`.
        metric: Query metric, array `[count]`.
        support_losses: Array `[count, inner_steps]`.
        reports: Dict of what else an outer update tells of itself, each an
            array `[count]`, or None.
    """

    loss: Any
    metric: Any
    support_losses: Any
    reports: dict[str, Any] | None = None
