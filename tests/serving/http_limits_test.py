"""Limits of a server: sizes, times and numbers."""

import base64
import contextlib
import io
import pathlib
import socket
import tempfile
import threading
import time
from unittest import mock

import numpy as np
import PIL.Image
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.errors import InputError
from maml_tf.serving.http import models
from maml_tf.serving.http.limits import Limits
from maml_tf.serving.http.loading import load_models
from maml_tf.serving.http.server import listen
from tests.helpers.http_server import running
from tests.helpers.saved_models import points

MODEL = "/v1/models/points"
LIMITS = Limits(
    max_body=1, max_examples=6, max_classes=4, max_steps=5, body_timeout=1
)


def support(**changes):
    """A request that can be used, but for the changes."""
    inputs = {
        "support_x": [[0, 1], [1, 0]],
        "support_y": [0, 1],
        "query_x": [[1, 1]],
        **changes,
    }
    steps = "_with_steps" if "steps" in inputs else ""
    return {"signature_name": f"adapt_and_predict{steps}", "inputs": inputs}


class LimitsTest(parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        saved = points(pathlib.Path(folder, "points"))
        cls.models = load_models([str(saved)], LIMITS)
        cls.server = stack.enter_context(
            running(limits=LIMITS, models=cls.models)
        )

    def test_answers_do_not_wait_for_acknowledgements(self):
        with (
            listen("127.0.0.1", 0) as listening,
            socket.create_connection(listening.getsockname()),
            listening.accept()[0] as connection,
        ):
            option = socket.IPPROTO_TCP, socket.TCP_NODELAY
            self.assertTrue(connection.getsockopt(*option))

    def predict(self, request, server=None):
        return (server or self.server).ask(f"{MODEL}:predict", request)

    def assertWorks(self):
        status, answer = self.predict(support())
        self.assertEqual(status, 200, answer)

    @parameterized.parameters(
        (400, "-1 was given", {"support_y": [0, -1]}),
        (400, "1 has none", {"support_y": [0, 2]}),
        (400, "only one class", {"support_y": [0, 0]}),
        (400, "at most 4 classes, 0 to 3", {"support_y": [0, 4]}),
        (400, "from -2147483648", {"support_y": [0, 2**31]}),
        (400, "fraction", {"support_y": [0, 0.5]}),
        (400, "3 labels", {"support_y": [0, 1, 1]}),
        (400, r"shape \[1, 2\]", {"support_y": [[0, 1]]}),
        (400, r"\[any, 2\]", {"support_x": [[0, 1, 2], [1, 0, 2]]}),
        (400, "length", {"support_x": [[0, 1], [1]]}),
        (400, "empty|shape", {"query_x": []}),
        (400, "at most 5", {"steps": 6}),
        (400, "0 or more", {"steps": -1}),
        (400, "fraction", {"steps": 1.5}),
        (400, "shape", {"steps": [1]}),
        (400, "'z' is unknown", {"z": 1}),
        (413, "at most 6", {"query_x": [[0, 1]] * 7}),
        (
            413,
            "at most 6",
            {"support_x": [[0, 1]] * 7, "support_y": [0, 1] * 3 + [1]},
        ),
    )
    def test_a_sentence_beyond_each(self, expected, words, changes):
        status, answer = self.predict(support(**changes))
        self.assertEqual(status, expected, answer)
        self.assertRegex(answer["error"], words)
        self.assertRegex(answer["error"], r"^\w+: .*\.$")

    def test_up_to_each(self):
        status, answer = self.predict(
            support(
                support_x=[[0, 1]] * 6,
                support_y=[0, 1, 2, 3, 3, 3],
                query_x=[[0, 1]] * 6,
                steps=5,
            )
        )
        self.assertEqual(status, 200, answer)
        self.assertEqual(np.shape(answer["outputs"]), (6, 4))

    def test_a_refusal_of_the_graph_is_a_sentence_too(self):
        model = self.models["points"]
        inputs = {
            "support_x": np.zeros([2, 2]),
            "support_y": np.array([0, 7]),
            "query_x": np.zeros([1, 2]),
        }
        with self.assertRaisesRegex(
            Exception, "^support_y: labels must be class numbers.* 0 7$"
        ):
            model.call("adapt_and_predict", inputs)

    def test_large_bodies(self):
        for size, status in ((2**20 - 100, 400), (2**20 + 1, 413)):
            body = b'{"inputs": "' + b"x" * size + b'"}'
            found, answer = self.predict(body)
            self.assertEqual(found, status)
        self.assertIn("1 MB", answer["error"])
        self.assertWorks()

    def test_a_large_body_without_its_length(self):
        host, port = self.server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 30) as connection:
            connection.sendall(
                f"POST {MODEL}:predict HTTP/1.1\r\nHost: a\r\n"
                "Transfer-Encoding: chunked\r\n\r\n".encode()
            )
            for _ in range(3):
                connection.sendall(b"80000\r\n" + b" " * 0x80000 + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
            self.assertStartsWith(connection.recv(100), b"HTTP/1.1 413")

    def test_slow_clients_are_given_up_and_hold_nobody_up(self):
        host, port = self.server.url.removeprefix("http://").split(":")
        heads = (
            f"POST {MODEL}:predict HTTP/1.1\r\nHost: a\r\n"
            "Content-Length: 100\r\n\r\n{",
            "GET /healthz HTTP/1.1\r\nHo",
            "",
        )
        with contextlib.ExitStack() as stack:
            slow = []
            for head in heads * 10:
                connection = stack.enter_context(
                    socket.create_connection((host, int(port)), 30)
                )
                connection.sendall(head.encode())
                slow.append(connection)
            begin = time.monotonic()
            self.assertWorks()
            self.assertLess(time.monotonic() - begin, LIMITS.body_timeout)
            answers = [connection.recv(100) for connection in slow]
        for head, answer in zip(heads * 10, answers):
            expected = b"HTTP/1.1 408" if head.endswith("{") else b""
            self.assertEqual(answer[:12], expected)

    def test_too_many_requests_and_too_long_ones(self):
        limits = Limits(max_requests=2, request_timeout=0.2)
        free = threading.Event()
        whole = models.Model.call

        def call(model, *arguments):
            free.wait(30)
            return whole(model, *arguments)

        with (
            mock.patch.object(models.Model, "call", call),
            running(limits=limits, models=self.models, threads=1) as server,
        ):
            # The first is computed, the second waits; both are given up.
            answers = []
            threads = [
                threading.Thread(
                    target=lambda: answers.append(
                        self.predict(support(), server)
                    )
                )
                for _ in range(2)
            ]
            for thread in threads:
                thread.start()
            while b"requests_at_work 2" not in server.ask("/metrics")[1]:
                time.sleep(0.01)
            status, answer, headers = server.answer(
                f"{MODEL}:predict", support()
            )
            self.assertEqual(status, 503)
            self.assertIn("2 requests are at work", answer["error"])
            self.assertEqual(headers["Retry-After"], "1")
            # Others than predictions are answered.
            self.assertEqual(server.ask("/healthz")[0], 200)
            for thread in threads:
                thread.join()
            for status, answer in answers:
                self.assertEqual(status, 504)
                self.assertIn("more than 0.2 seconds", answer["error"])
            # The one that is computed still has its place, the other none.
            self.assertIn(b"requests_at_work 1", server.ask("/metrics")[1])
            free.set()
            self.assertEqual(self.predict(support(), server)[0], 200)

    def test_limits_that_cannot_be(self):
        for name, value in (
            ("max_body", 0),
            ("max_users", -1),
            ("max_steps", -1),
            ("request_timeout", 0.0),
            ("body_timeout", float("nan")),
            ("body_timeout", float("inf")),
        ):
            with self.assertRaisesRegex(InputError, f"^{name}: "):
                Limits(**{name: value})


class PixelsTest(parameterized.TestCase):
    def test_pictures_are_refused_before_they_are_decoded(self):
        from maml_tf.serving.http.pictures import Pictures
        from maml_tf.serving.http.refusals import Refusal

        content = io.BytesIO()
        PIL.Image.new("1", (3000, 1001)).save(content, "PNG")
        file = {"b64": base64.b64encode(content.getvalue()).decode()}
        with self.assertRaisesRegex(Refusal, "x: picture 1 .* 3,000,000") as e:
            Pictures(1, None, 3_000_000).decode([_png((10, 10)), file], "x")
        self.assertEqual(e.exception.status, 413)


def _png(shape):
    content = io.BytesIO()
    PIL.Image.fromarray(np.zeros(shape, np.uint8)).save(content, "PNG")
    return {"b64": base64.b64encode(content.getvalue()).decode()}


if __name__ == "__main__":
    tf.test.main()
