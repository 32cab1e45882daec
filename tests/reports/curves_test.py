"""Tests of the pictures."""

import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from maml_tf import InputError, algorithms, losses, networks
from maml_tf.evaluation.confusion import Confusion
from maml_tf.evaluation.what_moved import WhatMoved
from maml_tf.reports import (
    curves,
    figures,
    layers_moved,
    matrices,
    navigation,
    sine_waves,
)


def records():
    return [
        {"phase": "train", "iteration": 10, "accuracy": 0.3},
        {"phase": "train", "iteration": 20, "accuracy": 0.5},
        {
            "phase": "validation",
            "iteration": 20,
            "accuracy": [0.2, 0.6, 0.7],
            "ci95": [0.01, 0.02, 0.03],
            "num_tasks": 7,
        },
    ]


class PlotsTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )
        self.axes = figures.new_figure(4, 3).subplots()

    def lines(self):
        return {
            line.get_label(): line.get_xydata().tolist()
            for line in self.axes.lines
        }

    def test_training_curve_draws_the_records(self):
        curves.training_curve(self.axes, records(), "accuracy")
        self.assertEqual(
            self.lines(),
            {
                "training tasks": [[10, 0.3], [20, 0.5]],
                "validation, after 2 steps (± 95 %)": [[20, 0.7]],
                "validation, not adapted": [[20, 0.2]],
            },
        )
        (band,) = self.axes.collections
        low, high = band.get_datalim(self.axes.transData).intervaly
        self.assertAllClose([low, high], [0.67, 0.73])

    def test_no_records_is_refused(self):
        with self.assertRaisesRegex(InputError, "^workdir: .*no records"):
            curves.training_curve(self.axes, [], "accuracy")

    def test_validation_curves_has_a_line_for_each_training(self):
        runs = {"maml": records(), "anil": records()[:2]}
        curves.validation_curves(self.axes, runs, "accuracy")
        self.assertEqual(
            self.lines(), {"maml, after 2 steps, 7 tasks": [[20, 0.7]]}
        )
        runs["anil"] = records()
        curves.validation_curves(self.axes, runs, "accuracy")
        # The second run has the same color and marker wherever it is drawn.
        *_, last = self.axes.lines
        self.assertEqual(last.get_color(), figures.COLORS[1])

    def texts(self):
        """What is written in the axes, by (column, row)."""
        return {
            text.get_position(): text.get_text()
            for text in self.axes.texts
            if text.get_text()
        }

    def test_confusion_matrix_has_numbers_and_shares_of_rows(self):
        matrices.confusion_matrix(
            self.axes,
            true=["cat", "cat", "cat", "dog"],
            predicted=["cat", "dog", "cat", "dog"],
            labels=["cat", "dog", "cow"],
        )
        self.assertEqual(self.texts(), {(0, 0): "2", (1, 0): "1", (1, 1): "1"})
        (image,) = self.axes.images
        self.assertAllClose(
            image.get_array(), [[2 / 3, 1 / 3, 0], [0, 1, 0], [0, 0, 0]]
        )
        for labels in (self.axes.get_xticklabels, self.axes.get_yticklabels):
            self.assertEqual(
                [label.get_text() for label in labels()], ["cat", "dog", "cow"]
            )
        self.assertEqual(self.axes.get_xlabel(), "taken for")

    def test_confusion_shares_are_of_tasks_that_have_both(self):
        found = Confusion(
            ["a", "b", "c"],
            np.array([[3, 1, 0], [0, 4, 0], [0, 0, 99]]),
            np.array([[4, 2, 0], [2, 4, 2], [0, 2, 100]]),
            np.ones(5),
        )
        matrices.confusion_shares(self.axes, found, "title")
        self.assertEqual(
            self.texts(),
            {(0, 0): "75", (1, 0): "50", (1, 1): "100", (2, 2): "99"},
        )
        (image,) = self.axes.images
        self.assertAllClose(image.get_array()[0], [0.75, 0.5, 0.0])

    def test_moved_draws_means_and_intervals_and_says_zero(self):
        change, similarity = figures.new_figure(8, 3).subplots(1, 2)
        changes = np.array([[0.0, 0.5], [0.0, 1.0]])
        runs = {
            "anil": WhatMoved(["body", "head"], changes, 1 - changes),
            "boil": WhatMoved(
                ["body", "head"], changes[:, ::-1], np.ones([2, 2])
            ),
        }
        layers_moved.moved(change, similarity, runs)

        def heights(axes):
            return [
                [bar.get_height() for bar in bars] for bars in bars_of(axes)
            ]

        def bars_of(axes):
            return [c for c in axes.containers if hasattr(c, "patches")]

        self.assertAllClose(heights(change), [[0, 0.75], [0.75, 0]])
        self.assertAllClose(heights(similarity), [[1, 0.25], [1, 1]])
        # 1.96 · s / √N of 0.5 and 1.
        (_, head) = bars_of(change)[0].errorbar.lines[2][0].get_segments()
        self.assertAllClose(
            head[:, 1], [0.75 - 1.96 * 0.25, 0.75 + 1.96 * 0.25]
        )
        self.assertEqual([t.get_text() for t in change.texts], ["0", "0"])
        self.assertEqual(
            [t.get_text() for t in change.get_legend().get_texts()],
            ["anil", "boil"],
        )

    def test_moved_refuses_networks_of_other_layers(self):
        axes = figures.new_figure(8, 3).subplots(1, 2)
        ones = np.ones([2, 1])
        runs = {n: WhatMoved([n], ones, ones) for n in ("a", "b")}
        with self.assertRaisesRegex(InputError, "^workdir: .*same network"):
            layers_moved.moved(*axes, runs)

    def test_adaptation_curve_has_a_line_and_a_band_for_each(self):
        runs = {"maml": ([3.0, 1.0], [0.2, 0.1]), "b": ([3.0], [0.5])}
        curves.adaptation_curve(self.axes, runs, "mse")
        self.assertEqual(
            self.lines(), {"maml": [[0, 3.0], [1, 1.0]], "b": [[0, 3.0]]}
        )
        self.assertLen(self.axes.collections, 2)
        self.assertIn("mean squared error", self.axes.get_ylabel())

    def test_adaptation_curve_has_points_of_what_was_published(self):
        runs = {"maml": ([-4.0, -1.0], [0.2, 0.1]), "anil": ([-4.0], [0.5])}
        curves.adaptation_curve(
            self.axes, runs, "return", published={"maml": {0: -5.0, 3: -2.0}}
        )
        lines = self.lines()
        self.assertLen(lines, 3)
        self.assertEqual(lines["maml, published"], [[0, -5.0], [3, -2.0]])
        line, points, _ = self.axes.lines
        self.assertEqual(points.get_linestyle(), "None")
        self.assertEqual(points.get_color(), line.get_color())
        self.assertIn("mean return", self.axes.get_ylabel())

    def test_navigation_paths_has_a_line_a_rollout_that_ends_where_it_did(self):
        paths = np.random.RandomState(0).normal(size=[3, 2, 4, 2])
        paths[1, 0, 2:] = np.nan
        navigation.navigation_paths(self.axes, [0.25, -0.5], list(paths))
        *lines, goal, start = self.axes.lines
        self.assertEqual(goal.get_xydata().tolist(), [[0.25, -0.5]])
        self.assertEqual(start.get_xydata().tolist(), [[0.0, 0.0]])
        self.assertLen(lines, 6)
        for line, path in zip(lines, paths.reshape([6, 4, 2])):
            np.testing.assert_array_equal(line.get_xydata(), path)
        self.assertLen({line.get_color() for line in lines}, 3)
        _, labels = self.axes.get_legend_handles_labels()
        self.assertEqual(
            labels,
            [
                "before adaptation",
                "after 1 step",
                "after 2 steps",
                "goal",
                "start",
            ],
        )

    def test_tasks_of_the_picture(self):
        tasks = sine_waves.sinusoid_tasks(seed=0)
        self.assertEqual([len(task.support_x) for task in tasks], [5, 10, 10])
        self.assertAllInRange(tasks[-1].support_x, 0.0, 5.0)
        for task in tasks:
            self.assertAllClose(
                task.support_y,
                task.amplitude * np.sin(task.support_x - task.phase),
                atol=1e-5,
            )

    def test_fit_draws_the_network_at_each_step(self):
        model = networks.create("mlp", (1,), 1, seed=0)
        algorithm = algorithms.create(
            "maml", model, losses.mean_squared_error, inner_learning_rate=0.02
        )
        task = sine_waves.sinusoid_tasks()[1]
        sine_waves.sinusoid_fit(self.axes, algorithm, task, steps=(0, 1, 3))
        lines = {name: np.array(xy) for name, xy in self.lines().items()}
        x = lines["truth"][:, :1].astype(np.float32)
        self.assertAllClose(
            lines["truth"][:, 1:], task.amplitude * np.sin(x - task.phase)
        )
        self.assertAllClose(lines["before"][:, 1:], model(x), atol=1e-5)

        def error(name):
            return np.mean((lines[name] - lines["truth"]) ** 2)

        self.assertLess(error("after 1 step"), error("before"))
        self.assertLess(error("after 3 steps"), error("before"))
        self.assertNotAllClose(lines["after 3 steps"], lines["after 1 step"])
        self.assertAllClose(lines["support points"][:, 0], task.support_x[:, 0])

    def test_save_is_whole_and_leaves_nothing_else(self):
        figure = self.axes.figure
        for name in ("a.png", "b.svg", "new/c.pdf"):
            figures.save(figure, self.folder / name)
            self.assertGreater((self.folder / name).stat().st_size, 1000)
        self.assertLen(list(self.folder.rglob("*.*")), 3)
        with self.assertRaisesRegex(InputError, r"^output: .*png.*svg"):
            figures.save(figure, self.folder / "d.doc")


if __name__ == "__main__":
    tf.test.main()
