"""TensorFlow Serving's documented requests, and requests that are none."""

import base64
import contextlib
import pathlib
import tempfile

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.helpers.http_server import running
from tests.helpers.saved_models import half_plus_two

MODEL = "/v1/models/half_plus_two"
PREDICT = f"{MODEL}:predict"
TEXT = {"b64": base64.b64encode(b"caf\xc3\xa9").decode()}


class RequestsTest(parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        folder = pathlib.Path(
            stack.enter_context(tempfile.TemporaryDirectory())
        )
        half_plus_two(folder / "half_plus_two" / "122")
        half_plus_two(folder / "half_plus_two" / "123")
        cls.server = stack.enter_context(running(folder / "half_plus_two"))

    def assertAnswers(self, request, answer, path=PREDICT):
        self.assertEqual(self.server.ask(path, request), (200, answer))

    def test_documented_examples(self):
        # https://www.tensorflow.org/tfx/serving/api_rest#example
        self.assertAnswers(
            {"instances": [1.0, 2.0, 5.0]}, {"predictions": [2.5, 3.0, 4.5]}
        )
        self.assertEqual(
            self.server.ask(MODEL),
            (
                200,
                {
                    "model_version_status": [
                        {
                            "version": "123",
                            "state": "AVAILABLE",
                            "status": {"error_code": "OK", "error_message": ""},
                        }
                    ]
                },
            ),
        )
        status, answer = self.server.ask(f"{MODEL}/metadata")
        self.assertEqual(status, 200)
        self.assertEqual(
            answer["model_spec"],
            {"name": "half_plus_two", "signature_name": "", "version": "123"},
        )
        signatures = answer["metadata"]["signature_def"]["signature_def"]
        self.assertEqual(
            signatures["serving_default"]["inputs"],
            {
                "x": {
                    "dtype": "DT_FLOAT",
                    "tensor_shape": {
                        "dim": [{"size": "-1", "name": ""}],
                        "unknown_rank": False,
                    },
                    "name": "serving_default_x:0",
                }
            },
        )
        self.assertEqual(
            signatures["two"]["method_name"], "tensorflow/serving/predict"
        )

    def test_a_version_by_its_number(self):
        request = {"instances": [1.0]}
        answer = {"predictions": [2.5]}
        self.assertAnswers(request, answer, f"{MODEL}/versions/123:predict")
        self.assertEqual(self.server.ask(f"{MODEL}/versions/123")[0], 200)
        self.assertEqual(
            self.server.ask(f"{MODEL}/versions/123/metadata")[0], 200
        )
        for path, status in (
            (f"{MODEL}/versions/122", 404),
            (f"{MODEL}/versions/x", 400),
            (f"{MODEL}/labels/stable", 400),
            ("/v1/models/other", 404),
            ("/v1/models/other/metadata", 404),
            ("/v1/other", 400),
            ("/other", 404),
        ):
            found, answer = self.server.ask(path)
            self.assertEqual(found, status, path)
            self.assertEqual(list(answer), ["error"], path)

    @parameterized.parameters(
        # Rows and columns, named and alone.
        ({"instances": [{"x": 1.0}, {"x": 2}]}, {"predictions": [2.5, 3.0]}),
        ({"inputs": [1.0, 2.0]}, {"outputs": [2.5, 3.0]}),
        ({"inputs": {"x": [1.0]}}, {"outputs": [2.5]}),
        (
            {"signature_name": "", "inputs": {"x": [1.0]}},
            {"outputs": [2.5]},
        ),
        (
            {
                "signature_name": "two",
                "instances": [
                    {"a": [1, 2], "s": "é"},
                    {"a": [3, 4], "s": TEXT},
                ],
            },
            {
                "predictions": [
                    {
                        "sum": 3.0,
                        "text": "é",
                        "text_bytes": {"b64": "w6k="},
                    },
                    {"sum": 7.0, "text": "café", "text_bytes": TEXT},
                ]
            },
        ),
        (
            {
                "signature_name": "two",
                "inputs": {"a": [[1, 2]], "s": [TEXT]},
            },
            {
                "outputs": {
                    "sum": [3.0],
                    "text": ["café"],
                    "text_bytes": [TEXT],
                }
            },
        ),
        (
            {"signature_name": "total", "inputs": [1.0, 1.0]},
            {"outputs": {"total": 2.0, "log": [0.0, 0.0]}},
        ),
    )
    def test_forms(self, request, answer):
        self.assertAnswers(request, answer)

    @parameterized.parameters(
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff\xfe\x00", "JSON"),
        (b"[1]", "object"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b'{"instances": [NaN]}', "NaN"),
        (b'{"instances": [-Infinity]}', "Infinity"),
        (b'{"instances": [1e999]}', "infinite"),
        (b'{"instances": [1e39]}', "infinite"),
        (b'{"instances": [' + b"9" * 4000 + b"]}", "too large"),
        (b'{"instances": [' + b"9" * 9000 + b"]}", "JSON"),
        ({}, "instances"),
        ({"instances": [1], "inputs": [1]}, "either"),
        ({"instances": []}, "one example"),
        ({"instances": 1}, "list"),
        ({"instances": [1, None]}, "null"),
        ({"instances": [True]}, "true or false"),
        ({"instances": ["1"]}, "text"),
        ({"instances": [1, [2]]}, "x: "),
        ({"instances": [[1], [2, 3]]}, "length"),
        ({"instances": [[1], [2]]}, r"shape \[2, 1\]"),
        ({"instances": [{"x": 1}, 2]}, "some elements are objects"),
        ({"instances": [{"z": 1}]}, "x is missing"),
        ({"instances": [{"x": {"y": 1}}]}, "object"),
        ({"instances": [{"b64": "aaaa"}]}, "object"),
        ({"inputs": {"x": [1], "z": 2}}, "'z' is unknown"),
        ({"inputs": {}}, "x is missing"),
        ({"inputs": 1}, "shape"),
        ({"inputs": None}, "shape"),
        ({"inputs": []}, "empty"),
        ({"signature_name": 1, "inputs": [1]}, "signature_name"),
        ({"signature_name": "none", "inputs": [1]}, "'none' is unknown"),
        ({"signature_name": "two", "inputs": [1]}, "several inputs"),
        ({"signature_name": "two", "instances": [1]}, "several inputs"),
        ({"signature_name": "two", "inputs": {"a": [[1, 2]], "s": [1]}}, "s: "),
        (
            {
                "signature_name": "two",
                "inputs": {"a": [[1, 2]], "s": [{"b64": "?"}]},
            },
            "base64",
        ),
        (
            {
                "signature_name": "two",
                "inputs": {"a": [[1, 2]], "s": [{"b64": 1}]},
            },
            "base64",
        ),
        (
            b'{"signature_name":"two","inputs":{"a":[[1,2]],"s":["\\ud800"]}}',
            "s",
        ),
        # An output that has no rows, and one that is not a number.
        ({"signature_name": "total", "instances": [1]}, "inputs"),
        ({"signature_name": "total", "inputs": [-1]}, "NaN"),
    )
    def test_a_sentence_for_what_is_no_request(self, request, words):
        status, answer = self.server.ask(PREDICT, request)
        self.assertEqual(status, 400, answer)
        self.assertEqual(list(answer), ["error"])
        self.assertRegex(answer["error"], words)
        self.assertRegex(answer["error"], r"^\w+: .*\.$")
        self.assertNotIn("\n", answer["error"])

    def test_other_verbs_and_methods(self):
        for path, method in (
            (f"{MODEL}:classify", "POST"),
            (f"{MODEL}:other", "POST"),
            (PREDICT, "GET"),
            (MODEL, "POST"),
            (f"{MODEL}/versions/123", "DELETE"),
        ):
            body = {} if method == "POST" else None
            status, answer = self.server.ask(path, body, method)
            self.assertEqual(status, 400, path)
            self.assertEqual(list(answer), ["error"])

    def test_pages_of_other_sites_may_not_ask(self):
        status, answer = self.server.ask(
            PREDICT, {"instances": [1]}, **{"Sec-Fetch-Site": "cross-site"}
        )
        self.assertEqual(status, 403)
        self.assertIn("other sites", answer["error"])
        own = {"Sec-Fetch-Site": "same-origin"}
        self.assertEqual(
            self.server.ask(PREDICT, {"instances": [1]}, **own)[0], 200
        )

    def test_health_and_figures(self):
        self.assertEqual(self.server.ask("/healthz"), (200, {"status": "ok"}))
        before = self.figure()
        self.server.ask(PREDICT, {"instances": [1]})
        self.server.ask(PREDICT, {"instances": ["x"]})
        self.assertEqual(self.figure(), before + 1)
        # A name that nobody serves makes no figure of its own.
        self.server.ask("/v1/models/unknown_name")
        _, text = self.server.ask("/metrics")
        self.assertNotIn(b"unknown_name", text)
        self.assertIn(b"process_resident_memory_bytes", text)

    def figure(self):
        status, text = self.server.ask("/metrics")
        self.assertEqual(status, 200)
        name = 'maml_tf_requests_total{action="prediction",model='
        name += '"half_plus_two",status="200"} '
        values = [
            line.removeprefix(name)
            for line in text.decode().splitlines()
            if line.startswith(name)
        ]
        return float(*values) if values else 0.0

    def test_a_model_that_does_not_adapt(self):
        status, answer = self.server.ask("/v1/models")
        self.assertEqual(status, 200)
        (model,) = answer["models"]
        self.assertEqual(model["kind"], "other")
        self.assertIsNone(model["steps"])
        status, answer = self.server.ask(f"{MODEL}/users/ann:adapt", {})
        self.assertEqual(status, 400)
        self.assertIn("does not adapt", answer["error"])

    def test_numbers_are_not_rounded(self):
        given = np.float32(np.random.default_rng(0).normal(size=50))
        _, answer = self.server.ask(PREDICT, {"instances": given.tolist()})
        expected = np.float32(0.5) * given + np.float32(2)
        np.testing.assert_array_equal(
            np.float32(answer["predictions"]), expected
        )


if __name__ == "__main__":
    tf.test.main()
