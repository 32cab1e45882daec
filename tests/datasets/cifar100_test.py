"""Tests of maml_tf/datasets/cifar100.py, cifar_fs.py and fc100.py.

Those on the real data need the environment variable `MAML_TF_DATA_DIR`.
"""

import os
import pathlib
import shutil
import tempfile
import time
import unittest

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from absl.testing import parameterized

from maml_tf import datasets
from maml_tf.datasets import cifar100
from maml_tf.datasets.building import class_splits
from maml_tf.datasets.images import prepared
from maml_tf.errors import InputError
from tests.helpers.tiny_cifar import NAMES, tiny_image, write_tiny_set

REAL_DATA = os.environ.get("MAML_TF_DATA_DIR")
IS_THERE = REAL_DATA and pathlib.Path(REAL_DATA, "cifar100").is_dir()
SIZES = {"cifar_fs": (64, 16, 20), "fc100": (60, 20, 20)}


class SplitFilesTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ("cifar_fs", SIZES["cifar_fs"]),
        ("fc100", SIZES["fc100"]),
        ("mini_imagenet_ravi", (64, 16, 20)),
    )
    def test_splits_are_disjoint(self, name, sizes):
        splits = class_splits.shipped(name)
        names = [splits[split] for split in ("train", "valid", "test")]
        self.assertEqual(tuple(map(len, names)), sizes)
        self.assertLen(set().union(*names), 100)

    def test_superclasses_have_five_classes_and_fc100_keeps_them_whole(self):
        listed = class_splits.shipped("cifar100_superclasses")
        self.assertEqual({len(names) for names in listed.values()}, {5})
        self.assertLen(set().union(*listed.values()), 100)
        for names in class_splits.shipped("fc100").values():
            of_split = cifar100.superclasses(names)
            self.assertEqual(
                set(np.unique(of_split, return_counts=True)[1]), {5}
            )

    def test_both_divide_the_same_classes(self):
        of_both = [
            sorted(
                n for names in class_splits.shipped(s).values() for n in names
            )
            for s in SIZES
        ]
        self.assertEqual(*of_both)


