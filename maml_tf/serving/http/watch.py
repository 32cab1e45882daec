"""Each answer in the access log and in the figures."""

import logging
import sys
import time
from collections.abc import Container

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maml_tf.serving.http.metrics import Metrics

LOG = logging.getLogger("maml_tf.access")


class Watched:
    """An application whose answers are logged and counted.

    Args:
        app: The application.
        metrics: The figures.
        models: Names of models; others are not counted by name.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, models: Container[str]
    ) -> None:
        self._app, self._metrics, self._models = app, metrics, models

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answers a request, as ASGI wants it.

        Args:
            scope: The request's head.
            receive: Function that receives its body.
            send: Function that sends the answer.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        status, size = 0, 0

        async def watched_send(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        finally:
            seconds = time.perf_counter() - begin
            model = scope.get("path_params", {}).get("model", "")
            model = model if model in self._models else ""
            endpoint = scope.get("endpoint")
            action = getattr(endpoint, "__name__", "none")
            self._metrics.count(model, action, status, seconds)
            host, port = scope.get("client") or ("-", 0)
            LOG.info(
                '%s:%s "%s %s" %s %d bytes %.1f ms',
                host,
                port,
                scope["method"],
                # As it came: without line breaks.
                scope.get("raw_path", b"").decode("latin-1")[:200],
                status,
                size,
                1000 * seconds,
            )


def log_to_stderr() -> None:
    """Writes the access log, and uvicorn's errors, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    for name, level in (
        (LOG.name, logging.INFO),
        ("uvicorn", logging.WARNING),
    ):
        log = logging.getLogger(name)
        log.handlers = [handler]
        log.setLevel(level)
        log.propagate = False
