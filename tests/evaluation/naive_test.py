"""Tests of maml_tf/evaluation/naive.py, and of series of different scales."""

import pathlib
import tempfile
import warnings

import numpy as np
import tensorflow as tf

from maml_tf import datasets
from maml_tf.evaluation.naive import naive_metrics
from maml_tf.reports import tables


class NaiveTest(tf.test.TestCase):
    def series(self, scales):
        """Rising series: the last value is too low by the slope."""
        folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
        rows = [
            f"s{number},{time},{scale * time}"
            for number, scale in enumerate(scales)
            for time in range(60)
        ]
        path = folder / "series.csv"
        path.write_text("\n".join(["task,time,value", *rows]))
        return datasets.load(f"table:{path}", window=4, horizon=3)

    def test_in_the_units_of_the_series(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            dataset = self.series([2.0] * 6)
        errors = naive_metrics(
            dataset.naive, dataset.episodes("test", 1, 5, 4, 0), 7
        )
        # 1, 2 and 3 steps of 2.
        self.assertAllClose(errors, np.full(7, 4.0), rtol=1e-4)

    def test_a_note_of_different_scales(self):
        with self.assertWarnsRegex(
            UserWarning, "deviations of a tenth of the series are below"
        ):
            self.series([10.0**n for n in range(6)])

    def test_the_shipped_series_are_of_one_scale(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            dataset = datasets.load("demand_series")
        self.assertIsNotNone(dataset.naive)
        self.assertIsNone(datasets.load("sinusoid").naive)

    def test_beside_the_table(self):
        result = {
            "dataset": "table:x.csv",
            "split": "test",
            "algorithm": "maml",
            "network": "mlp",
            "way": None,
            "shot": 5,
            "query": 4,
            "num_tasks": 7,
            "seed": 0,
            "batch_norm": "transductive",
            "iteration": 1,
            "checkpoint": "best",
            "naive": {"mae": 4.0, "ci95": None},
            "steps": [{"step": 0, "mae": 5.0, "ci95": 0.1, "loss": 1.0}],
        }
        self.assertIn(
            "Naive forecast, the last value: mae 4.000 ± -",
            tables.adaptation(result),
        )
        del result["naive"]  # As of an earlier version.
        self.assertNotIn("Naive", tables.adaptation(result))


if __name__ == "__main__":
    tf.test.main()
