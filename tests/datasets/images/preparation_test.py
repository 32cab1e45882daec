"""Tests of maml_tf/datasets/images/preparation.py: as in training, exactly."""

import os
import pathlib
import tempfile
import unittest

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import datasets
from maml_tf.datasets import omniglot
from maml_tf.datasets.building.labelled_examples import scale
from maml_tf.datasets.images import sizes as image_sizes
from maml_tf.datasets.images.preparation import image_preparation
from maml_tf.learner import raw_inputs
from tests.helpers.pictures import (
    REAL_DATA,
    noise,
    photographs,
    smooth,
    write_png,
)
from tests.helpers.tiny_omniglot import (
    DRAWINGS,
    NAMES,
    tiny_image,
    write_tiny_set,
)

# Landscape, portrait, odd, of the network's own size, smaller, one pixel high.
SIZES = (
    (40, 60),
    (60, 41),
    (33, 34),
    (28, 28),
    (105, 105),
    (13, 9),
    (1, 7),
    (100, 29),
)


def photograph_preparation(channels=3):
    return image_preparation((28, 28, channels))


def ink_preparation():
    return image_preparation((28, 28, 1), fit="pad", ink=True)


class AsInTrainingTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(size=SIZES, channels=(1, 3), picture=(noise, smooth))
    def test_photographs_as_image_sizes_square(self, size, channels, picture):
        image = picture(0, *size)[..., :channels]
        prepared = photograph_preparation(channels)(image[tf.newaxis])[0]
        expected = scale(image_sizes.square(tf.constant(image), 28))
        self.assertAllClose(prepared, expected, rtol=0, atol=1e-6)

    @parameterized.product(side=(28, 29, 105, 300, 9), picture=(noise, smooth))
    def test_drawings_as_omniglot_shrinks_them(self, side, picture):
        image = picture(1, side, side)[..., :1]
        prepared = ink_preparation()(image[tf.newaxis])[0]
        expected = scale(omniglot.shrink(tf.constant(image)))
        self.assertAllClose(prepared, expected, rtol=0, atol=1e-6)

    @parameterized.product(size=SIZES, picture=(noise, smooth))
    def test_stretched_as_mini_imagenet_is(self, size, picture):
        image = picture(2, *size)
        prepared = image_preparation((84, 84, 3), "stretch", "lanczos3")
        expected = scale(image_sizes.resize(tf.constant(image), 84, "lanczos3"))
        self.assertAllClose(
            prepared(image[tf.newaxis])[0], expected, rtol=0, atol=1e-6
        )

    def test_what_has_the_networks_size_is_scaled_and_else_untouched(self):
        images = np.stack([noise(seed, 28, 28) for seed in range(3)])
        expected = images.astype(np.float32) / 255
        self.assertAllClose(
            photograph_preparation()(images), expected, rtol=0, atol=1e-6
        )
        self.assertAllClose(
            ink_preparation()(images[..., :1]),
            1 - expected[..., :1],
            rtol=0,
            atol=1e-6,
        )

    @parameterized.parameters((20, 60), (60, 20), (57, 28))
    def test_of_a_drawing_that_is_not_square_nothing_is_lost(self, *size):
        # Ink along the edge, which a crop would cut off.
        image = np.full((1, *size, 1), 255, np.uint8)
        image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1] = 0, 0, 0, 0
        drawn = ink_preparation()(image).numpy()[0, ..., 0]
        rows, columns = (
            np.flatnonzero(drawn.any(1)),
            np.flatnonzero(drawn.any(0)),
        )
        height, width = np.array(size) * 28 / max(size)
        self.assertNear(len(rows), height, 2.5)
        self.assertNear(len(columns), width, 2.5)
        # The margins are without ink, as wide on both sides.
        self.assertNear(rows[0], 27 - rows[-1], 1)
        self.assertNear(columns[0], 27 - columns[-1], 1)


class ModelTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(photograph_preparation, ink_preparation)
    def test_saved_and_loaded_and_in_a_graph_of_unknown_sizes(self, make):
        preparation = make()
        channels = preparation.input_shape[-1]
        path = os.path.join(
            self.enter_context(tempfile.TemporaryDirectory()), "p.keras"
        )
        preparation.save(path)
        loaded = keras.saving.load_model(path)
        signature = tf.TensorSpec([None, None, None, channels], tf.uint8)
        compiled = tf.function(loaded, input_signature=[signature])
        for size in SIZES:
            images = noise(3, *size)[tf.newaxis, ..., :channels]
            expected = preparation(images)
            self.assertAllEqual(loaded(images), expected)
            # Its division may differ in the last bit.
            self.assertAllClose(compiled(images), expected, rtol=0, atol=1e-6)


class DatasetTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )

    def assertEpisodesAre(self, dataset, raw, shot, query):
        """Each input of an episode is one of the raw images, prepared."""
        episode = dataset.episodes("train", 2, shot, query, 0)(0)
        prepared = np.concatenate(
            [
                dataset.preparation(batch).numpy()
                for batch in raw_inputs.batches(dataset.preparation, raw)
            ]
        )
        for x in tf.concat([episode.support_x, episode.query_x], 0).numpy():
            distance = np.abs(prepared - x).max((1, 2, 3)).min()
            self.assertLess(distance, 1e-6)

    def folder(self, images):
        """A data set of classes, each with pictures of its own."""
        for number, image in enumerate(images):
            name = f"{'abcdef'[number % 6]}/{number}.png"
            write_png(self.root / "pictures" / name, image)
        return datasets.load(
            f"folder:{self.root / 'pictures'}",
            cache_dir=self.root / "cache",
            image_size=28,
        )

    def test_folder_of_mixed_sizes_and_channels(self):
        images = [
            noise(number, *SIZES[number % len(SIZES)], 1 + number % 4)
            for number in range(24)
        ]
        self.assertEpisodesAre(self.folder(images), images, 2, 2)

    def test_folder_of_grey_pictures(self):
        images = [
            noise(number, *SIZES[number % len(SIZES)], 1 + number % 2)
            for number in range(24)
        ]
        dataset = self.folder(images)
        self.assertEqual(dataset.input_shape, (28, 28, 1))
        self.assertEpisodesAre(dataset, images, 2, 2)

    def test_omniglot_and_a_set_of_tensorflow_datasets(self):
        write_tiny_set(self.root)
        raw = [
            tiny_image(label, drawing)
            for label in range(len(NAMES))
            for drawing in range(DRAWINGS)
        ]
        options = {"data_dir": self.root, "cache_dir": self.root}
        dataset = datasets.load("omniglot", rotations=1, **options)
        self.assertEpisodesAre(dataset, raw, 2, 2)
        dataset = datasets.load("tfds:omniglot", image_size=28, **options)
        self.assertEpisodesAre(dataset, raw, 2, 2)

    @unittest.skipUnless(REAL_DATA, "MAML_TF_DATA_DIR is not set")
    def test_real_drawings_and_photographs(self):
        import tensorflow_datasets as tfds

        folder = pathlib.Path(REAL_DATA, "omniglot", omniglot.VERSION)
        data = tfds.builder_from_directory(folder).as_dataset(split="test[:30]")
        for example in data:
            image = example["image"]
            (batch,) = raw_inputs.batches(ink_preparation(), [image])
            self.assertAllClose(
                ink_preparation()(batch)[0],
                scale(omniglot.shrink(image)),
                rtol=0,
                atol=1e-6,
            )
        images = np.stack(photographs(30))
        preparation = image_preparation((32, 32, 3))
        self.assertAllClose(
            preparation(images), scale(images), rtol=0, atol=1e-6
        )


if __name__ == "__main__":
    tf.test.main()
