"""Tests of Keras callbacks in meta-training."""

import csv
import os
import pathlib
import signal
import types

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import maml_tf
from maml_tf.algorithms.updates import Updates
from maml_tf.training.checkpoints import restore_weights


class Step:
    """An outer step without a graph: a noisy walk of two weights to 1."""

    def __init__(self, rate=0.3, signals=(), breaks=(), **options):
        keras.utils.set_random_seed(4)
        self.model = keras.Sequential(
            [keras.Input((1,)), keras.layers.Dense(1)]
        )
        self.optimizer = keras.optimizers.SGD(rate, **options)
        self.optimizer.build(self.model.trainable_variables)
        self.algorithm = types.SimpleNamespace(
            own_variables=[], meta_variables=self.model.trainable_variables
        )
        self.iterations_per_call = 4
        self.signals = set(signals)
        self.breaks = set(breaks)

    def __call__(self, iteration, count):
        losses = []
        for number in range(iteration, iteration + count):
            if number in self.breaks:
                raise Interrupted
            if number in self.signals:
                os.kill(os.getpid(), signal.SIGTERM)
            noise = np.random.default_rng(number).normal(size=2)
            kernel, bias = self.model.trainable_variables
            losses.append(float(kernel[0, 0]) ** 2)
            slopes = [kernel - 1 - noise[0], bias - 1 - noise[1]]
            self.optimizer.apply([tf.cast(s, tf.float32) for s in slopes])
        values = np.array(losses, np.float32)
        return Updates(values, 2 * values, np.zeros((count, 1), np.float32))

    def validation(self):
        kernel, bias = (v.numpy() for v in self.model.trainable_variables)
        errors = np.array([[0.0], [abs(kernel[0, 0] - 1) + abs(bias[0] - 1)]])
        return maml_tf.Curve(errors, errors)


class Interrupted(Exception):
    """Stands for whatever ends a process between two lines."""


def train(step, callbacks, iterations=40, workdir=None, **options):
    options = {
        "validation": step.validation,
        "higher_is_better": False,
        "metric_name": "mse",
        "log_interval": 2,
        "validation_interval": 4,
        "checkpoint_interval": 3,
        "progress": False,
        **options,
    }
    return maml_tf.meta_train(
        step, iterations, workdir, callbacks=callbacks, **options
    )


def state(step):
    """All variables, as NumPy arrays."""
    variables = step.model.variables + step.optimizer.variables
    return [variable.numpy() for variable in variables]


