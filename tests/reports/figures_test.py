"""Tests of maml_tf/reports/figures.py."""

import pathlib
import tempfile

import numpy as np
import tensorflow as tf
from absl.testing import absltest

from maml_tf.reports import adaptation_report, figures, matrices
from maml_tf.reports.answers import Answers

# Bytes that are not UTF-8, half a character, a script that the font lacks, a
# formula that is not one, and control characters.
NAMES = ["caf\udce9", "\ud800x", "漢字", "a$b$\\frac", "x\x00y\x1b"]


class NamesTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.path = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory()), "x.png"
        )

    def assertDrawn(self, figure):
        with self.assertWarnsRegex(UserWarning, "lacks 2 of the char.*字 漢"):
            figures.save(figure, self.path)
        image = tf.io.decode_png(self.path.read_bytes()).numpy()
        self.assertGreater(image.std(), 1)

    def test_confusion_matrix(self):
        figure = figures.new_figure(4, 4)
        matrices.confusion_matrix(
            figure.subplots(), NAMES, NAMES, NAMES, title="\udcff"
        )
        self.assertDrawn(figure)

    def test_reports(self):
        shares = np.eye(len(NAMES))
        images = [np.zeros((4, 4, 1), np.uint8)] * len(NAMES)
        for report, x in (("image", images), ("text", NAMES)):
            answers = Answers(NAMES, x, NAMES, NAMES, shares, shares)
            if report == "text":
                figure = adaptation_report.text_report(NAMES, answers, 1)
            else:
                figure = adaptation_report.image_report(x, NAMES, answers, 1)
            self.assertDrawn(figure)

    def test_readable(self):
        self.assertEqual(
            [figures.readable(name) for name in NAMES],
            ["caf�", "�x", "漢字", "a$b$\\frac", "x?y?"],
        )


if __name__ == "__main__":
    absltest.main()