class TinySetTest(tf.test.TestCase, parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.data_dir = os.path.join(folder, "data")
        cls.cache_dir = os.path.join(folder, "cache")
        write_tiny_set(cls.data_dir)

    def load(self, name, **options):
        return datasets.load(
            name, data_dir=self.data_dir, cache_dir=self.cache_dir, **options
        )

    @parameterized.product(name=list(SIZES), split=["train", "valid", "test"])
    def test_episodes_are_of_their_splits_classes(self, name, split):
        draw = self.load(name).episodes(split, 5, 1, 3, seed=0)
        chosen = set(class_splits.shipped(name)[split])
        seen = set()
        for number in range(20):
            episode = draw(number)
            for x, y in (episode[:2], episode[2:]):
                self.assertEqual(x.shape[1:], [32, 32, 3])
                labels = np.round(x.numpy()[..., 0] * 255).astype(int)
                self.assertAllEqual(labels, labels[:, :1, :1] + 0 * labels)
                classes = labels[:, 0, 0]
                # One class a label, and one label a class.
                self.assertLen(set(zip(classes, y.numpy(), strict=True)), 5)
                seen |= {NAMES[c] for c in classes}
        self.assertContainsSubset(seen, chosen)
        self.assertGreater(len(seen), len(chosen) // 2)

    def test_episodes_within_a_superclass(self):
        dataset = self.load("fc100", classes_within="superclass")
        draw = dataset.episodes("test", 5, 1, 1, seed=0)
        for number in range(10):
            x = np.round(draw(number).support_x.numpy()[:, 0, 0, 0] * 255)
            names = [NAMES[label] for label in x.astype(int)]
            self.assertLen(set(cifar100.superclasses(names)), 1)
        with self.assertRaisesRegex(InputError, "^way: 5.*at most 3"):
            self.load("cifar_fs", classes_within="superclass").episodes(
                "test", 5, 1, 1, seed=0
            )

    def test_images_are_as_they_were(self):
        labelled, part = prepared.load(
            "cifar100",
            ("whole", lambda image: image),
            "CIFAR-100",
            parts=("train", "test"),
            data_dir=self.data_dir,
            cache_dir=self.cache_dir,
        )
        self.assertAllEqual(labelled.size, np.full(100, 20))
        self.assertAllEqual(part, np.zeros(100))
        # TFDS shuffles as it writes.
        for label, images in enumerate(np.split(labelled.examples, 100)):
            self.assertEqual(
                {image.tobytes() for image in images},
                {tiny_image(label, i).tobytes() for i in range(20)},
            )

    def test_streamed_episodes_are_the_same(self):
        episodes = [
            self.load("cifar_fs", in_memory=in_memory).episodes(
                "train", 5, 2, 3, seed=4
            )
            for in_memory in (True, False)
        ]
        for number in (0, 7):
            for ours, streamed in zip(
                *(tf.function(draw)(number) for draw in episodes), strict=True
            ):
                self.assertAllEqual(ours, streamed)

    def test_too_many_ways_and_shots(self):
        dataset = self.load("cifar_fs")
        with self.assertRaisesRegex(InputError, "^way: 17 .*16 classes"):
            dataset.episodes("valid", 17, 1, 1, 0)
        dataset.episodes("valid", 16, 1, 1, 0)
        with self.assertRaisesRegex(InputError, "^shot: 5 .* 16 for .*has 20 "):
            dataset.episodes("valid", 5, 5, 16, 0)

    def test_joint_examples_are_labelled_by_class(self):
        dataset = self.load("fc100")
        self.assertEqual(dataset.num_classes("train"), 60)
        draw = dataset.joint("train", 50, seed=0)
        names = sorted(class_splits.shipped("fc100")["train"])
        seen = set()
        for number in range(10):
            episode = draw(number)
            self.assertEqual(episode.query_x.shape[0], 0)
            red = np.round(episode.support_x.numpy()[:, 0, 0, 0] * 255)
            for color, label in zip(
                red, episode.support_y.numpy(), strict=True
            ):
                self.assertEqual(NAMES[int(color)], names[label])
                seen.add(label)
        self.assertGreater(len(seen), 55)

    def test_missing(self):
        with self.assertRaisesRegex(
            InputError, "does not hold CIFAR-100.*--download.*--data_dir"
        ):
            datasets.load("fc100", data_dir=os.path.join(self.data_dir, "no"))


@pytest.mark.slow
@unittest.skipUnless(IS_THERE, "MAML_TF_DATA_DIR has no CIFAR-100")
class RealDataTest(tf.test.TestCase):
    def test_superclasses_are_the_sets_own(self):
        builder = tfds.builder("cifar100", data_dir=REAL_DATA)
        keys = {"label": True, "coarse_label": True}
        examples = builder.as_dataset(
            split="test[:2000]", decoders=tfds.decode.PartialDecoding(keys)
        )
        names, coarse = (
            builder.info.features[key].names
            for key in ("label", "coarse_label")
        )
        pairs = {
            (names[e["label"]], coarse[e["coarse_label"]])
            for e in examples.as_numpy_iterator()
        }
        self.assertLen(pairs, 100)
        fine, superclasses = zip(*sorted(pairs), strict=True)
        self.assertEqual(
            cifar100.superclasses(fine).tolist(), list(superclasses)
        )

    def test_all_is_there_and_read_again_in_three_seconds(self):
        with tempfile.TemporaryDirectory() as cache_dir:
            options = {"data_dir": REAL_DATA, "cache_dir": cache_dir}
            datasets.load("cifar_fs", **options)
            start = time.monotonic()
            dataset = datasets.load("fc100", **options)
            self.assertLess(time.monotonic() - start, 3.0)
            episode = dataset.episodes("test", 20, 5, 595, 0)(0)
        self.assertEqual(episode.query_x.shape, [20 * 595, 32, 32, 3])
        # Photographs use the whole range; the mean of CIFAR-100 is 0.48.
        self.assertNear(np.mean(episode.query_x), 0.48, 0.06)
        self.assertEqual(np.max(episode.query_x), 1.0)


if __name__ == "__main__":
    tf.test.main()
