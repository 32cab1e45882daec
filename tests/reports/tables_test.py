"""Tests of tables and of the published figures in them."""

import re

import tensorflow as tf
from absl.testing import parameterized

from maml_tf.reports import published, tables


def result(algorithm="maml", **changed):
    return {
        "dataset": "omniglot",
        "split": "test",
        "algorithm": algorithm,
        "network": "conv4",
        "way": 5,
        "shot": 1,
        "query": 2,
        "num_tasks": 600,
        "seed": 7,
        "batch_norm": "inductive",
        "iteration": 4000,
        "checkpoint": "best",
        "steps": [
            {"step": 0, "accuracy": 0.2, "ci95": 0.0123, "loss": 1.6},
            {"step": 1, "accuracy": 0.98765, "ci95": None, "loss": 0.05},
        ],
        **changed,
    }


def policy(algorithm="maml", values=(-39.123, -9.0), **changed):
    return {
        "environment": "navigation_2d",
        "form": "official",
        "horizon": 100,
        "algorithm": algorithm,
        "rollouts": 20,
        "seed": 3,
        "inner_learning_rate": 0.5,
        "later_inner_learning_rate": 0.25,
        "metric": "return",
        "split": "test",
        "num_tasks": 40,
        "iteration": 450,
        "checkpoint": "best",
        "steps": [
            {"step": step, "return": value, "ci95": 0.5}
            for step, value in enumerate(values)
        ],
        **changed,
    }


