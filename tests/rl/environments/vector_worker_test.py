import io

import numpy as np
import pytest
from absl.testing import absltest

pytest.importorskip("gymnasium")

from maml_tf.rl.environments import vector_worker  # noqa: E402


class MessagesTest(absltest.TestCase):
    def test_arrive_as_they_were_sent(self):
        arrays = [
            np.arange(6, dtype=np.float32).reshape(2, 3).T,
            np.array([True, False]),
            np.zeros([0, 4], np.uint32),
            np.array(2.5),
        ]
        stream = io.BytesIO()
        vector_worker.send(stream, "the\nfirst", *arrays)
        vector_worker.send(stream, "")
        stream.seek(0)
        command, received = vector_worker.receive(stream)
        self.assertEqual(command, "the\nfirst")
        self.assertLen(received, len(arrays))
        for got, sent in zip(received, arrays):
            self.assertEqual(got.dtype, sent.dtype)
            np.testing.assert_array_equal(got, sent)
        self.assertEqual(vector_worker.receive(stream), ("", []))

    def test_that_break_off_are_an_end(self):
        stream = io.BytesIO()
        vector_worker.send(stream, "step", np.ones(3))
        whole = stream.getvalue()
        for size in (0, 5, len(whole) - 1):
            with self.assertRaises(EOFError):
                vector_worker.receive(io.BytesIO(whole[:size]))


if __name__ == "__main__":
    absltest.main()
