"""Tests of series of different scales, from their table to served forecasts."""

import json
import pathlib
import tempfile
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl import flags

import maml_tf
from maml_tf import InputError, Learner, datasets
from maml_tf.commands.experiments import supervised, supervised_flags
from maml_tf.evaluation.naive import naive_metrics
from maml_tf.functional import windows

WINDOW, HORIZON = 6, 2
SCALES = np.geomspace(10.0, 100_000.0, 25)


def season(number, times):
    """A trend and a season of 4, its phase and size the series' own."""
    phase = 2 * np.pi * number / 7
    wave = 0.3 * np.sin(np.pi / 2 * times + phase)
    return 1.0 + 0.002 * number * times / 25 + wave


def m4_like():
    times = np.arange(40)
    return [scale * season(n, times) for n, scale in enumerate(SCALES)]


class SeriesTestCase(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )

    def table(self, series, name="series.csv"):
        rows = [
            f"s{number:02},{time},{value!r}"
            for number, values in enumerate(series)
            for time, value in enumerate(map(float, values))
        ]
        path = self.folder / name
        path.write_text("\n".join(["task,time,value", *rows]))
        return f"table:{path}"

    def load(self, series, scaling="window", name="series.csv", **options):
        return datasets.load(
            self.table(series, name),
            **{"window": WINDOW, "horizon": HORIZON, **options},
            scaling=scaling,
        )

    def learner(self, dataset, seed=3, **options):
        return Learner(
            maml_tf.networks.create(
                "mlp", (WINDOW,), HORIZON, widths=(16,), seed=seed
            ),
            task="regression",
            loss=dataset.loss,
            metric=dataset.metric,
            preparation=dataset.preparation,
            target_mean=dataset.target_mean,
            target_deviation=dataset.target_deviation,
            scaling=dataset.scaling,
            inner_learning_rate=0.05,
            inner_steps=3,
            **options,
        )


class WindowTest(SeriesTestCase):
    def test_statistics(self):
        x = np.array(
            [[1.0, 2, 3, 6], [7, 7, 7, 7], [-0.1] * 4, [0] * 4, [1e6] * 4]
        )
        for dtype in (np.float32, np.float64):
            mean, deviation = windows.statistics(tf.constant(x, dtype), 5.0)
            self.assertEqual(deviation.dtype, dtype)
            self.assertAllClose(mean[:, 0], [3, 7, -0.1, 0, 1e6])
            self.assertAllClose(deviation[:, 0], [3.5**0.5, 7, 0.1, 5, 1e6])

    def test_errors_in_both_units(self):
        y = windows.targets(
            tf.constant([[10.0, 30], [5, 5]]),
            tf.constant([[10.0], [5]]),
            tf.constant([[20.0], [4]]),
        )
        self.assertAllClose(y, [[0.0, 1, 20], [0, 0, 4]])
        outputs = tf.constant([[0.0, 0], [0.5, 0]])
        self.assertAllClose(windows.squared_error(y, outputs), (1 + 0.25) / 4)
        self.assertAllClose(windows.absolute_error(y, outputs), (20 + 2) / 4)
        with self.assertRaisesRegex(InputError, "^y: the shape"):
            windows.squared_error(y[:, :2], outputs)

    def test_episodes_metric_and_naive_forecast(self):
        dataset = self.load(m4_like())
        episode = dataset.episodes("test", 1, 3, 4, 0)(0)
        self.assertEqual(episode.query_y.shape, (4, HORIZON + 1))
        self.assertAllClose(np.mean(episode.query_x, 1), np.zeros(4), atol=1e-5)
        self.assertAllClose(np.std(episode.query_x, 1), np.ones(4), rtol=1e-5)
        # The series, found by the windows' deviations.
        series = np.array(m4_like())
        slices = np.lib.stride_tricks.sliding_window_view(
            series, WINDOW + HORIZON, axis=1
        )
        deviations = slices[..., :WINDOW].std(-1)
        errors = []
        for x, y in zip(episode.query_x.numpy(), episode.query_y.numpy()):
            ratio = np.abs(deviations / y[-1] - 1)
            distance = np.abs(
                (slices - slices[..., :WINDOW].mean(-1, keepdims=True))
                / deviations[..., np.newaxis]
                - np.append(x, y[:-1])
            ).max(-1)
            place = np.unravel_index((ratio + distance).argmin(), ratio.shape)
            self.assertLess((ratio + distance)[place], 1e-4)
            window = slices[place]
            errors.append(np.abs(window[WINDOW:] - window[WINDOW - 1]).mean())
            raw = window[np.newaxis, :WINDOW]
            self.assertAllClose(dataset.preparation(raw)[0], x, atol=1e-4)
        naive = naive_metrics(
            dataset.naive, dataset.episodes("test", 1, 3, 4, 0), 1
        )
        self.assertAllClose(naive, [np.mean(errors)], rtol=1e-4)

    def test_constant_series(self):
        series = [[value] * 20 for value in (0.0, 0.1, 7, 1e5, 0, 3, -2, 5)]
        dataset = self.load(series)
        draw = dataset.episodes("train", 1, 2, 2, 0)
        for number in range(8):
            for part in draw(number):
                self.assertAllInSet(np.isfinite(part), [True])
        learner = self.learner(dataset)
        learner.model.set_weights(
            [np.zeros_like(weight) for weight in learner.model.get_weights()]
        )
        for value in (0.0, 0.1, 1e5):
            x = np.full((3, WINDOW), value)
            adapted = learner.adapt(x, np.full((3, HORIZON), value))
            self.assertAllClose(
                adapted.predict(x), np.full((3, HORIZON), value), rtol=1e-6
            )

    def test_zeros_have_the_series_median_deviation(self):
        series = [*m4_like()[:9], np.zeros(40)]
        dataset = self.load(series)
        _, deviation = windows.statistics(
            tf.zeros([1, WINDOW]), dataset.target_deviation
        )
        self.assertBetween(deviation, 2.0, 20.0)


