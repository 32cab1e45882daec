"""Tests of catching signals."""

import signal
import threading

from absl.testing import absltest

from maml_tf.training.interruption import Interruption


class InterruptionTest(absltest.TestCase):
    def test_first_signal_is_noted_the_second_has_its_usual_effect(self):
        usual = []

        def handler(number, frame):
            del frame
            usual.append(number)

        # Set here, because whoever started the tests may ignore SIGINT.
        before = signal.signal(signal.SIGINT, handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        with Interruption() as interruption:
            self.assertIsNone(interruption.signal_number)
            signal.raise_signal(signal.SIGINT)
            self.assertEqual(interruption.signal_number, signal.SIGINT)
            self.assertEmpty(usual)
            signal.raise_signal(signal.SIGINT)
            self.assertEqual(usual, [signal.SIGINT])

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
