"""Users' adapted weights: kept, used, forgotten, and never half written."""

import contextlib
import pathlib
import sqlite3
import stat
import tempfile

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.errors import InputError
from maml_tf.serving.http.limits import Limits
from maml_tf.serving.http.loading import load_models
from maml_tf.serving.http.refusals import Refusal
from maml_tf.serving.http.users import Users
from tests.helpers.http_server import running
from tests.helpers.killed import killed_when_ready
from tests.helpers.saved_models import learner, points

USER = "/v1/models/points/users/ann@example.org"
X = [[0.5, 1.0], [1.0, 0.0], [2.0, 2.0]]
QUERY = [[1.0, 1.0], [0.0, 2.0]]


def weights(seed, size=1000):
    return {"weights": np.random.default_rng(seed).normal(size=size)}


class UsersOverHttpTest(parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        folder = pathlib.Path(
            stack.enter_context(tempfile.TemporaryDirectory())
        )
        cls.models = load_models([str(points(folder / "points"))], Limits())
        cls.other = load_models(
            [f"points={points(folder / 'other', seed=1)}"], Limits()
        )

    def setUp(self):
        super().setUp()
        folder = self.enter_context(tempfile.TemporaryDirectory())
        self.file = pathlib.Path(folder, "users.db")

    def server(self, models=None):
        return running(models=models or self.models, users=self.file)

    def adapt(self, server, y, **more):
        inputs = {"support_x": X, "support_y": y, **more}
        return server.ask(f"{USER}:adapt", {"inputs": inputs})

    def predict(self, server):
        return server.ask(f"{USER}:predict", {"inputs": {"query_x": QUERY}})

    def test_kept_over_a_restart_used_and_forgotten(self):
        with self.server() as server:
            status, answer = self.predict(server)
            self.assertEqual(status, 404)
            self.assertIn("no weights of ann@example.org", answer["error"])
            status, answer = self.adapt(server, [0, 1, 2])
            self.assertEqual(status, 200, answer)
            self.assertEqual(answer["user"], "ann@example.org")
        expected = learner().adapt(np.array(X), [0, 1, 2]).outputs(QUERY)
        with self.server() as server:
            status, answer = self.predict(server)
            self.assertEqual(status, 200, answer)
            np.testing.assert_allclose(answer["outputs"], expected, atol=1e-5)
            # In rows too.
            status, answer = server.ask(f"{USER}:predict", {"instances": QUERY})
            np.testing.assert_allclose(
                answer["predictions"], expected, atol=1e-5
            )
            # New examples replace the old; steps may be told.
            self.assertEqual(self.adapt(server, [1, 0, 0], steps=1)[0], 200)
            self.assertIn(b"maml_tf_users 1.0", server.ask("/metrics")[1])
            _, answer = self.predict(server)
            np.testing.assert_allclose(
                answer["outputs"],
                learner().adapt(np.array(X), [1, 0, 0], 1).outputs(QUERY),
                atol=1e-5,
            )
            self.assertEqual(server.ask(USER, method="DELETE")[0], 200)
            self.assertEqual(server.ask(USER, method="DELETE")[0], 404)
            self.assertEqual(self.predict(server)[0], 404)

    def test_weights_of_another_model_are_refused(self):
        with self.server() as server:
            self.adapt(server, [0, 1, 2])
        with self.server(self.other) as server:
            status, answer = self.predict(server)
            self.assertEqual(status, 409)
            self.assertIn("another model", answer["error"])
            self.assertEqual(self.adapt(server, [0, 1, 2])[0], 200)
            self.assertEqual(self.predict(server)[0], 200)

    def test_bad_requests_change_nothing(self):
        with self.server() as server:
            self.adapt(server, [0, 1, 2])
            before = self.predict(server)
            for y in ([0, 1, 3], [0, 1], [0, 0, 0], "abc", None):
                status, answer = self.adapt(server, y)
                self.assertEqual(status, 400, answer)
            for name in ("a b", "a'--", "x" * 129, "%00", "a%2F..", "é"):
                path = f"/v1/models/points/users/{name}".replace(" ", "%20")
                path = path.replace("é", "%C3%A9")
                status, answer = server.ask(f"{path}:adapt", {})
                self.assertEqual(status, 400, name)
            for body in (
                {"instances": [{"support_x": [0, 1], "support_y": 0}]},
                {"signature_name": "adapt", "inputs": {}},
                b"[]",
            ):
                self.assertEqual(server.ask(f"{USER}:adapt", body)[0], 400)
            self.assertEqual(self.predict(server), before)


class UsersTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        folder = self.enter_context(tempfile.TemporaryDirectory())
        self.file = pathlib.Path(folder, "users.db")

    def users(self, **limits):
        users = Users(self.file, Limits(**limits))
        return self.enter_context(contextlib.closing(users))

    def test_a_limit_of_users(self):
        users = self.users(max_users=2)
        for name in ("a", "b", "a"):
            users.keep("m", "f", name, weights(0))
        with self.assertRaisesRegex(Refusal, "^user: the weights of 2") as e:
            users.keep("m", "f", "c", weights(0))
        self.assertEqual(e.exception.status, 413)
        users.forget("m", "a")
        users.keep("m", "f", "c", weights(0))
        self.assertEqual(users.totals()[0], 2)

    def test_a_limit_of_bytes(self):
        users = self.users(max_users_size=1)
        users.keep("m", "f", "a", weights(0, 100_000))
        with self.assertRaisesRegex(Refusal, "^user: there is no room"):
            users.keep("m", "f", "b", weights(1, 100_000))
        # The same user's replace the old ones.
        users.keep("m", "f", "a", weights(2, 100_000))
        np.testing.assert_array_equal(
            users.weights("m", "f", "a")["weights"],
            weights(2, 100_000)["weights"],
        )
        self.assertEqual(users.totals()[0], 1)

    def test_nobody_else_reads_the_file(self):
        self.users()
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)

    def test_other_files_are_refused_and_left_alone(self):
        self.file.write_bytes(b"notes of somebody" * 100)
        before = self.file.read_bytes()
        with self.assertRaisesRegex(InputError, "^users: .*not a database"):
            self.users()
        self.assertEqual(self.file.read_bytes(), before)
        self.file.unlink()
        with contextlib.closing(sqlite3.connect(self.file)) as other:
            other.execute("CREATE TABLE orders (number INTEGER)")
        with self.assertRaisesRegex(InputError, "^users: .*other tables"):
            self.users()
        with self.assertRaisesRegex(InputError, "^users: .*No such file"):
            Users(self.file.parent / "a" / "b", Limits())

    @pytest.mark.slow
    def test_killed_while_writing(self):
        """Every user has the old weights or the new, whole."""
        number = 20
        for seed in range(3):
            killed_when_ready(f"""
                import os, signal, threading, time
                import numpy as np
                from maml_tf.serving.http.limits import Limits
                from maml_tf.serving.http.users import Users
                users = Users({str(self.file)!r}, Limits())
                for user in range({number}):
                    users.keep("m", "f", str(user), {{"a": np.zeros(50_000)}})
                def write():
                    for value in range(1, 1000):
                        for user in range({number}):
                            users.keep(
                                "m", "f", str(user),
                                {{"a": np.full(50_000, value)}},
                            )
                threading.Thread(target=write, daemon=True).start()
                time.sleep(0.1 + {seed} / 7)
                print("ready", flush=True)
                time.sleep(60)
            """)
            users = Users(self.file, Limits())
            with contextlib.closing(users):
                self.assertEqual(users.totals()[0], number)
                values = []
                for user in range(number):
                    array = users.weights("m", "f", str(user))["a"]
                    self.assertEqual(array.shape, (50_000,))
                    self.assertLen(set(array.tolist()), 1)
                    values.append(array[0])
                # They are written in turn.
                self.assertLessEqual(max(values) - min(values), 1)
                self.assertEqual(values, sorted(values, reverse=True))


if __name__ == "__main__":
    tf.test.main()
