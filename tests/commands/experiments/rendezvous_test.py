import socket
import threading
import time

from absl.testing import absltest

from maml_tf import InputError
from maml_tf.commands.experiments.rendezvous import meet
from maml_tf.commands.ports import free_addresses


class RendezvousTest(absltest.TestCase):
    def test_all_get_the_messages_of_all(self):
        """One comes late, and leaves last or first: nobody is lost."""
        addresses, results = free_addresses(3), {}

        def come(index):
            time.sleep(0.3 * index)
            results[index] = meet(addresses, index, {"from": index}, 20)

        workers = [threading.Thread(target=come, args=[i]) for i in range(3)]
        for thread in workers:
            thread.start()
        for thread in workers:
            thread.join(30)
        wanted = [{"from": 0}, {"from": 1}, {"from": 2}]
        self.assertEqual(results, {i: wanted for i in range(3)})

    def test_one_alone_does_not_wait(self):
        self.assertEqual(meet(free_addresses(1), 0, "here", 0.1), ["here"])

    def test_those_that_do_not_come_are_named(self):
        addresses = free_addresses(3)
        started = time.monotonic()
        with self.assertRaisesRegex(
            InputError,
            rf"workers: worker 1 of 3 waited 0.5 seconds for worker 0 at"
            rf" {addresses[0]}, 2 at {addresses[2]}; start all",
        ):
            meet(addresses, 1, "here", 0.5)
        self.assertLess(time.monotonic() - started, 10)

    def test_a_stranger_at_the_address_of_another_is_no_worker(self):
        addresses = free_addresses(2)
        with socket.socket() as stranger:
            stranger.bind(("localhost", int(addresses[1].split(":")[1])))
            stranger.listen()
            with self.assertRaisesRegex(InputError, "for worker 1 at"):
                meet(addresses, 0, "here", 0.5)

    def test_a_port_in_use_is_refused(self):
        (address,) = free_addresses(1)
        with socket.socket() as other:
            other.bind(("", int(address.split(":")[1])))
            other.listen()
            with self.assertRaisesRegex(
                InputError, rf"worker 0 cannot listen at {address} \(Address"
            ):
                meet([address], 0, "here", 0.5)


if __name__ == "__main__":
    absltest.main()
