"""Tests of checkpoints: damage, order, what is kept."""

import pathlib
import tempfile

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from maml_tf import Checkpoints, InputError, networks
from maml_tf.training.checkpoints import restore_weights


class CheckpointsTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )
        self.model = networks.create("mlp", (1,), 1, seed=0, widths=(4,))
        self.optimizer = keras.optimizers.Adam(1e-3)
        self.optimizer.build(self.model.trainable_variables)

    def checkpoints(self):
        return Checkpoints(self.model, self.optimizer, self.directory)

    def fill(self, value):
        for variable in self.model.variables:
            variable.assign(np.full(variable.shape, value, np.float32))

    def save(self, *iterations):
        checkpoints = self.checkpoints()
        for iteration in iterations:
            self.fill(float(iteration))
            checkpoints.save(iteration)
        self.fill(-1.0)

    def assertFilled(self, value):
        for variable in self.model.variables:
            self.assertAllEqual(variable, np.full(variable.shape, value))

    def test_restores_model_slots_iteration_and_score(self):
        first = self.checkpoints()
        self.optimizer.apply(
            [tf.ones(v.shape) for v in self.model.trainable_variables],
            self.model.trainable_variables,
        )
        slots = [v.numpy() for v in self.optimizer.variables]
        self.assertGreater(np.abs(slots[-1]).sum(), 0)
        self.assertTrue(first.save_if_best(5, 0.25))
        self.assertFalse(first.save_if_best(6, 0.25))
        self.assertFalse(first.save_if_best(6, float("nan")))
        first.save(7)
        for variable in self.optimizer.variables:
            variable.assign(tf.zeros_like(variable))
        second = self.checkpoints()
        self.assertTrue(second.restore_latest())
        self.assertEqual((second.iteration, second.best_score), (7, 0.25))
        for variable, slot in zip(self.optimizer.variables, slots, strict=True):
            self.assertAllEqual(variable, slot)
        self.assertTrue(second.restore_best())
        self.assertEqual(second.iteration, 5)

    def test_nothing_to_restore(self):
        self.assertFalse(self.checkpoints().restore_latest())
        self.assertIsNone(self.checkpoints().latest_path)

    def test_keeps_the_newest(self):
        self.save(1, 2, 10, 9)
        names = {p.stem for p in (self.directory / "latest").glob("*.index")}
        self.assertEqual(names, {"ckpt-2", "ckpt-10", "ckpt-9"})

    def test_damaged_newest_falls_back_with_a_warning(self):
        for ending in ("data-00000-of-00001", "index"):
            for damage in ("cut", "flip", "empty"):
                with self.subTest(f"{ending} {damage}"):
                    self.save(10, 20)
                    path = self.directory / "latest" / f"ckpt-20.{ending}"
                    content = bytearray(path.read_bytes())
                    if damage == "cut":
                        content = content[: len(content) // 2]
                    elif damage == "flip":
                        content[len(content) // 2] ^= 255
                    else:
                        content = b""
                    path.write_bytes(content)
                    checkpoints = self.checkpoints()
                    with self.assertLogs(
                        logging.get_absl_logger(), "WARNING"
                    ) as logs:
                        self.assertTrue(checkpoints.restore_latest())
                    self.assertIn("ckpt-20", logs.output[0])
                    self.assertFilled(10.0)
                    self.assertEqual(checkpoints.iteration, 10)

    def test_missing_list_does_not_lose_the_checkpoints(self):
        self.save(10, 20)
        (self.directory / "latest" / "checkpoint").unlink()
        self.assertTrue(self.checkpoints().restore_latest())
        self.assertFilled(20.0)

    def test_all_damaged_is_an_error_not_a_new_start(self):
        self.save(10)
        for path in (self.directory / "latest").glob("*.data*"):
            path.write_bytes(b"")
        with self.assertRaisesRegex(InputError, "none of the 1 checkpoints"):
            self.checkpoints().restore_latest()

    def test_another_model_is_an_error(self):
        self.save(10)
        self.model = networks.create("mlp", (1,), 1, seed=0, widths=(5,))
        self.optimizer = keras.optimizers.Adam(1e-3)
        self.optimizer.build(self.model.trainable_variables)
        with self.assertRaisesRegex(InputError, "none of the 1 checkpoints"):
            self.checkpoints().restore_latest()

    def save_best(self, iteration, score):
        self.fill(float(iteration))
        checkpoints = self.checkpoints()
        self.assertTrue(checkpoints.save_if_best(iteration, score))
        self.fill(-1.0)

    def damage(self, which):
        for path in (self.directory / which).glob("*.data*"):
            path.write_bytes(b"")

    def test_weights_of_the_best_else_of_the_latest(self):
        self.assertIsNone(restore_weights(self.model, self.directory))
        self.save(10, 20)
        self.assertEqual(
            restore_weights(self.model, self.directory), (20, "latest")
        )
        self.assertFilled(20.0)
        self.save_best(15, 0.5)
        self.assertEqual(
            restore_weights(self.model, self.directory), (15, "best")
        )
        self.assertFilled(15.0)
        self.damage("best")
        with self.assertLogs(logging.get_absl_logger(), "WARNING") as logs:
            self.assertEqual(
                restore_weights(self.model, self.directory), (20, "latest")
            )
        self.assertIn("Taking the latest", logs.output[-1])
        self.assertFilled(20.0)
        self.damage("latest")
        with self.assertRaisesRegex(InputError, "none of the 2 checkpoints"):
            restore_weights(self.model, self.directory)

    def test_weights_are_restored_without_writing(self):
        self.save(10)
        self.save_best(15, 0.5)

        def listing():
            paths = (self.directory, *self.directory.rglob("*"))
            return {str(path): path.stat().st_mtime_ns for path in paths}

        before = listing()
        restore_weights(self.model, self.directory)
        self.assertEqual(listing(), before)
        # Nor is a folder made where there is none.
        nowhere = self.directory / "nowhere"
        self.assertIsNone(restore_weights(self.model, nowhere))
        self.assertFalse(nowhere.exists())

    def test_weights_of_another_model_are_refused(self):
        self.save(10)
        other = networks.create("mlp", (1,), 1, seed=0, widths=(5,))
        before = other.get_weights()
        with self.assertRaisesRegex(InputError, "none of the 1 checkpoints"):
            restore_weights(other, self.directory)
        deeper = networks.create("mlp", (1,), 1, seed=0, widths=(4, 4))
        with self.assertRaisesRegex(InputError, "none of the 1 checkpoints"):
            restore_weights(deeper, self.directory)
        for old, new in zip(before, other.get_weights(), strict=True):
            self.assertEqual(old.shape, new.shape)


if __name__ == "__main__":
    tf.test.main()
