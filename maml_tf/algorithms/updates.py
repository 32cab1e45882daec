"""Reports of meta-updates."""

from typing import Any, NamedTuple


class Updates(NamedTuple):
    """Reports of `count` meta-updates in a row, means over their tasks.

    Attributes:
        loss: Query loss, array `[count]`.
        metric: Query metric, array `[count]`.
        support_losses: Array `[count, inner_steps]`.
    """

    loss: Any
    metric: Any
    support_losses: Any

    @property
    def reports(self) -> dict[str, Any]:
        """Tells nothing else; `PolicyUpdates` has something here."""
        return {}


class PolicyUpdates(NamedTuple):
    """Reports of one meta-update of a policy.

    Attributes:
        loss: As in `Updates`.
        metric: As in `Updates`.
        support_losses: As in `Updates`.
        reports: Dict of what else the outer update tells of itself, each an
            array `[1]`.
    """

    loss: Any
    metric: Any
    support_losses: Any
    reports: dict[str, Any]
