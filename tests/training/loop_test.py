"""Tests of meta-training: resuming, divergence, what is written."""

import json
import os
import pathlib
import signal
import tempfile

import keras
import numpy as np
import tensorflow as tf

import maml_tf
from maml_tf.training import metrics_log


def build(iterations_per_call=4, learning_rate=1e-3, schedule=None):
    """A small outer step on sinusoids, as new."""
    dataset = maml_tf.datasets.load("sinusoid")
    model = maml_tf.networks.create("mlp", (1,), 1, seed=3, widths=(8,))
    algorithm = maml_tf.algorithms.create(
        "maml", model, dataset.loss, inner_learning_rate=0.01
    )
    step = maml_tf.OuterStep(
        algorithm,
        dataset.episodes("train", 5, 5, 5, seed=1),
        keras.optimizers.Adam(schedule or learning_rate),
        tasks=3,
        iterations_per_call=iterations_per_call,
    )
    validation = maml_tf.MetaTest(
        algorithm,
        dataset.episodes("valid", 5, 5, 5, seed=1),
        num_tasks=4,
        steps=2,
    )
    return step, validation


def train(workdir, iterations, step=None, validation=None, **options):
    if step is None:
        step, validation = build()
    options = {
        "log_interval": 5,
        "validation_interval": 10,
        "checkpoint_interval": 6,
        **options,
    }
    training = maml_tf.meta_train(
        step,
        iterations,
        workdir,
        validation=validation,
        higher_is_better=False,
        metric_name="mse",
        progress=False,
        **options,
    )
    variables = step.model.variables + step.optimizer.variables
    return training, [variable.numpy() for variable in variables]


class Interrupted(Exception):
    """Stands for whatever ends a process between two lines."""


def broken_after(step, calls):
    """Makes the outer step raise after a number of calls."""
    call = step._compiled
    left = [calls]

    def compiled(*arguments):
        if left[0] == 0:
            raise Interrupted
        left[0] -= 1
        return call(*arguments)

    step._compiled = compiled


class TrainingTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.workdir = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )

    def test_resumed_equals_uninterrupted_to_the_last_bit(self):
        _, expected = train(self.workdir / "whole", 30)
        for calls in (1, 3, 6):
            step, validation = build()
            broken_after(step, calls)
            with self.assertRaises(Interrupted):
                train(self.workdir / "broken", 30, step, validation)
        training, actual = train(self.workdir / "broken", 30)
        self.assertEqual(training.iteration, 30)
        for one, other in zip(expected, actual, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_resumed_in_calls_of_another_length(self):
        _, expected = train(self.workdir / "whole", 20)
        train(self.workdir / "parts", 7)
        _, actual = train(
            self.workdir / "parts", 20, *build(iterations_per_call=1)
        )
        for one, other in zip(expected, actual, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_schedule_goes_on_where_it_was(self):
        def scheduled():
            return build(
                schedule=keras.optimizers.schedules.PolynomialDecay(
                    0.01, 20, 0.0
                )
            )

        _, expected = train(self.workdir / "whole", 20, *scheduled())
        train(self.workdir / "parts", 12, *scheduled())
        _, actual = train(self.workdir / "parts", 20, *scheduled())
        for one, other in zip(expected, actual, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_records_are_each_written_once_after_a_resume(self):
        step, validation = build()
        broken_after(step, 5)
        with self.assertRaises(Interrupted):
            train(self.workdir, 20, step, validation)
        # A kill can cut a line off.
        path = self.workdir / metrics_log.FILE_NAME
        with path.open("a") as file:
            file.write('{"iteration": 12, "pha')
        train(self.workdir, 20)
        records = metrics_log.read(self.workdir)
        self.assertEqual(
            [
                (r["phase"], r["iteration"])
                for r in records
                if r["phase"] == "train"
            ],
            [("train", 5), ("train", 10), ("train", 15), ("train", 20)],
        )
        self.assertEqual(
            [r["iteration"] for r in records if r["phase"] == "validation"],
            [10, 20],
        )
        for line in path.read_text().splitlines():
            json.loads(line)

    def test_best_checkpoint_holds_the_best_validated_weights(self):
        step, validation = build()
        seen = {}

        def spy():
            curve = validation()
            weights = [v.numpy() for v in step.model.variables]
            seen[float(curve.metric[-1])] = weights
            return curve

        training, _ = train(self.workdir, 40, step, spy, validation_interval=4)
        self.assertLen(seen, 10)
        self.assertAlmostEqual(-training.best_score, min(seen), places=6)
        other, _ = build()
        checkpoints = maml_tf.Checkpoints(
            other.model, other.optimizer, self.workdir / "checkpoints"
        )
        self.assertTrue(checkpoints.restore_best())
        for one, expected in zip(
            other.model.variables, seen[min(seen)], strict=True
        ):
            np.testing.assert_array_equal(one, expected)

    def test_loss_that_is_not_finite_stops_and_saves_nothing(self):
        train(self.workdir, 12)
        step, validation = build()
        call = step._compiled

        def diverges(iteration, count):
            loss, *others = call(iteration, count)
            numbers = iteration.numpy() + np.arange(len(loss))
            return np.where(numbers >= 16, np.nan, loss), *others

        step._compiled = lambda *arguments: tuple(
            tf.constant(value) for value in diverges(*arguments)
        )
        latest = self.workdir / "checkpoints" / "latest"
        before = sorted(os.listdir(latest))
        with self.assertRaisesRegex(
            maml_tf.DivergenceError, "nan at iteration 17; .*ckpt-12"
        ):
            train(self.workdir, 40, step, validation, checkpoint_interval=100)
        self.assertEqual(sorted(os.listdir(latest)), before)
        again, _ = build()
        maml_tf.Checkpoints(
            again.model, again.optimizer, self.workdir / "checkpoints"
        ).restore_latest()
        for one, expected in zip(step.model.variables, again.model.variables):
            np.testing.assert_array_equal(one, expected)

    def test_divergence_without_a_folder_leaves_finite_weights(self):
        step, _ = build(schedule=1e30, iterations_per_call=1)
        before = [variable.numpy() for variable in step.model.variables]
        with self.assertRaises(maml_tf.DivergenceError) as raised:
            maml_tf.meta_train(step, 40, None, progress=False)
        self.assertRegex(
            str(raised.exception), "weights of iteration 0 again. A smaller"
        )
        self.assertNotIn(tempfile.gettempdir(), str(raised.exception))
        for one, expected in zip(step.model.variables, before, strict=True):
            np.testing.assert_array_equal(one, expected)

    def test_weights_that_are_not_finite_are_not_saved(self):
        step, _ = build(iterations_per_call=1)
        call = step._compiled

        def breaks(iteration, count):
            updates = call(iteration, count)
            if iteration == 9:
                weight = step.model.trainable_variables[0]
                weight.assign(np.inf * np.ones(weight.shape))
            return updates

        step._compiled = breaks
        with self.assertRaisesRegex(
            maml_tf.DivergenceError, "^The weight .* at iteration 10; .*ckpt-5"
        ):
            maml_tf.meta_train(
                step, 10, self.workdir, checkpoint_interval=5, progress=False
            )
        for variable in step.model.variables:
            self.assertTrue(np.isfinite(variable.numpy()).all())

    def test_signals_save_first_and_handlers_are_restored(self):
        _, expected = train(self.workdir / "whole", 30)
        for number in (signal.SIGINT, signal.SIGTERM):
            workdir = self.workdir / str(int(number))
            handler = signal.getsignal(number)
            step, validation = build()
            call = step._compiled
            calls = []

            def interrupted(*arguments, number=number, call=call, calls=calls):
                calls.append(arguments)
                if len(calls) == 2:
                    os.kill(os.getpid(), number)
                return call(*arguments)

            step._compiled = interrupted
            training, _ = train(
                workdir, 30, step, validation, checkpoint_interval=1000
            )
            self.assertEqual(training.signal_number, number)
            self.assertEqual(training.iteration, 5)
            self.assertIs(signal.getsignal(number), handler)
            again, actual = train(workdir, 30)
            self.assertIsNone(again.signal_number)
            for one, other in zip(expected, actual, strict=True):
                np.testing.assert_array_equal(one, other)

    def test_a_signal_after_a_better_validation_saves_the_latest_too(self):
        step, validation = build()

        def interrupted():
            os.kill(os.getpid(), signal.SIGTERM)
            return validation()

        training, _ = train(
            self.workdir, 30, step, interrupted, checkpoint_interval=1000
        )
        self.assertEqual(training.iteration, 10)
        step, _ = build()
        checkpoints = maml_tf.Checkpoints(
            step.model, step.optimizer, self.workdir / "checkpoints"
        )
        self.assertEndsWith(checkpoints.latest_path, "ckpt-10")
        self.assertTrue(checkpoints.restore_best())
        self.assertEqual(checkpoints.iteration, 10)

    def test_tensorboard_has_scalars_per_inner_step(self):
        train(self.workdir, 10)
        (path,) = (self.workdir / "tensorboard").iterdir()
        tags = set()
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            tags |= {value.tag for value in event.summary.value}
        self.assertContainsSubset(
            {
                "train/loss",
                "train/mse",
                "train/support_loss_step_0",
                "validation/mse_step_0",
                "validation/mse_step_2",
                "validation/ci95_step_2",
                "adaptation/step_2/low",
            },
            tags,
        )

    def test_bad_arguments_are_named(self):
        for name in (
            "log_interval",
            "validation_interval",
            "checkpoint_interval",
        ):
            with self.assertRaisesRegex(maml_tf.InputError, name):
                train(self.workdir, 10, **{name: 0})
        with self.assertRaisesRegex(maml_tf.InputError, "iterations: -1"):
            train(self.workdir, -1)

    def test_learns(self):
        """The error after adaptation falls well below the unlearned one."""
        dataset = maml_tf.datasets.load("sinusoid")
        model = maml_tf.networks.create("mlp", (1,), 1, seed=0)
        algorithm = maml_tf.algorithms.create("maml", model, dataset.loss)
        step = maml_tf.OuterStep(
            algorithm,
            dataset.episodes("train", 5, 10, 10, seed=0),
            keras.optimizers.Adam(2e-3),
            tasks=25,
            iterations_per_call=100,
        )
        test = maml_tf.MetaTest(
            algorithm,
            dataset.episodes("test", 5, 10, 50, seed=0),
            num_tasks=200,
            steps=1,
        )
        before = test()
        maml_tf.meta_train(step, 1000, self.workdir, progress=False)
        after = test()
        self.assertGreater(before.metric[1], 2.5)
        self.assertLess(after.metric[1], 1.2)
        self.assertGreater(after.metric[0], 2.0)


if __name__ == "__main__":
    tf.test.main()
