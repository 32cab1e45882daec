"""The signal that ends a training at all workers after the same iteration."""

import time

from maml_tf.training.interruption import Interruption
from maml_tf.training.workers import Workers

# Between two questions to the others, each of some milliseconds.
_SECONDS = 1.0


class SharedSignal:
    """Tells each worker of the signals that others received.

    The workers ask each other about once a second, in terms of iterations: the
    chief's pace says how many that are.

    Args:
        interruption: The signals that this process receives.
        workers: The workers that train together.
    """

    def __init__(self, interruption: Interruption, workers: Workers) -> None:
        self._interruption, self._workers = interruption, workers
        self._received: int | None = None
        self._asked = time.monotonic()
        # First after a turn, whose time tells how often to ask.
        self._calls, self._calls_until_asked = 0, 2

    @property
    def number(self) -> int | None:
        """The signal that ends the training, or None."""
        if self._workers.number == 1:
            return self._interruption.signal_number
        return self._received

    def arrived(self) -> bool:
        """Returns whether to end now; each worker calls it in each turn."""
        self._calls += 1
        if self._workers.number > 1 and self._calls == self._calls_until_asked:
            self._ask()
        return self.number is not None

    def _ask(self):
        seconds = (time.monotonic() - self._asked) / self._calls
        own = self._interruption.signal_number or 0
        rows = self._workers.gather([float(own), seconds])
        self._received = int(rows[:, 0].max()) or None
        # At most twice as many as before: the first turns are not typical.
        turns = min(_SECONDS / max(rows[0, 1], 1e-6), 2 * self._calls)
        self._calls, self._calls_until_asked = 0, max(1, int(turns))
        self._asked = time.monotonic()
