"""Tests of demand_series.py and of scripts/make_series.py."""

import pathlib
import tempfile

import numpy as np
import pytest
import tensorflow as tf

from maml_tf import datasets
from maml_tf.datasets import demand_series
from tests.helpers import forked

ROOT = pathlib.Path(__file__).resolve().parents[2]


class GenerateTest(tf.test.TestCase):
    def test_what_it_is(self):
        names, times, demand = demand_series.generate(households=5)
        self.assertEqual(demand.shape, (5, 8 * 7 * 24))
        self.assertLen(set(names), 5)
        self.assertEqual(str(times[0]), "2023-11-06T00:00:00")
        self.assertEqual(str(times[-1]), "2023-12-31T23:00:00")
        self.assertAllGreater(demand, 0.0)
        self.assertAllLess(demand, 30.0)
        self.assertAllEqual(demand, np.round(demand, 3))

    def test_is_a_function_of_the_seed(self):
        _, _, demand = demand_series.generate(households=3)
        _, _, more = demand_series.generate(households=5)
        _, _, other = demand_series.generate(seed=1, households=3)
        self.assertAllEqual(demand, more[:3])
        self.assertNotAllClose(demand, other)

    def test_days_are_alike_and_households_are_not(self):
        _, _, demand = demand_series.generate(households=40)
        weeks = demand.reshape(40, 8, 7, 24)[:, :, :5]
        profiles = np.log(weeks).mean(2)
        halves = profiles[:, :4].mean(1), profiles[:, 4:].mean(1)
        correlation = np.corrcoef(*halves)
        own = correlation[range(40), range(40, 80)]
        others = correlation[:40, 40:][~np.eye(40, dtype=bool)]
        self.assertGreater(np.median(own), 0.8)
        self.assertLess(np.median(others), 0.5)

    def test_noise_has_variance_one_and_the_given_memory(self):
        random = np.random.RandomState(0)
        noise = np.concatenate(
            [demand_series._autoregressive(random, 0.5) for _ in range(20)]
        )
        self.assertNear(noise.var(), 1.0, 0.05)
        self.assertNear(np.mean(noise[1:] * noise[:-1]), 0.5, 0.05)
        noise = np.concatenate(
            [
                demand_series._autoregressive(random, 0.5, -0.6)
                for _ in range(20)
            ]
        )
        self.assertNear(noise.var(), 1.0, 0.05)
        # Yule and Walker: first / (1 - second).
        self.assertNear(np.mean(noise[1:] * noise[:-1]), 0.5 / 1.6, 0.05)


class LoadTest(tf.test.TestCase):
    def test_what_it_is(self):
        dataset = datasets.load("demand_series", window=6, horizon=2)
        self.assertEqual(dataset.name, "demand_series")
        self.assertEqual(dataset.input_shape, (6,))
        self.assertEqual(dataset.outputs(5), 2)
        self.assertEqual(dataset.metric_name, "mae")

    @pytest.mark.slow
    def test_the_script_writes_the_same_data(self):
        folder = self.enter_context(tempfile.TemporaryDirectory())
        path = pathlib.Path(folder, "new", "demand.csv")
        script = ROOT / "scripts" / "make_series.py"
        status, stdout, stderr = forked.run(
            script, f"--output={path}", cwd=folder
        )
        self.assertEqual(status, 0, stderr)
        self.assertIn("240 synthetic series", stdout)
        with path.open() as file:
            self.assertEqual(file.readline(), "task,time,value\n")
            self.assertStartsWith(
                file.readline(), "household_000,2023-11-06T00"
            )
        for options in ({}, {"window": 5, "horizon": 3, "split_seed": 4}):
            ours = datasets.load("demand_series", **options)
            theirs = datasets.load(f"table:{path}", **options)
            for split in ("train", "valid", "test"):
                draws = [d.episodes(split, 1, 3, 4, 5) for d in (ours, theirs)]
                for number in range(5):
                    for a, b in zip(*(draw(number) for draw in draws)):
                        self.assertAllEqual(a, b)
            self.assertEqual(
                ours.preparation.get_config(), theirs.preparation.get_config()
            )

        before = path.read_bytes()
        status, _, stderr = forked.run(script, f"--output={path}", cwd=folder)
        self.assertEqual(status, 1)
        self.assertRegex(stderr, "^error: output: .* exists already")
        self.assertEqual(path.read_bytes(), before)
        self.assertLen(list(path.parent.iterdir()), 1)


if __name__ == "__main__":
    tf.test.main()
