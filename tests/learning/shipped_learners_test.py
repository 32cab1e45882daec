"""The learners that come with the package: they load, and are what they say."""

import pathlib

import numpy as np
import pytest
from absl.testing import absltest, parameterized

import maml_tf
from maml_tf.learner import files
from maml_tf.reports import card
from tests.helpers.cards import figures

NAMES = files.shipped()
# Those whose data are at hand, made by the package itself.
MADE = ("glyphs_5way_1shot", "sinusoid_10shot")
TASKS = 100


class ShippedTest(parameterized.TestCase):
    def test_all_are_there(self):
        self.assertContainsSubset(
            ["omniglot_5way_1shot", "omniglot_any_way", *MADE],
            NAMES,
        )

    @parameterized.parameters(NAMES)
    def test_card_and_files_name_no_folder_of_a_machine(self, name):
        for path in (files.SHIPPED / name).iterdir():
            if path.suffix != ".keras":
                text = path.read_text("utf-8")
                self.assertNotRegex(text, r"=/|: ?\"?/|/home/|~/", path.name)
        self.assertIn("commit", text := self.card(name))
        self.assertIn("What it must not be used for", text)
        self.assertNotEmpty(figures(name))

    def card(self, name):
        return (files.SHIPPED / name / card.FILE_NAME).read_text("utf-8")

    @parameterized.parameters(NAMES)
    def test_small(self, name):
        sizes = [f.stat().st_size for f in (files.SHIPPED / name).iterdir()]
        self.assertLess(sum(sizes), 4e6)

    def test_name_gives_way_to_a_folder(self):
        here = pathlib.Path(self.create_tempdir().full_path, NAMES[0])
        here.mkdir()
        with self.assertRaisesRegex(maml_tf.InputError, "learner.json"):
            maml_tf.load(here)

    @parameterized.parameters(*MADE)
    @pytest.mark.slow
    def test_figure_of_the_card_on_its_first_tasks(self, name):
        loaded = maml_tf.load(name)
        about = loaded.about
        dataset = maml_tf.datasets.load(about["dataset"])
        value, ci95, query, _ = figures(name)[0]
        curve = loaded.meta_test(
            dataset.episodes(
                "test", about["way"] or 1, about["shot"], query, about["seed"]
            ),
            num_tasks=TASKS,
        )
        scale = 100 if loaded.task == "classification" else 1
        # The first tasks of the card's 600: within the spread of so few.
        self.assertAlmostEqual(
            scale * curve.metric[-1],
            value,
            delta=2 * ci95 * np.sqrt(600 / TASKS),
        )
        # And far from what the network gives without adapting.
        self.assertGreater(abs(curve.metric[0] - curve.metric[-1]), 0.5)

    def test_omniglot_tells_squares_from_crosses(self):
        adapted = maml_tf.load("omniglot_5way_1shot").adapt(
            [square(60), cross(60)], ["square", "cross"]
        )
        # Of another size, thickness and aspect.
        drawings = [square(105, 4), cross(105, 4), cross(90), square(90)]
        self.assertEqual(
            adapted.predict(drawings).tolist(),
            ["square", "cross", "cross", "square"],
        )

    @parameterized.parameters(2, 50)
    def test_any_number_of_characters(self, way):
        drawings = np.random.RandomState(0).choice([0, 255], [way, 7, 7, 1])
        drawings = np.kron(drawings, np.ones([1, 15, 15, 1])).astype(np.uint8)
        names = [f"character {number}" for number in range(way)]
        adapted = maml_tf.load("omniglot_any_way").adapt(drawings, names)
        # Each example is the nearest to its own class.
        self.assertEqual(adapted.predict(drawings).tolist(), names)


def square(size, pen=3):
    drawing = np.full([size, size], 255, np.uint8)
    low, high = size // 5, size - size // 5
    drawing[low:high, low : low + pen] = 0
    drawing[low:high, high - pen : high] = 0
    drawing[low : low + pen, low:high] = 0
    drawing[high - pen : high, low:high] = 0
    return drawing


def cross(size, pen=3):
    drawing = np.full([size, size + 10], 255, np.uint8)
    for i in range(size // 5, size - size // 5):
        drawing[i : i + pen, i : i + pen] = 0
        drawing[i : i + pen, size - i - pen : size - i] = 0
    return drawing


if __name__ == "__main__":
    absltest.main()