class Seen(keras.callbacks.Callback):
    """Notes what is called, and that the rate and the model are there."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def _note(self, hook, *number):
        self.calls.append((hook, *number))

    def on_train_begin(self, logs=None):
        self._note("train begin")
        self.config = self.model.optimizer.get_config()

    def on_train_end(self, logs=None):
        self._note("train end")

    def on_epoch_begin(self, epoch, logs=None):
        self._note("epoch begin", epoch)

    def on_epoch_end(self, epoch, logs=None):
        self._note("epoch end", epoch)
        self.epoch_logs = dict(logs)

    def on_train_batch_end(self, batch, logs=None):
        self._note("batch end", batch)
        self.batch_logs = dict(logs)

    def on_test_begin(self, logs=None):
        self._note("test begin")

    def on_test_end(self, logs=None):
        self._note("test end")
        self.test_logs = dict(logs)


class PredictsAlone(keras.callbacks.Callback):
    def on_predict_end(self, logs=None):
        pass


class CallbacksTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.create_tempdir().full_path)

    def test_when_they_are_called_and_with_which_logs(self):
        seen, curves = Seen(), []

        def validation():
            curves.append(step.validation())
            return curves[-1]

        losses = []

        class Losses(Step):
            def __call__(self, iteration, count):
                updates = super().__call__(iteration, count)
                losses.extend(updates.loss)
                return updates

        step = Losses()
        train(
            step,
            seen,
            9,
            self.folder,
            validation=validation,
            log_interval=3,
        )
        self.assertEqual(
            seen.calls,
            [
                ("train begin",),
                ("epoch begin", 0),
                ("batch end", 3),
                ("test begin",),
                ("test end",),
                ("epoch end", 0),
                ("epoch begin", 1),
                ("batch end", 6),
                ("test begin",),
                ("test end",),
                ("epoch end", 1),
                ("epoch begin", 2),
                ("batch end", 9),
                ("test begin",),
                ("test end",),
                ("epoch end", 2),
                ("train end",),
            ],
        )
        error = curves[-1].metric[-1]
        self.assertEqual(
            seen.epoch_logs,
            {
                "loss": float(losses[-1]),
                "mse": 2 * float(losses[-1]),
                "val_loss": error,
                "val_mse": error,
            },
        )
        self.assertAllClose(seen.batch_logs["loss"], np.mean(losses[-3:]))
        self.assertEqual(seen.test_logs, {"loss": error, "mse": error})
        self.assertAlmostEqual(seen.config["learning_rate"], 0.3)
        self.assertEqual(seen.params["epochs"], 3)

    def test_the_model_is_as_it_was_afterwards(self):
        step = Step()
        before = set(vars(step.model))
        model = []
        train(
            step,
            keras.callbacks.LambdaCallback(
                on_train_begin=lambda logs: model.append(
                    (step.model.optimizer, step.model.stop_training)
                )
            ),
            4,
        )
        self.assertEqual(model, [(step.optimizer, False)])
        self.assertEqual(set(vars(step.model)), before)
        own = keras.optimizers.Adam()
        step.model.compile(own, "mse")
        own.build(step.model.trainable_variables)
        step.breaks = {2}
        with self.assertRaises(Interrupted):
            train(step, Seen(), 4)
        self.assertIs(step.model.optimizer, own)
        step.breaks = ()
        during, after = (str(self.folder / f"{n}.keras") for n in range(2))
        train(step, keras.callbacks.ModelCheckpoint(during), 4)
        step.model.save(after)
        for path, is_compiled in ((during, False), (after, True)):
            loaded = keras.models.load_model(path)
            self.assertEqual(loaded.compiled, is_compiled)
            self.assertAllEqual(
                loaded.get_weights()[0], step.model.get_weights()[0]
            )

    def test_early_stopping_restores_what_loading_gives(self):
        for monitor in ("val_mse", "loss"):
            stopping = keras.callbacks.EarlyStopping(
                monitor, patience=3, restore_best_weights=True
            )
            step, workdir = Step(), self.folder / monitor
            seen = {}
            note = keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs, step=step, seen=seen: (
                    seen.update({epoch: step.model.get_weights()})
                )
            )
            training = train(step, [note, stopping], 400, workdir)
            self.assertTrue(training.stopped_early)
            stop = stopping.best_epoch + 3
            self.assertEqual(training.iteration, 4 * (stop + 1))
            self.assertEqual(max(seen), stop)
            best = 4 * (stopping.best_epoch + 1)
            self.assertEqual(training.best_iteration, best)
            other = Step().model
            self.assertEqual(
                restore_weights(other, workdir / "checkpoints"), (best, "best")
            )
            for one, two, three in zip(
                step.model.get_weights(),
                other.get_weights(),
                seen[stopping.best_epoch],
                strict=True,
            ):
                self.assertAllEqual(one, two)
                self.assertAllEqual(one, three)
            # The latest state is that of the last iteration.
            self.assertNotAllEqual(seen[stop][0], step.model.get_weights()[0])

    def test_restored_averages_are_those_of_the_best_checkpoint(self):
        stopping = keras.callbacks.EarlyStopping(
            "loss", patience=2, restore_best_weights=True
        )
        step = Step(use_ema=True, ema_momentum=0.5)
        train(step, [stopping], 400, self.folder)
        other = Step().model
        restore_weights(other, self.folder / "checkpoints")
        for one, two in zip(
            step.model.get_weights(), other.get_weights(), strict=True
        ):
            self.assertAllEqual(one, two)

    @parameterized.parameters(
        # SIGTERM before these updates; or an end without a chance to save.
        {"signals": (1, 8, 9, 23)},
        {"breaks": (2, 8, 25)},
    )
    def test_they_go_on_as_if_never_interrupted(self, **ends):
        def callbacks(name):
            return [
                keras.callbacks.ReduceLROnPlateau(
                    "val_mse", factor=0.5, patience=2, cooldown=1
                ),
                keras.callbacks.EarlyStopping(
                    "loss", patience=7, restore_best_weights=True
                ),
                keras.callbacks.EarlyStopping("val_loss", patience=6),
                keras.callbacks.LearningRateScheduler(
                    lambda epoch, rate: rate * 0.97
                ),
                keras.callbacks.History(),
                *(
                    # An exception would leave its file open.
                    [keras.callbacks.CSVLogger(str(self.folder / name))]
                    if "signals" in ends
                    else []
                ),
            ]

        whole = Step()
        used = callbacks("whole.csv")
        expected = train(whole, used, 400, self.folder / "whole")
        self.assertTrue(expected.stopped_early)
        self.assertGreater(expected.iteration, 32)
        self.assertLess(float(whole.optimizer.learning_rate), 0.3 * 0.97**9)
        (kind, places) = next(iter(ends.items()))
        for place in places:
            step = Step(**{kind: [place]})
            workdir = self.folder / "parts"
            if kind == "breaks":
                with self.assertRaises(Interrupted):
                    train(step, callbacks("parts.csv"), 400, workdir)
            else:
                part = train(step, callbacks("parts.csv"), 400, workdir)
                self.assertEqual(part.signal_number, signal.SIGTERM)
        for _ in range(2):  # The second time there is nothing left to do.
            step = Step()
            again = callbacks("parts.csv")
            training = train(step, again, 400, workdir)
            self.assertEqual(training.iteration, expected.iteration)
            self.assertTrue(training.stopped_early)
            for one, other in zip(state(whole), state(step), strict=True):
                self.assertAllEqual(one, other)
            self.assertEqual(again[4].history, used[4].history)
            if kind == "signals":
                self.assertEqual(
                    (self.folder / "parts.csv").read_text(),
                    (self.folder / "whole.csv").read_text(),
                )
        states = {p.stem for p in (workdir / "checkpoints").glob("*/*.npz")}
        self.assertIn(str(expected.iteration), states)
        self.assertLessEqual(len(states), 4)

    def test_callbacks_that_are_new_begin_where_they_are_added(self):
        train(Step(), None, 8, self.folder)
        stopping = keras.callbacks.EarlyStopping("val_mse", patience=100)
        with self.assertLogs("absl", "WARNING") as logs:
            train(Step(), [stopping], 16, self.folder)
        self.assertIn("EarlyStopping was not in the", logs.output[0])
        self.assertIn("begins at iteration 8.", logs.output[0])
        (path,) = (self.folder / "checkpoints").glob("callbacks/16.npz")
        path.write_bytes(b"no archive")
        with self.assertRaisesRegex(maml_tf.InputError, r"16\.npz.*iteration"):
            train(Step(), [stopping], 24, self.folder)

    def test_stopping_at_a_batch_validates_there_and_saves(self):
        step, seen = Step(), Seen()

        def stop(batch, logs):
            step.model.stop_training = batch == 6

        training = train(
            step,
            [keras.callbacks.LambdaCallback(on_train_batch_end=stop), seen],
            40,
            self.folder,
        )
        self.assertEqual(training.iteration, 6)
        self.assertEqual(seen.calls[-2:], [("epoch end", 1), ("train end",)])
        reader = tf.train.latest_checkpoint(
            str(self.folder / "checkpoints" / "latest")
        )
        self.assertEndsWith(reader, "ckpt-6")

    def test_files_of_callbacks(self):
        step = Step()
        weights = str(self.folder / "{epoch}.weights.h5")
        whole = str(self.folder / "best.keras")
        board = self.folder / "board"
        train(
            step,
            [
                keras.callbacks.CSVLogger(str(self.folder / "log.csv")),
                keras.callbacks.ModelCheckpoint(
                    weights, save_weights_only=True
                ),
                keras.callbacks.ModelCheckpoint(
                    whole, "val_mse", save_best_only=True
                ),
                keras.callbacks.TensorBoard(
                    str(board),
                    histogram_freq=1,
                    update_freq="batch",
                    write_steps_per_second=True,
                ),
                keras.callbacks.TerminateOnNaN(),
            ],
            8,
        )
        with (self.folder / "log.csv").open() as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row["epoch"] for row in rows], ["0", "1"])
        self.assertEqual(
            list(rows[0]), ["epoch", "loss", "mse", "val_loss", "val_mse"]
        )
        other = Step().model
        other.load_weights(weights.format(epoch=2))
        self.assertAllEqual(other.get_weights()[0], step.model.get_weights()[0])
        self.assertLen(keras.models.load_model(whole).get_weights(), 2)
        tags = set()
        for path in board.rglob("events*"):
            for record in tf.data.TFRecordDataset(str(path)):
                event = tf.compat.v1.Event.FromString(record.numpy())
                tags |= {value.tag for value in event.summary.value}
        self.assertContainsSubset(
            {"epoch_mse", "epoch_loss", "batch_loss", "epoch_learning_rate"},
            tags,
        )

    def test_the_mode_of_the_metric_is_known(self):
        stopping = keras.callbacks.EarlyStopping("val_accuracy", patience=1)
        train(
            Step(), [stopping], 8, metric_name="accuracy", higher_is_better=True
        )
        self.assertEqual(stopping.mode, "max")

    @parameterized.parameters(
        ("a text", "give Keras callbacks"),
        (keras.callbacks.BackupAndRestore("x"), "resumes by itself"),
        (keras.callbacks.SwapEMAWeights(), "averages by itself"),
        (keras.callbacks.ProgbarLogger(), "progress=True"),
        (keras.callbacks.CallbackList([]), "as a list"),
        (PredictsAlone(), "on_predict_end alone"),
        (
            keras.callbacks.EarlyStopping("val_acc"),
            "monitors 'val_acc', and the logs have loss, mse, val_loss,"
            " val_mse",
        ),
        (
            keras.callbacks.ReduceLROnPlateau(),
            "learning rate is a schedule",
            {"rate": keras.optimizers.schedules.CosineDecay(0.1, 9)},
        ),
        (
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate),
            "learning rate is a schedule",
            {"rate": keras.optimizers.schedules.CosineDecay(0.1, 9)},
        ),
    )
    def test_what_cannot_work_is_refused(self, callback, words, options=None):
        with self.assertRaisesRegex(maml_tf.InputError, words):
            train(Step(**options or {}), [callback], 4, self.folder)
        self.assertEmpty(list(self.folder.iterdir()))

    def test_refusals_by_the_setting(self):
        stopping = keras.callbacks.EarlyStopping("val_mse")
        with self.assertRaisesRegex(maml_tf.InputError, "logs have loss, mse;"):
            train(Step(), stopping, 4, validation=None)
        step = Step()
        step.algorithm.own_variables = [keras.Variable(1.0)]
        stopping.restore_best_weights = True
        with self.assertRaisesRegex(maml_tf.InputError, "learns others beside"):
            train(step, stopping, 4)
        step = Step()
        step.optimizer = types.SimpleNamespace(variables=[])
        with self.assertRaisesRegex(maml_tf.InputError, "no learning rate"):
            train(step, keras.callbacks.ReduceLROnPlateau(), 4)
        # Values that another callback adds may be monitored.
        adds = Seen()
        adds.on_epoch_end = lambda epoch, logs: logs.update(mine=epoch)
        mine = keras.callbacks.EarlyStopping("mine", mode="min", patience=2)
        self.assertEqual(train(Step(), [adds, mine], 40).iteration, 12)

    def test_a_divergence_is_an_error_with_terminate_on_nan_too(self):
        step = Step()
        kernel = step.model.trainable_variables[0]
        kernel.assign(kernel * np.nan)
        with self.assertRaises(maml_tf.DivergenceError):
            train(step, keras.callbacks.TerminateOnNaN(), 40)
        self.assertNotIn("optimizer", vars(step.model))


if __name__ == "__main__":
    tf.test.main()
