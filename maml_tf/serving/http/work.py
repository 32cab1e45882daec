"""Requests at work: computed in threads, few at a time, none for ever."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

from maml_tf.serving.http.limits import Limits
from maml_tf.serving.http.refusals import TOO_SLOW, Refusal, busy


class Work:
    """The threads that compute answers.

    TensorFlow's calls take long and cannot be interrupted, so they run outside
    of the event loop. One that takes too long is answered for, and keeps its
    place until it ends.

    Args:
        threads: Requests that are computed at a time.
        limits: The server's limits.
    """

    def __init__(self, threads: int, limits: Limits) -> None:
        self._limits = limits
        self._threads = concurrent.futures.ThreadPoolExecutor(
            threads, thread_name_prefix="request"
        )
        self._lock = threading.Lock()
        self._number = 0

    @property
    def number(self) -> int:
        """Requests that are computed or wait for a thread."""
        return self._number

    async def do(self, function: Callable, *arguments: Any) -> Any:
        """Returns `function(*arguments)`, computed in a thread.

        Args:
            function: The function.
            *arguments: Its arguments.

        Raises:
            Refusal: Too many requests are at work, or it took too long.
        """
        with self._lock:
            if self._number >= self._limits.max_requests:
                raise busy(
                    f"server: {self._number} requests are at work, as many as"
                    " are allowed; ask again in a second."
                )
            self._number += 1
        try:
            future = self._threads.submit(function, *arguments)
        except BaseException:
            self._end()
            raise
        future.add_done_callback(self._end)
        try:
            return await asyncio.wait_for(
                asyncio.wrap_future(future), self._limits.request_timeout
            )
        except asyncio.TimeoutError as error:
            raise Refusal(
                TOO_SLOW,
                "server: the request took more than"
                f" {self._limits.request_timeout:g} seconds; fewer examples or"
                " steps take less.",
            ) from error

    def close(self) -> None:
        """Waits for the requests that are computed."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _end(self, future: Any = None) -> None:
        with self._lock:
            self._number -= 1
