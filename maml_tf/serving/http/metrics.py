"""Figures of a server in Prometheus' text form."""

from collections.abc import Callable

import prometheus_client as prometheus
from prometheus_client.process_collector import ProcessCollector

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The figures, in a registry of their own.

    Args:
        at_work: Function that returns how many requests are at work.
        totals: Function that returns how many users' weights are kept, and
            their bytes.
    """

    def __init__(
        self, at_work: Callable[[], int], totals: Callable[[], tuple[int, int]]
    ) -> None:
        self._registry = prometheus.CollectorRegistry()
        self._requests = prometheus.Counter(
            "maml_tf_requests",
            "Requests that were answered.",
            ("model", "action", "status"),
            registry=self._registry,
        )
        self._seconds = prometheus.Histogram(
            "maml_tf_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ("model", "action"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        for name, text, value in (
            (
                "requests_at_work",
                "Requests that are computed or wait.",
                at_work,
            ),
            ("users", "Users whose weights are kept.", lambda: totals()[0]),
            ("users_bytes", "Bytes of their weights.", lambda: totals()[1]),
        ):
            gauge = prometheus.Gauge(
                f"maml_tf_{name}", text, registry=self._registry
            )
            gauge.set_function(value)
        # Memory, processor time and open files of the process.
        ProcessCollector(registry=self._registry)

    def count(
        self, model: str, action: str, status: int, seconds: float
    ) -> None:
        """Counts an answer.

        Args:
            model: The model's name, "" for none.
            action: The kind of request.
            status: HTTP's number.
            seconds: The time that it took.
        """
        self._requests.labels(model, action, str(status)).inc()
        self._seconds.labels(model, action).observe(seconds)

    def text(self) -> bytes:
        """Returns all figures in Prometheus' text form."""
        return prometheus.generate_latest(self._registry)


TEXT_TYPE = prometheus.CONTENT_TYPE_PLAIN_0_0_4
