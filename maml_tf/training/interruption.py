"""Being asked to stop: SIGINT and SIGTERM as a flag that a loop can read."""

import signal
import threading


class Interruption:
    """Catches SIGINT and SIGTERM within a `with` block.

    The first sets `signal_number`, so that work can be saved; a second one of
    the same kind has its usual effect. Outside the main thread, where Python
    allows no handlers, nothing is caught.

    Attributes:
        signal_number: The signal received, or None.
    """

    def __init__(self):
        self.signal_number = None
        self._before = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._receive)
        return self

    def _receive(self, number, frame):
        del frame
        self.signal_number = number
        signal.signal(number, self._before[number])

    def __exit__(self, *exception):
        for number, handler in self._before.items():
            signal.signal(number, handler)
