"""Many requests at a time: none is lost, none is answered wrongly."""

import concurrent.futures
import contextlib
import os
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from tests.helpers.http_server import running
from tests.helpers.saved_models import learner, points

# `make test` asks fewer; benchmarks/serving.py asks them with the memory.
NUMBER = int(os.environ.get("MAML_TF_LOAD_REQUESTS", "320"))
THREADS = 16


class LoadTest(tf.test.TestCase):
    def test_many_clients_with_a_tenth_of_malformed_requests(self):
        generator = np.random.default_rng(0)
        tasks = []
        for _ in range(8):
            x, query = generator.normal(size=(2, 3, 2)).round(3)
            outputs = learner().adapt(x, [0, 1, 2]).outputs(query)
            tasks.append((x.tolist(), query.tolist(), outputs))
        malformed = (
            b"{",
            {"inputs": [[0.0, "x"]]},
            {"signature_name": "adapt", "inputs": {}},
            self.request([[0, 0]], [5], [[0, 0]]),
        )

        def ask(number):
            if number % 10 == 7:
                body = malformed[number // 10 % len(malformed)]
                status, answer = server.ask(path, body)
                return status == 400 and list(answer) == ["error"]
            x, query, outputs = tasks[number % len(tasks)]
            status, answer = server.ask(path, self.request(x, [0, 1, 2], query))
            return status == 200 and np.allclose(
                answer["outputs"], outputs, atol=1e-5
            )

        path = "/v1/models/points:predict"
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            server = stack.enter_context(
                running(points(pathlib.Path(folder, "points")))
            )
            pool = stack.enter_context(
                concurrent.futures.ThreadPoolExecutor(THREADS)
            )
            right = list(pool.map(ask, range(NUMBER)))
        self.assertLen(right, NUMBER)
        self.assertEqual(sum(right), NUMBER)

    def request(self, x, y, query):
        return {
            "signature_name": "adapt_and_predict",
            "inputs": {"support_x": x, "support_y": y, "query_x": query},
        }


if __name__ == "__main__":
    tf.test.main()
