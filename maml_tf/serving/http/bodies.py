"""The bodies of requests, read within a time and a size."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from maml_tf.serving.http.limits import Limits
from maml_tf.serving.http.refusals import (
    BODY_TOO_SLOW,
    Refusal,
    bad,
    busy,
    too_large,
)

# A client that sends too much is read on for this many times the limit, so
# that it sees the answer; one that sends yet more is cut off.
_READ_ON = 8


class Bodies:
    """Reads bodies; all that are held at a time have a limit too.

    Args:
        limits: The server's limits.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = 0

    @contextlib.asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """Gives a request's body.

        Args:
            request: The request.

        Yields:
            The bytes.

        Raises:
            Refusal: The body is too large, or does not arrive in time.
        """
        chunks: list[bytes] = []
        try:
            try:
                await asyncio.wait_for(
                    self._fill(chunks, request), self._limits.body_timeout
                )
            except asyncio.TimeoutError as error:
                raise Refusal(
                    BODY_TOO_SLOW,
                    "body: it did not arrive within"
                    f" {self._limits.body_timeout:g} seconds.",
                    {"Connection": "close"},
                ) from error
            except ClientDisconnect as error:
                raise bad("body: the client went away.") from error
            yield b"".join(chunks)
        finally:
            self._held -= sum(map(len, chunks))

    async def _fill(self, chunks, request):
        size, most = 0, self._limits.body_bytes
        refusal = None
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and len(declared) < 20 and int(declared) > most:
            refusal = self._too_large()
            if int(declared) > _READ_ON * most or "expect" in request.headers:
                raise refusal
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                refusal = refusal or self._too_large()
            if self._held + len(chunk) > most * self._limits.max_requests:
                refusal = refusal or busy("server: too many bodies at a time.")
            if size > _READ_ON * most:
                break
            if refusal is None:
                self._held += len(chunk)
                chunks.append(chunk)
        if refusal is not None:
            raise refusal

    def _too_large(self):
        return too_large(
            f"body: it is larger than {self._limits.max_body} MB, the most that"
            " is allowed."
        )
