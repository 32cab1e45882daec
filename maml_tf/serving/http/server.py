"""Runs the application: sockets, signals and slow clients."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from maml_tf.errors import InputError
from maml_tf.serving.http.limits import Limits

# Seconds beyond the limits, for answers on their way.
_GRACE = 5


def listen(host: str, port: int) -> socket.socket:
    """Opens the socket that clients connect to.

    Args:
        host: Name or address of this machine.
        port: The port; 0 for any free one.

    Raises:
        InputError: The address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server(
            (host, port), family=family, backlog=512
        )
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"port: {host}:{port} cannot be listened on ({reason}); give"
            " another --port or --host."
        ) from error
    # Connections inherit it. Otherwise the second part of an answer waits until
    # the client has acknowledged the first, which takes some 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def url(listening: socket.socket) -> str:
    """Returns the address of a server as one types it into a browser.

    Args:
        listening: The socket of `listen`.
    """
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(
    app: ASGIApp,
    listening: socket.socket,
    limits: Limits,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serves until SIGTERM or Ctrl-C, and finishes what is at work then.

    Args:
        app: The application.
        listening: The socket of `listen`.
        limits: The server's limits.
        ready: Called once requests are answered.
    """
    make(app, limits, ready).run(sockets=[listening])


def make(
    app: ASGIApp, limits: Limits, ready: Callable[[], None] = lambda: None
) -> uvicorn.Server:
    """Makes the server; it ends if its `should_exit` becomes true.

    Args:
        app: The application.
        limits: The server's limits.
        ready: Called once requests are answered.
    """
    waiting = limits.request_timeout + limits.body_timeout + _GRACE
    config = uvicorn.Config(
        app,
        http=_protocol(limits.body_timeout),
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(waiting),
    )
    return _Server(config, ready)


class _Server(uvicorn.Server):
    """A server that ends in peace after a signal."""

    def __init__(self, config, ready):
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends the server at a signal, without raising it again at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _protocol(seconds: float) -> type[asyncio.Protocol]:
    """Makes a protocol that closes connections without a whole request."""

    class Protocol(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch_cycle = self.cycle
            self._watch = self.loop.call_later(seconds, self._look)

        def connection_lost(self, exc: Exception | None) -> None:
            self._watch.cancel()
            super().connection_lost(exc)

        def _look(self) -> None:
            """Closes it if no request has begun since the last look."""
            cycle = self.cycle
            is_idle = cycle is None or cycle.response_complete
            if is_idle and cycle is self._watch_cycle:
                self.transport.close()
                return
            self._watch_cycle = cycle
            self._watch = self.loop.call_later(seconds, self._look)

    return Protocol
