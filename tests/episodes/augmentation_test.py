"""Tests of maml_tf/episodes/augmentation.py."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.episodes import augmentation
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError
from maml_tf.graph.random_streams import random_uniform

SEED = tf.constant([3, 4], tf.int64)


def images(number=64, size=6, channels=3):
    """Pictures whose every value differs from the others, in (0, 1)."""
    values = np.random.RandomState(0).permutation(
        number * size * size * channels
    )
    return tf.constant(
        (values + 1).reshape([number, size, size, channels])
        / (len(values) + 1.0),
        tf.float32,
    )


class AugmentationTest(tf.test.TestCase, parameterized.TestCase):
    def test_flip_mirrors_half_left_to_right(self):
        x = images()
        flipped = augmentation.flip(x, SEED).numpy()
        mirrored = [
            np.array_equal(ours, image[:, ::-1])
            for ours, image in zip(flipped, x.numpy(), strict=True)
        ]
        kept = [
            np.array_equal(ours, image)
            for ours, image in zip(flipped, x.numpy(), strict=True)
        ]
        self.assertAllEqual(np.logical_xor(mirrored, kept), [True] * 64)
        self.assertBetween(sum(mirrored), 20, 44)

    def test_crop_shifts_each_image_by_itself(self):
        x = images()
        cropped = augmentation.crop(x, SEED, padding=2).numpy()
        padded = np.pad(x, [[0, 0], [2, 2], [2, 2], [0, 0]])
        offsets = []
        for ours, image in zip(cropped, padded, strict=True):
            (found,) = [
                (row, column)
                for row in range(5)
                for column in range(5)
                if np.array_equal(
                    ours, image[row : row + 6, column : column + 6]
                )
            ]
            offsets.append(found)
        rows, columns = zip(*offsets, strict=True)
        self.assertEqual(set(rows), set(range(5)))
        self.assertEqual(set(columns), set(range(5)))
        self.assertGreater(len(set(offsets)), 12)

    def test_affine_of_nothing_changes_nothing(self):
        x = images()
        still = augmentation.affine(
            x, SEED, angle=0.0, shear=0.0, scale=0.0, shift=0.0
        )
        self.assertAllClose(still, x, atol=1e-5)

    def test_affine_moves_a_dot_as_the_matrix_says(self):
        # A blob far from the centre; its centroid moves by the inverse matrix.
        rows, columns = np.mgrid[:41, :41] - 20.0
        blob = np.exp(-((columns - 8) ** 2 + (rows + 5) ** 2) / 8)
        x = tf.constant(
            np.tile(blob[None, ..., None], [50, 1, 1, 1]), tf.float32
        )
        limits = {"angle": 0.3, "shear": 0.2, "scale": 0.1, "shift": 0.05}
        moved = augmentation.affine(x, SEED, **limits).numpy()[..., 0]
        drawn = random_uniform([6, 50], SEED, -1.0, 1.0).numpy()
        for image, (turn, lean, wider, higher, right, down) in zip(
            moved, drawn.T, strict=True
        ):
            turn *= 0.3
            rotation = np.array(
                [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
            )
            matrix = (
                np.array([[1, 0.2 * lean], [0, 1]])
                @ rotation
                @ np.diag([1 + 0.1 * wider, 1 + 0.1 * higher])
            )
            offset = 41 * 0.05 * np.array([right, down])
            expected = np.linalg.solve(matrix, np.array([8, -5]) - offset)
            found = [
                np.sum(image * places) / image.sum()
                for places in (columns, rows)
            ]
            self.assertAllClose(found, expected, atol=0.1)
        self.assertGreater(np.ptp(moved[:, 15, 28]), 0.3)

    def test_jitter_of_nothing_changes_nothing(self):
        x = images()
        self.assertAllClose(
            augmentation.jitter(x, SEED, strength=0.0), x, atol=1e-6
        )

    def test_jitter_scales_brightness(self):
        # Without contrast or saturation to change, brightness is left.
        grey = tf.fill([200, 4, 4, 1], 0.5)
        changed = augmentation.jitter(grey, SEED, strength=0.4).numpy()
        self.assertAllClose(changed, changed[:, :1, :1] + 0 * changed)
        factors = changed[:, 0, 0, 0] / 0.5
        self.assertAllInRange(factors, 0.6, 1.4)
        self.assertNear(factors.mean(), 1.0, 0.05)
        self.assertNear(factors.std(), 0.8 / np.sqrt(12), 0.04)

    def test_jitter_stays_in_range(self):
        changed = augmentation.jitter(images(), SEED, strength=0.9).numpy()
        self.assertAllInRange(changed, 0.0, 1.0)

    @parameterized.parameters(*augmentation.AUGMENTATIONS)
    def test_the_seed_decides_in_a_graph_too(self, name):
        function = augmentation.AUGMENTATIONS[name]
        x = images()
        first = function(x, SEED)
        self.assertAllEqual(tf.function(function)(x, SEED), first)
        self.assertNotAllEqual(function(x, SEED + 1), first)

    @parameterized.parameters(
        ("both", True, True), ("support", True, False), ("query", False, True)
    )
    def test_sets(self, augmented, support, query):
        y = tf.zeros([64], tf.int32)
        episode = Episode(images(), y, images(), y)
        changed = augmentation.augment_episode(
            episode, ["flip", "crop"], augmented, SEED
        )
        for x, expected in (
            (changed.support_x, support),
            (changed.query_x, query),
        ):
            self.assertEqual(not np.array_equal(x, images()), expected)
        # Each set is changed by itself.
        if support and query:
            self.assertNotAllEqual(changed.support_x, changed.query_x)

    def test_refusals(self):
        for pattern, arguments in {
            "augment: 'spin'.*crop, flip, jitter": (
                ["spin"],
                "both",
                (8, 8, 3),
            ),
            "augment: flip.*only images": (["flip"], "both", (20,)),
            "augmented: 'all'.*both, support, query": (
                ["flip"],
                "all",
                (8, 8, 3),
            ),
        }.items():
            with self.assertRaisesRegex(InputError, pattern):
                augmentation.check(*arguments)
        augmentation.check([], "both", (20,))


if __name__ == "__main__":
    tf.test.main()