class ScaleFreeTest(SeriesTestCase):
    def test_larger_and_shifted_series(self):
        series = m4_like()
        larger = [1000 * values + 5 for values in series]
        curves, forecasts = [], []
        for values, name in ((series, "a.csv"), (larger, "b.csv")):
            dataset = self.load(values, name=name)
            learner = self.learner(dataset)
            episodes = dataset.episodes("test", 1, 4, 4, 0)
            curves.append(learner.meta_test(episodes, num_tasks=6))
            learner.save(self.folder / "saved")
            learner = maml_tf.load(self.folder / "saved")
            support, query = np.array(values)[[5, 9], :, np.newaxis]
            x = np.stack([support[n : n + WINDOW, 0] for n in range(8)])
            y = np.stack([support[n + WINDOW :][:HORIZON, 0] for n in range(8)])
            q = query[:WINDOW].T
            adapted = learner.adapt(x, y, validation_data=(x[:2], y[:2]))
            found = adapted.predict(q)
            self.assertNear(
                adapted.history["mae"][-1], adapted.evaluate(x, y)["mae"], 1e-3
            )
            adapted.save(self.folder / "adapted.keras")
            loaded = keras.models.load_model(self.folder / "adapted.keras")
            self.assertAllClose(loaded(q), found, rtol=1e-6)
            served = self.served(learner, name, x, y, q)
            for answer in served:
                self.assertAllClose(answer, found, rtol=1e-5)
            forecasts.append(found)
        self.assertAllClose(curves[1].losses, curves[0].losses, rtol=1e-4)
        self.assertAllClose(
            curves[1].metrics, 1000 * curves[0].metrics, rtol=1e-4
        )
        self.assertAllClose(forecasts[1], 1000 * forecasts[0] + 5, rtol=1e-5)

    def served(self, learner, name, x, y, q):
        maml_tf.export(learner, self.folder / f"served_{name}")
        model = tf.saved_model.load(self.folder / f"served_{name}")
        x, y, q = (tf.constant(part, tf.float32) for part in (x, y, q))
        adapt = model.signatures["adapt"](support_x=x, support_y=y)
        yield model.signatures["adapt_and_predict"](
            support_x=x, support_y=y, query_x=q
        )["values"]
        yield model.signatures["predict_adapted"](**adapt, query_x=q)["values"]

    @pytest.mark.slow
    def test_learns_where_one_scaling_for_all_does_not(self):
        errors = {}
        for scaling in ("all", "window"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dataset = self.load(m4_like(), scaling)
            learner = self.learner(dataset)
            step = maml_tf.OuterStep(
                learner.algorithm,
                dataset.episodes("train", 1, 8, 8, 0),
                keras.optimizers.Adam(0.01),
                tasks=4,
                iterations_per_call=100,
            )
            for first in range(0, 200, 100):
                step(first, 100)
            episodes = dataset.episodes("test", 1, 8, 8, 0)
            curve = learner.meta_test(episodes, num_tasks=50, steps=10)
            naive = naive_metrics(dataset.naive, episodes, 50)
            errors[scaling] = curve.metrics / naive[:, np.newaxis]
        # Of the series that are forecast worst, those of the small scales.
        worst = {name: np.quantile(e, 0.9, 0) for name, e in errors.items()}
        self.assertAllLess(worst["window"], 0.5)
        self.assertAllGreater(worst["all"], 1.0)


class ChoiceTest(SeriesTestCase):
    def test_by_the_scales_of_the_training_series(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            alike = self.load(
                [season(n, np.arange(40)) for n in range(9)], None
            )
            self.assertEqual(self.load(m4_like()).scaling, "window")
        self.assertEqual(alike.scaling, "all")
        with self.assertWarnsRegex(UserWarning, "Each window is standardised"):
            self.assertEqual(self.load(m4_like(), None).scaling, "window")
        with self.assertWarnsRegex(UserWarning, "All are standardised alike"):
            self.assertEqual(self.load(m4_like(), "all").scaling, "all")
        with self.assertWarnsRegex(UserWarning, "All are standardised alike"):
            self.assertEqual(
                self.load(m4_like(), None, window=1).scaling, "all"
            )

    def test_refusals(self):
        with self.assertRaisesRegex(InputError, "^scaling: window .* window=1"):
            self.load(m4_like(), window=1)
        with self.assertRaisesRegex(InputError, "^scaling: 'own' was given"):
            self.load(m4_like(), "own")
        dataset = self.load(m4_like())
        model = maml_tf.networks.create("mlp", (WINDOW,), HORIZON)
        for sentence, options in (
            ("^scaling: 'own' is unknown", {"scaling": "own"}),
            ("^scaling: 'all' .* needs 'window'", {"loss": dataset.loss}),
            ("^loss: ", {"scaling": "window", "loss": "mae"}),
            (
                "^target_deviation: .* give a number above 0\\.$",
                {"scaling": "window", "target_deviation": [1.0, 2.0]},
            ),
        ):
            with self.assertRaisesRegex(InputError, sentence):
                Learner(model, task="regression", **options)
        with self.assertRaisesRegex(InputError, "^scaling: .*regression"):
            Learner(model, scaling="window")


class RecordTest(SeriesTestCase):
    def test_a_training_keeps_its_scaling(self):
        values = flags.FlagValues()
        supervised_flags.define(values)
        values(
            [
                "train",
                f"--dataset={self.table(m4_like())}",
                *(f"--window={WINDOW}", f"--horizon={HORIZON}"),
            ]
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            new = supervised.Experiment(values, resumes=self.folder / "empty")
            self.assertEqual(new.dataset.scaling, "window")
            new.learner.save(self.folder)
            again = supervised.Experiment(values, resumes=self.folder)
            self.assertEqual(again.learner.scaling, "window")
            # As version 0.1.0 wrote it.
            path = self.folder / "learner.json"
            description = json.loads(path.read_text())
            self.assertEqual(description["format"], 3)
            del description["scaling"]
            path.write_text(json.dumps(description | {"format": 2}))
            former = supervised.Experiment(values, self.folder)
        self.assertEqual(former.dataset.scaling, "all")
        self.assertLen(former.dataset.preparation.layers, 1)


if __name__ == "__main__":
    tf.test.main()
