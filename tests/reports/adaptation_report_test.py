"""Tests of the pictures of an adaptation."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.learner.user_examples import Points
from maml_tf.reports import adaptation_report, figures
from maml_tf.reports.adaptation_report import Answers, thumbnail
from maml_tf.reports.episode_picture import RIGHT, WRONG
from tests.helpers.pictures import noise

LABELS = ["ant", "bee", "cat"]


def answers(y, before, after, x=None, labels=LABELS):
    """Of each example the class that it is taken for, at 0.5 and at 0.75."""

    def probabilities(predicted, most):
        rest = (1 - most) / (len(labels) - 1)
        return np.array(
            [
                [most if name == p else rest for name in labels]
                for p in predicted
            ]
        )

    x = [thumbnail(noise(n, 8, 12)) for n in range(len(y))] if x is None else x
    return Answers(
        list(map(str, range(len(y)))),
        x,
        y,
        labels,
        probabilities(before, 0.5),
        probabilities(after, 0.75),
    )


def known():
    return answers(
        ["ant", "bee", "ant", "dog", None],
        ["bee", "bee", "bee", "ant", "ant"],
        ["ant", "bee", "cat", "ant", "bee"],
    )


def said(axes):
    """All texts of axes."""
    return [text.get_text() for text in axes.texts]


class AnswersTest(tf.test.TestCase):
    def test_only_known_classes_are_counted(self):
        found = known()
        self.assertEqual(found.counted, [0, 1, 2])
        self.assertEqual(found.accuracy(found.before), (1, 3))
        self.assertEqual(found.accuracy(found.after), (2, 3))

    def test_answer(self):
        found = known()
        self.assertEqual(found.answer(found.before, 0), ("bee", 0.5, False))
        self.assertEqual(found.answer(found.after, 0), ("ant", 0.75, True))
        self.assertEqual(found.answer(found.after, 3), ("ant", 0.75, None))
        self.assertEqual(found.answer(found.after, 4), ("bee", 0.75, None))


class ThumbnailTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters((1, 1), (2, 1), (3, 3), (4, 3))
    def test_channels(self, given, channels):
        self.assertEqual(
            thumbnail(noise(0, 5, 6, given)).shape, (5, 6, channels)
        )

    def test_small_images_are_kept(self):
        image = noise(0, 40, 160)
        self.assertAllEqual(thumbnail(image), image / np.float32(255))

    @parameterized.parameters(
        (320, 480, 107, 160), (1000, 100, 160, 16), (2000, 2, 160, 1)
    )
    def test_large_ones_are_shrunk_in_their_aspect(self, h, w, height, width):
        image = np.full([h, w, 3], 51, np.uint8)
        small = thumbnail(image)
        self.assertEqual(small.shape, (height, width, 3))
        self.assertAllClose(small, np.full_like(small, 0.2), atol=1e-6)


class ImageReportTest(tf.test.TestCase):
    def report(self, found, support_y=("ant", "bee", "cat")):
        support_x = [thumbnail(noise(90 + n)) for n in range(len(support_y))]
        figure = adaptation_report.image_report(support_x, support_y, found, 3)
        path = self.create_tempdir().full_path + "/report.png"
        figures.save(figure, path)
        image = tf.io.decode_png(tf.io.read_file(path)).numpy()
        self.assertGreater(image.std(), 10)
        (axes,) = figure.axes
        return axes, image.shape

    def test_every_image_has_its_captions_below_it(self):
        axes, _ = self.report(known())
        captions = {
            (round(x, 3), round(y, 3)): text.get_text()
            for text in axes.texts
            for x, y in [text.get_position()]
        }
        found = known()
        # The first three are the support set's.
        for index, image in zip([0, 2, 1, 3, 4], axes.images[3:], strict=True):
            self.assertAllEqual(image.get_array(), found.x[index])
            left, right, bottom, top = image.get_extent()
            middle = (left + right) / 2
            # 8 x 12 pixels in the middle of a square.
            self.assertAlmostEqual(right - left, 1.0)
            self.assertAlmostEqual(bottom - top, 8 / 12)
            below = (top + bottom) / 2 + 0.5 + 0.06
            for line, probabilities in enumerate((found.before, found.after)):
                name, share, right = found.answer(probabilities, index)
                mark = {True: f"{RIGHT} ", False: f"{WRONG} ", None: ""}[right]
                place = (round(middle, 3), round(below + 0.18 * line, 3))
                self.assertEqual(captions[place], f"{mark}{name} {share:.0%}")

    def test_colours_and_frames(self):
        axes, _ = self.report(known())
        colors = {RIGHT: figures.BLUE, WRONG: figures.RED}
        marks = [text for text in axes.texts if text.get_text()[0] in colors]
        self.assertLen(marks, 6)
        for text in marks:
            self.assertEqual(text.get_color(), colors[text.get_text()[0]])
        # Of all images; those asked about are in the colour of the answer.
        self.assertLen(axes.patches, 8)

    def test_a_class_is_a_row_of_both(self):
        axes, _ = self.report(known())
        tops = [image.get_extent()[3] // 1.62 for image in axes.images]
        self.assertEqual(tops, [0, 1, 2, 0, 0, 1, 3, 3])
        names = [t for t in axes.texts if t.get_text() in LABELS]
        self.assertEqual([t.get_text() for t in names], LABELS)
        self.assertEqual(
            [t.get_position()[1] // 1.62 for t in names], [0, 1, 2]
        )

    def test_words(self):
        axes, _ = self.report(known())
        self.assertEqual(
            axes.get_title(),
            "1 of 3 right before adaptation, 2 of 3 after 3 gradient steps",
        )
        self.assertIn("Of no class that is known", said(axes))
        unknown = answers([None] * 7, ["ant"] * 7, ["bee"] * 7)
        axes, _ = self.report(unknown)
        self.assertEqual(
            axes.get_title(), "7 asked about, after 3 gradient steps"
        )
        self.assertNotIn("Of no class that is known", said(axes))
        self.assertEqual(said(axes).count("bee 75%"), 7)

    def test_more_than_fit_are_counted(self):
        number = 15
        found = answers(
            ["ant"] * number + [None] * 40,
            ["ant"] * (number + 40),
            ["ant"] * (number + 40),
        )
        axes, _ = self.report(found, ["ant"] * 7 + ["bee", "cat"])
        self.assertIn("+ 3 more", said(axes))  # Of 15, the first 12.
        self.assertIn("+ 2 more", said(axes))  # Of 7 learned from, 5.
        self.assertLen(axes.images, 5 + 2 + 12 + 36)
        self.assertIn("the first 36 of 40", " ".join(said(axes)))

    def test_many_classes_still_make_a_picture(self):
        labels = [f"class {n:03}" for n in range(100)]
        found = answers(labels, labels, labels, labels=labels)
        axes, (height, width, _) = self.report(found, labels)
        self.assertIn("and 70 more classes", said(axes))
        self.assertLess(height, 6000)
        self.assertLess(width, 2000)

    def test_names_are_no_mathematics(self):
        labels = ["$a", "b$", "$\\frac$"]
        found = answers(labels, labels, labels, labels=labels)
        axes, _ = self.report(found, labels)
        self.assertIn(f"{RIGHT} $\\frac$ 75%", said(axes))


class TextReportTest(tf.test.TestCase):
    def test_bars_are_the_probabilities(self):
        found = known()
        found = answers(
            found.y,
            ["bee", "bee", "bee", "ant", "ant"],
            ["ant", "bee", "cat", "ant", "bee"],
            x=["a text", "long " * 30, "$x$", "new\nline", "e"],
        )
        figure = adaptation_report.text_report(["ant"] * 9, found, 1)
        (axes,) = figure.axes
        bars = [bar.get_width() for bar in axes.patches]
        # One of full length behind each.
        self.assertAllClose(bars, ([2.6, 1.3, 2.6, 1.95] * 5))
        self.assertIn(f"{WRONG} cat 75%", said(axes))
        self.assertIn("After 1 gradient step", said(axes))
        self.assertIn("Learned from 9 texts of 3 classes", said(axes))
        self.assertIn("new line", said(axes))
        path = self.create_tempdir().full_path + "/report.svg"
        figures.save(figure, path)
        self.assertIn("</svg>", tf.io.gfile.GFile(path).read())

    def test_more_than_fit_are_counted(self):
        number = 37
        found = answers(
            [None] * number, ["ant"] * number, ["ant"] * number, ["x"] * number
        )
        (axes,) = adaptation_report.text_report(["ant"], found, 1).axes
        self.assertIn("and 7 more", said(axes))
        self.assertEqual(said(axes).count("ant 75%"), 30)


class PointsReportTest(tf.test.TestCase):
    def report(self, features=1, targets=1, truth=True):
        names = (
            [f"x{n}" for n in range(features)],
            [f"y{n}" for n in range(targets)],
        )
        generator = np.random.RandomState(0)
        support = Points(
            *names, generator.randn(4, features), generator.randn(4, targets)
        )
        y = generator.randn(6, targets)
        query = Points(
            *names, generator.randn(6, features), y if truth else None
        )
        figure = adaptation_report.points_report(
            support, query, y + 2, y - [0.5] * targets, 5
        )
        return figure, support, query

    def test_what_is_drawn(self):
        figure, support, query = self.report()
        (axes,) = figure.axes
        lines = {line.get_label(): line for line in axes.get_lines()}
        order = np.argsort(query.x[:, 0])
        for label, x, y in (
            ("truth", query.x[order], query.y[order]),
            ("predicted before adaptation", query.x[order], query.y[order] + 2),
            (
                "predicted after 5 gradient steps",
                query.x[order],
                query.y[order] - 0.5,
            ),
            ("learned from", support.x, support.y),
        ):
            self.assertAllClose(
                lines.pop(label).get_xydata(), np.concatenate([x, y], 1)
            )
        self.assertEmpty(lines)
        self.assertEqual(
            figure.get_suptitle(),
            "mean absolute error 2 before, 0.5 after adaptation",
        )

    def test_several_targets_and_features(self):
        figure, *_ = self.report(features=2, targets=3)
        self.assertLen(figure.axes, 3)
        self.assertEqual(
            [axes.get_ylabel() for axes in figure.axes], ["y0", "y1", "y2"]
        )
        # No line joins points that differ in other features too.
        for line in figure.axes[0].get_lines():
            self.assertIn(line.get_linestyle(), ("None", ""))

    def test_truth_may_be_unknown(self):
        figure, *_ = self.report(truth=False)
        labels = [line.get_label() for line in figure.axes[0].get_lines()]
        self.assertNotIn("truth", labels)
        self.assertEqual(
            figure.get_suptitle(), "4 points learned from, 6 asked about"
        )


if __name__ == "__main__":
    tf.test.main()
