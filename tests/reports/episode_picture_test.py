"""Tests of the picture of an episode."""

import types

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import InputError, algorithms, losses, networks
from maml_tf.algorithms.inner_loop import Adaptation
from maml_tf.episodes.class_pool import Episode
from maml_tf.reports import figures
from maml_tf.reports.episode_picture import RIGHT, WRONG, episode_picture

SUPPORT_Y = [0, 1, 2]
# Not sorted: each image must get into its class's row.
QUERY_Y = [2, 0, 1, 0, 2, 1]
BEFORE, AFTER = [0, 0, 0, 0, 0, 0], [2, 0, 1, 1, 2, 1]


def episode(channels=1):
    """An episode whose images are told apart by their brightness."""
    support, query = (
        np.linspace(low, 1, number)[:, None, None, None]
        * np.ones([1, 4, 4, channels])
        for low, number in ((0.5, 3), (0.1, 6))
    )
    return Episode(*map(tf.constant, (support, SUPPORT_Y, query, QUERY_Y)))


def algorithm():
    """Predicts `BEFORE` at φ_0 and `AFTER` at φ_2."""
    loop = types.SimpleNamespace(
        adapt=lambda *_: Adaptation([BEFORE, None, AFTER], [], None),
        predict=lambda phi, *_: tf.one_hot(phi, 3),
    )
    return types.SimpleNamespace(inner_loop=loop, theta=lambda: [])


def marks(axes):
    """Each mark, by the row and column of its image."""
    found = {}
    for text in axes.texts:
        x, y = text.get_position()
        found[int(y // 1.55), int(x // 1.2)] = text.get_text()
    return found


class EpisodePictureTest(tf.test.TestCase, parameterized.TestCase):
    def test_marks_are_where_they_belong(self):
        figure = episode_picture(algorithm(), episode(), steps=2)
        support, before, after = figure.axes
        self.assertEmpty(support.texts)
        self.assertEqual(
            marks(before),
            {
                (0, 0): RIGHT,
                (0, 1): RIGHT,
                (1, 0): f"{WRONG} 1",
                (1, 1): f"{WRONG} 1",
                (2, 0): f"{WRONG} 1",
                (2, 1): f"{WRONG} 1",
            },
        )
        self.assertEqual(
            marks(after),
            {
                (0, 0): RIGHT,
                (0, 1): f"{WRONG} 2",
                (1, 0): RIGHT,
                (1, 1): RIGHT,
                (2, 0): RIGHT,
                (2, 1): RIGHT,
            },
        )

    def test_frames_have_the_marks_colours(self):
        for axes in episode_picture(algorithm(), episode(), steps=2).axes[1:]:
            self.assertLen(axes.patches, 6)
            for patch, text in zip(axes.patches, axes.texts, strict=True):
                right = text.get_text() == RIGHT
                color = figures.BLUE if right else figures.RED
                self.assertEqual(text.get_color(), color)
                self.assertAllClose(
                    patch.get_edgecolor()[:3], _rgb(color), atol=1e-6
                )

    def test_images_are_in_the_rows_of_their_classes(self):
        axes = episode_picture(algorithm(), episode(), steps=2).axes
        for block, x, y in (
            (axes[0], episode().support_x, SUPPORT_Y),
            (axes[1], episode().query_x, QUERY_Y),
            (axes[2], episode().query_x, QUERY_Y),
        ):
            self.assertLen(block.images, len(y))
            for drawn, image, label in zip(block.images, x, y, strict=True):
                self.assertAllEqual(drawn.get_array(), image[..., 0])
                self.assertEqual(drawn.get_extent()[3] // 1.55, label)
                self.assertEqual(drawn.get_clim(), (0, 1))

    def test_titles_say_what_is_seen(self):
        figure = episode_picture(algorithm(), episode(), 2, title="Greys")
        self.assertEqual(
            [axes.get_title() for axes in figure.axes],
            [
                "Learns from",
                "Before: 2 of 6 right",
                "After 2 gradient steps: 5 of 6 right",
            ],
        )
        self.assertEqual(
            figure.get_suptitle(),
            "Greys\naccuracy 33% before, 83% after adaptation",
        )

    def test_class_names(self):
        def rows(**options):
            figure = episode_picture(algorithm(), episode(), 2, **options)
            ticks = figure.axes[0].get_yticklabels()
            return [tick.get_text() for tick in ticks]

        self.assertEqual(rows(), ["class 1", "class 2", "class 3"])
        self.assertEqual(
            rows(class_names=("ant", "bee", "cat")),
            ["ant  1", "bee  2", "cat  3"],
        )

    @parameterized.parameters(1, 3)
    def test_a_real_algorithm_is_drawn_and_saved(self, channels):
        model = networks.create("mlp", (4, 4, channels), 3, widths=(8,), seed=0)
        maml = algorithms.create("maml", model, losses.cross_entropy)
        task = Episode(
            *(
                tf.cast(part, tf.float32 if part.shape.rank > 1 else tf.int32)
                for part in episode(channels)
            )
        )
        path = self.create_tempdir().full_path + "/picture.png"
        figure = episode_picture(maml, task, steps=1)
        figures.save(figure, path)
        _, before, after = figure.axes
        outputs = model(task.query_x).numpy()
        right = np.count_nonzero(outputs.argmax(1) == QUERY_Y)
        self.assertIn(f"{right} of 6 right", before.get_title())
        self.assertLen(after.texts, 6)
        image = tf.io.decode_png(tf.io.read_file(path))
        self.assertGreater(image.numpy().std(), 10)

    @parameterized.parameters(([6, 4],), ([6, 4, 4, 2],))
    def test_what_is_no_image_is_refused(self, shape):
        task = episode()._replace(query_x=tf.zeros(shape))
        with self.assertRaisesRegex(InputError, r"^episode: .*1 or 3 channels"):
            episode_picture(algorithm(), task, steps=2)


def _rgb(color):
    return [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]


if __name__ == "__main__":
    tf.test.main()
