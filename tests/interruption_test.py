"""Tests of catching signals."""

import os
import signal
import threading

from absl.testing import absltest

from maml_tf.interruption import Interruption


class InterruptionTest(absltest.TestCase):
    def test_first_signal_is_noted_the_second_has_its_usual_effect(self):
        with Interruption() as interruption:
            self.assertIsNone(interruption.signal_number)
            os.kill(os.getpid(), signal.SIGINT)
            self.assertEqual(interruption.signal_number, signal.SIGINT)
            with self.assertRaises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
                # The handler runs between two instructions of Python.
                signal.pause()

    def test_handlers_are_those_of_before_afterwards(self):
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.getsignal(number) for number in numbers]
        with self.assertRaises(ValueError), Interruption():
            raise ValueError
        self.assertEqual([signal.getsignal(n) for n in numbers], before)

    def test_works_outside_the_main_thread(self):
        seen = []

        def work():
            with Interruption() as interruption:
                seen.append(interruption.signal_number)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        self.assertEqual(seen, [None])


if __name__ == "__main__":
    absltest.main()