class TablesTest(tf.test.TestCase, parameterized.TestCase):
    def test_says_what_it_takes_to_believe_a_figure(self):
        text = tables.adaptation(result())
        for part in (
            "omniglot, test: maml, conv4, 5-way 1-shot, 2 queries per class",
            "600 tasks, seed 7, batch norm inductive, best checkpoint, of"
            " iteration 4000",
            "98.7 ± 0.4 % (Finn et al. 2017, table 1)",
        ):
            self.assertIn(part, text)
        rows = [line.split() for line in text.splitlines()]
        self.assertIn(["0", "20.00", "%", "1.23", "1.6000"], rows)
        self.assertIn(["1", "98.77", "%", "-", "0.0500"], rows)

    def test_one_query_is_no_queries(self):
        text = tables.adaptation(result(query=1))
        self.assertIn("5-way 1-shot, 1 query per class\n", text)

    def test_says_how_much_numbers_of_classes_count(self):
        spread = {"numberings": 4, "mean": 0.5, "lowest": 0.41, "highest": 0.62}
        self.assertEndsWith(
            tables.adaptation(result("anil", network="mlp", numberings=spread)),
            "Of 4 numberings of a task's classes, after the last step: mean"
            " 50.00 %, lowest 41.00 %, highest 62.00 %, means over tasks",
        )

    def test_says_that_a_task_diverged(self):
        steps = [
            {"step": 0, "mse": 3.0, "ci95": 0.5, "loss": 3.0},
            {"step": 1, "mse": None, "ci95": None, "loss": None},
        ]
        text = tables.adaptation(result(steps=steps))
        self.assertIn("diverged on a task", text)
        self.assertIn(
            ["1", "-", "-", "-"], [x.split() for x in text.split("\n")]
        )
        self.assertNotIn("diverged", tables.adaptation(result()))

    def test_says_nothing_where_nothing_was_published(self):
        self.assertNotIn("Published", tables.adaptation(result("scratch")))
        self.assertIsNone(published.accuracy("omniglot", "conv4", "maml", 7, 1))
        self.assertIsNone(published.sinusoid_error("maml", 10, 1))

    @parameterized.parameters(
        (0.51234, 0.0123, ["0.5123", "0.0123"]),
        (51234.5, 123.4, ["51234", "123"]),
        (0.00051234, 0.000012, ["0.0005123", "0.0000120"]),
        (None, None, ["-", "-"]),
    )
    def test_absolute_errors_have_four_digits(self, error, ci95, cells):
        steps = [
            {"step": 0, "mae": error, "ci95": ci95, "loss": 1.0},
            {"step": 1, "mae": None, "ci95": None, "loss": None},
        ]
        text = tables.adaptation(result(shot=5, steps=steps))
        rows = [line.split() for line in text.splitlines()]
        self.assertIn(["step", "mae", "±", "95", "%", "loss"], rows)
        self.assertIn(["0", *cells, "1.0000"], rows)
        self.assertIn("conv4, 5-shot, 2 queries\n", text)

    def test_only_sinusoids_are_compared_with_what_is_published_of_them(self):
        steps = [{"step": 1, "mse": 0.4, "ci95": 0.1, "loss": 0.4}]
        of = {"shot": 5, "steps": steps}
        self.assertIn(
            "Published (Finn et al. 2017)",
            tables.adaptation(result(dataset="sinusoid", **of)),
        )
        self.assertNotIn(
            "Published", tables.adaptation(result(dataset="table:a.csv", **of))
        )

    def test_says_what_is_synthetic(self):
        for name in ("glyphs", "demand_series"):
            self.assertStartsWith(
                tables.adaptation(result(dataset=name)), f"{name} (synthetic), "
            )
        self.assertNotIn("synthetic", tables.adaptation(result()))

    def test_metric_name(self):
        for name in tables.METRICS:
            self.assertEqual(tables.metric_name({"loss": 1, name: 2}), name)

    def test_sinusoid_rows(self):
        steps = [
            {"step": step, "mse": 3.0 - step, "ci95": 0.25, "loss": 3.0 - step}
            for step in range(3)
        ]
        text = tables.sinusoid(
            [
                result("maml", shot=5, steps=steps),
                result("oracle", shot=10, steps=steps),
            ],
            (0, 2),
        )
        rows = [line.split() for line in text.splitlines()]
        values = ["3.000", "±", "0.250", "1.000", "±", "0.250"]
        self.assertIn(["5", "maml", *values, "-"], rows)
        self.assertIn(["10", "oracle", *values, "-"], rows)
        self.assertIn("(600 tasks, 2 query points each, seed 7", text)

    def test_returns_beside_published_ones(self):
        text = tables.returns([policy(), policy("scratch", values=[-80.0])])
        self.assertStartsWith(
            text,
            "Mean return, by inner gradient steps, ± 95 %\n"
            "navigation_2d (official form), test, horizon 100\n"
            "40 tasks, 20 rollouts a step, seed 3, α 0.5,"
            " then 0.25\n\n",
        )
        rows = [line.split() for line in text.splitlines()]
        self.assertIn(
            [
                "maml",
                "450",
                "(best)",
                "-39.12",
                "±",
                "0.50",
                "-9.00",
                "±",
                "0.50",
            ],
            rows,
        )
        self.assertIn(["published", "-40.4", "-11.7"], rows)
        self.assertIn(
            ["scratch", "450", "(best)", "-80.00", "±", "0.50", "-"], rows
        )
        self.assertIn(["published", "-82.7", "-"], rows)
        self.assertEndsWith(text, "\n\npublished: Finn et al. 2017")

    def test_returns_say_what_tells_them_apart(self):
        text = tables.returns([policy(), policy(rollouts=5, form="paper")])
        self.assertIn("\nhorizon 100\n40 tasks, seed 3, α 0.5", text)
        self.assertRegex(
            text, r"maml, navigation_2d \(official form\), test, 20 rollouts a"
        )
        self.assertRegex(
            text, r"maml, navigation_2d \(paper form\), test, 5 rollouts a"
        )
        # Of the two, the official form's alone was published.
        self.assertLen(re.findall("^ *published ", text, re.M), 1)

    @parameterized.parameters(
        {"horizon": 99},
        {"form": "paper"},
        {"algorithm": "anil"},
        {"environment": "gymnasium:mine", "form": None},
    )
    def test_returns_of_another_kind_were_not_published(self, **changed):
        self.assertNotIn("ublished", tables.returns([policy(**changed)]))

    def test_returns_of_another_model_are_said_to_be(self):
        text = tables.returns(
            [
                policy(
                    environment="half_cheetah_direction",
                    form=None,
                    horizon=200,
                    values=[None, 1.5, 2.0, 2.5],
                )
            ]
        )
        rows = [line.split() for line in text.splitlines()]
        self.assertIn(["published", "-50.7", "293", "313", "316"], rows)
        self.assertIn("half_cheetah_direction, test, horizon 200\n", text)
        self.assertIn("another model", text)
        self.assertRegex(text, r"\(best\) +- ± ")

    def test_columns_are_aligned(self):
        self.assertEqual(
            tables.columns([["a", "long"], ["100", "b"]]),
            "  a  long\n---  ----\n100     b",
        )


if __name__ == "__main__":
    tf.test.main()
