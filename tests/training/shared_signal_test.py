"""Tests of maml_tf/training/shared_signal.py."""

import signal
import time
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from maml_tf.training.interruption import Interruption
from maml_tf.training.shared_signal import SharedSignal


class Workers:
    """Two of them; the other one's answers are in a list."""

    number = 2

    def __init__(self, is_chief, others):
        self.is_chief, self.others = is_chief, iter(others)

    def gather(self, values):
        rows = [values, next(self.others)]
        return np.array(rows if self.is_chief else rows[::-1])


class SharedSignalTest(parameterized.TestCase):
    def turns_between_questions(self, is_chief, others, seconds):
        """Trains by a clock of its own, until all questions are asked."""
        workers = Workers(is_chief, others)
        now = 0.0
        with mock.patch.object(time, "monotonic", lambda: now):
            shared = SharedSignal(Interruption(), workers)
            turns, asked = [0], workers.gather

            def gather(values):
                turns.append(0)
                return asked(values)

            workers.gather = gather
            while len(turns) <= len(others):
                turns[-1] += 1
                arrived = shared.arrived()
                now += seconds
        return turns[:-1], arrived

    def test_the_chiefs_pace_says_how_often(self):
        others = [(0, 0.04)] * 7 + [(signal.SIGTERM, 0.04)]
        # Of the others the chief is one, and this one is three times slower.
        turns, arrived = self.turns_between_questions(False, others, 0.12)
        self.assertEqual(turns, [2, 4, 8, 16, 25, 25, 25, 25])
        self.assertTrue(arrived)
        turns, arrived = self.turns_between_questions(True, [(0, 9)] * 6, 0.12)
        self.assertEqual(turns, [2, 4, 8, 8, 8, 8])
        self.assertFalse(arrived)

    def test_turns_of_many_seconds_are_asked_after_each(self):
        turns, _ = self.turns_between_questions(True, [(0, 5.0)] * 3, 5.0)
        self.assertEqual(turns, [2, 1, 1])

    def test_all_end_at_once(self):
        workers = Workers(True, [(0, 1.0), (0, 1.0)])
        interruption = Interruption()
        shared = SharedSignal(interruption, workers)
        interruption.signal_number = signal.SIGINT
        self.assertFalse(shared.arrived())
        # The other one does not know it yet.
        self.assertIsNone(shared.number)
        self.assertTrue(shared.arrived())
        self.assertEqual(shared.number, signal.SIGINT)

    def test_one_process_asks_nobody(self):
        interruption = Interruption()
        workers = mock.Mock(number=1)
        shared = SharedSignal(interruption, workers)
        self.assertFalse(shared.arrived())
        interruption.signal_number = signal.SIGTERM
        self.assertTrue(shared.arrived())
        self.assertEqual(shared.number, signal.SIGTERM)
        workers.gather.assert_not_called()


if __name__ == "__main__":
    absltest.main()
