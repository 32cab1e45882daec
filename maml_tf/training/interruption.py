"""SIGINT and SIGTERM as a flag that a loop can read."""

import signal
import threading
from typing import Any


class Interruption:
    """Catches SIGINT and SIGTERM within a `with` block.

    The first signal sets `signal_number`, so that work can be saved; a second
    one of the same kind has its usual effect. Outside the main thread Python
    does not allow handlers, so nothing is caught.

    Attributes:
        signal_number: The signal received, or None.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._receive)
        return self

    def _receive(self, number, frame):
        del frame
        self.signal_number = number
        signal.signal(number, self._before[number])

    def __exit__(self, *exception: Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
