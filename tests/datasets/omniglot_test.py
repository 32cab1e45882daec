"""Tests of maml_tf/datasets/omniglot.py.

Most run on a tiny set in the format of TFDS, written by the test. Those on the
real data need the environment variable `MAML_TF_DATA_DIR`, a folder where TFDS
has prepared Omniglot.
"""

import os
import pathlib
import shutil
import sys
import tempfile
import time
import unittest
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from absl.testing import parameterized

from maml_tf import datasets, losses
from maml_tf.datasets import omniglot
from maml_tf.datasets.images import cache
from maml_tf.episodes.class_pool import episode_classes, stream_seed
from maml_tf.errors import InputError
from maml_tf.graph.random_streams import fold_in
from tests.helpers.tiny_omniglot import (
    DRAWINGS,
    NAMES,
    tiny_image,
    write_tiny_set,
)

REAL_DATA = os.environ.get("MAML_TF_DATA_DIR")


class TinySetTest(tf.test.TestCase, parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.data_dir = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.data_dir)
        write_tiny_set(cls.data_dir)

    def setUp(self):
        super().setUp()
        self.cache_dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.cache_dir)

    def load(self, **options):
        """Loads the tiny set as a `Dataset`."""
        return datasets.load(
            "omniglot",
            data_dir=self.data_dir,
            cache_dir=self.cache_dir,
            **options,
        )

    def drawings(self):
        """Loads the tiny set's drawings, a `LabelledExamples`."""
        return omniglot.load_drawings(self.data_dir, cache_dir=self.cache_dir)[
            0
        ]

    def split(self, *arguments, **options):
        """Splits the tiny set's characters."""
        drawings, background = omniglot.load_drawings(
            self.data_dir, cache_dir=self.cache_dir
        )
        return omniglot.split_characters(
            drawings.names, background, *arguments, **options
        )

    def cached_file(self):
        """Returns the only file in the cache folder."""
        (path,) = pathlib.Path(self.cache_dir).iterdir()
        return path


class DecodeTest(TinySetTest):
    def test_drawings_are_sorted_by_character(self):
        drawings = self.drawings()
        self.assertEqual(drawings.names.tolist(), NAMES)
        self.assertAllEqual(drawings.size, np.full(25, DRAWINGS))
        self.assertAllEqual(drawings.first, np.arange(25) * DRAWINGS)
        self.assertEqual(drawings.examples.dtype, np.uint8)
        self.assertEqual(drawings.examples.shape, (100, 28, 28, 1))
        for label, first in enumerate(drawings.first):
            expected = {
                omniglot.shrink(tiny_image(label, drawing)).numpy().tobytes()
                for drawing in range(DRAWINGS)
            }
            images = drawings.examples[first : first + DRAWINGS]
            self.assertEqual({image.tobytes() for image in images}, expected)

    def test_shrink_makes_ink_bright_and_keeps_its_amount(self):
        image = np.full([105, 105, 3], 255, np.uint8)
        self.assertAllEqual(omniglot.shrink(image), np.zeros([28, 28, 1]))
        image[30:80, 40:60] = 0
        shrunk = omniglot.shrink(image).numpy()
        self.assertEqual(shrunk.shape, (28, 28, 1))
        self.assertEqual(shrunk.dtype, np.uint8)
        # The middle of the bar, and far from it: neither flipped nor turned.
        self.assertEqual(shrunk[14, 13, 0], 255)
        self.assertEqual(shrunk[14, 22, 0], 0)
        self.assertEqual(shrunk[25, 13, 0], 0)
        self.assertAllClose(
            shrunk.mean() / 255.0, 50 * 20 / 105.0**2, rtol=0.02
        )

    def test_shrink_loses_no_thin_stroke(self):
        for column in range(10, 95):
            image = np.full([105, 105, 3], 255, np.uint8)
            image[:, column] = 0
            row = omniglot.shrink(image).numpy()[14].astype(float)
            self.assertAllClose(row.sum() / 255.0, 28 / 105.0, rtol=0.15)


class DistortTest(TinySetTest):
    def test_originals_are_those_of_the_pool(self):
        names = ["N_Ko_3", "Tengwar_0", "Greek_2"]
        originals = omniglot.load_originals(names, self.data_dir)
        self.assertEqual(originals.shape, (3 * DRAWINGS, 105, 105, 1))
        self.assertEmpty(os.listdir(self.cache_dir))
        drawings = self.drawings()
        rows = np.concatenate(
            [DRAWINGS * NAMES.index(n) + np.arange(DRAWINGS) for n in names]
        )
        # Without shear and at scale 1, every bit is that of training.
        distorted = omniglot.distort(originals)
        self.assertAllEqual(distorted, originals)
        self.assertAllEqual(omniglot.shrink(distorted), drawings.examples[rows])

    def test_a_shear_moves_rows_on_white_paper(self):
        image = np.full([1, 9, 9, 1], 255, np.uint8)
        image[:, :, 4] = 0
        sheared = omniglot.distort(image, shear=np.pi / 4)[0, :, :, 0]
        # The top goes to the right, a pixel for each row.
        expected = np.where(np.eye(9)[::-1], 0, 255)
        self.assertAllClose(sheared, expected, atol=1e-3)
        self.assertAllClose(
            omniglot.distort(image, shear=-np.pi / 4)[0, :, ::-1, 0],
            expected,
            atol=1e-3,
        )
        image[:] = 0
        sheared = omniglot.distort(image, shear=np.pi / 4)[0, :, :, 0]
        place = np.arange(9) + np.arange(9)[:, np.newaxis] - 4
        self.assertAllClose(
            sheared, np.where((place < 0) | (place > 8), 255, 0), atol=1e-3
        )

    def test_a_scale_keeps_the_centre(self):
        image = np.full([1, 9, 9, 1], 255, np.uint8)
        image[:, 3:6, 3:6] = 0
        # Pixels between black and white are grey.
        row = np.array([255, 127.5, 0, 0, 0, 0, 0, 127.5, 255])
        ink = (255 - row) / 255
        self.assertAllClose(
            omniglot.distort(image, scale=2.0)[0, :, :, 0],
            255 - 255 * np.outer(ink, ink),
            atol=1e-3,
        )
        image[:] = 0
        half = omniglot.distort(image, scale=0.5)[0, :, :, 0]
        expected = np.full([9, 9], 255)
        expected[2:7, 2:7] = 0
        self.assertAllClose(half, expected, atol=1e-3)


class CacheTest(TinySetTest):
    def test_second_load_needs_no_tfds(self):
        first = self.drawings()
        with mock.patch.dict(sys.modules, {"tensorflow_datasets": None}):
            second = self.drawings()
        for field in ("examples", "first", "size", "names"):
            self.assertAllEqual(getattr(first, field), getattr(second, field))

    def test_default_folder(self):
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": self.cache_dir}):
            omniglot.load_drawings(self.data_dir)
        self.assertLen(
            list(pathlib.Path(self.cache_dir).glob("maml_tf/omniglot-*.npz")),
            1,
        )

    @parameterized.named_parameters(
        ("empty", lambda content: b""),
        ("truncated", lambda content: content[: len(content) // 2]),
        ("other", lambda content: b"no archive"),
        (
            "flipped",
            lambda content: (
                content[: len(content) // 2]
                + bytes([content[len(content) // 2] ^ 1])
                + content[len(content) // 2 + 1 :]
            ),
        ),
    )
    def test_damaged_file_is_made_anew(self, damage):
        images = self.drawings().examples
        path = self.cached_file()
        content = path.read_bytes()
        path.write_bytes(damage(content))
        with self.assertWarnsRegex(UserWarning, "damaged.*made again"):
            self.assertAllEqual(self.drawings().examples, images)
        self.assertEqual(self.cached_file(), path)
        self.assertAllEqual(self.drawings().examples, images)

    def test_unwritable_folder_only_warns(self):
        blocked = os.path.join(self.cache_dir, "file")
        pathlib.Path(blocked).touch()
        with self.assertWarnsRegex(UserWarning, "cannot be written"):
            drawings, _ = omniglot.load_drawings(
                self.data_dir, cache_dir=os.path.join(blocked, "cache")
            )
        self.assertLen(drawings.names, 25)

    def test_interrupted_writing_leaves_nothing(self):
        def interrupted(file, **arrays):
            file.write(b"half")
            raise KeyboardInterrupt

        with mock.patch.object(np, "savez", interrupted):
            with self.assertRaises(KeyboardInterrupt):
                self.drawings()
        self.assertEmpty(os.listdir(self.cache_dir))

    def test_file_appears_whole(self):
        replaced = []
        replace = os.replace

        def check(source, target):
            self.assertFalse(os.path.exists(target))
            self.assertEqual(os.path.dirname(source), os.path.dirname(target))
            with np.load(source, allow_pickle=False) as file:
                self.assertIn("images", file)
            replaced.append(str(target))
            replace(source, target)

        with mock.patch.object(os, "replace", check):
            cache.cached_arrays(
                "some", lambda: {"images": np.zeros(3)}, self.cache_dir
            )
        self.assertEqual(replaced, [str(self.cached_file())])

    def test_another_prepared_set_gets_another_file(self):
        self.drawings()
        other = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, other)
        write_tiny_set(other, drawings=2)
        drawings, _ = omniglot.load_drawings(other, cache_dir=self.cache_dir)
        self.assertAllEqual(drawings.size, np.full(25, 2))
        self.assertAllEqual(self.drawings().size, np.full(25, DRAWINGS))


class MissingSetTest(TinySetTest):
    def test_one_sentence_says_how_to_get_it(self):
        missing = os.path.join(self.cache_dir, "none")
        with self.assertRaises(InputError) as raised:
            datasets.load("omniglot", data_dir=missing)
        message = str(raised.exception)
        self.assertIn(f"data_dir: {missing} does not hold Omniglot", message)
        self.assertIn("--download", message)
        self.assertIn("--data_dir", message)
        self.assertNotIn("\n", message)
        self.assertFalse(os.path.exists(missing))

    def test_default_folder_is_that_of_tfds(self):
        with mock.patch.dict(os.environ, {"TFDS_DATA_DIR": self.data_dir}):
            drawings, _ = omniglot.load_drawings(cache_dir=self.cache_dir)
        self.assertLen(drawings.names, 25)

    def test_download_prepares_it(self):
        target = os.path.join(self.cache_dir, "data")
        load = tfds.load
        downloads = []

        def fake(name, **options):
            if options["download"]:
                downloads.append((name, options["data_dir"]))
                return write_tiny_set(options["data_dir"])
            return load(name, **options)

        with mock.patch.object(tfds, "load", fake):
            drawings, _ = omniglot.load_drawings(
                target, download=True, cache_dir=self.cache_dir
            )
            omniglot.load_drawings(
                target, download=True, cache_dir=self.cache_dir
            )
        self.assertLen(drawings.names, 25)
        self.assertEqual(downloads, [("omniglot:3.0.0", target)])

    def test_failed_download(self):
        error = OSError("no route to host")
        with mock.patch.object(tfds, "load", side_effect=error):
            with self.assertRaisesRegex(InputError, "no route.*--data_dir"):
                omniglot.load_drawings("nowhere", download=True)


class SplitTest(TinySetTest):
    @parameterized.parameters("random", "lake")
    def test_splits_are_disjoint_and_cover_all(self, class_split):
        characters = self.split(class_split)
        self.assertAllEqual(
            np.sort(np.concatenate(list(characters.values()))), np.arange(25)
        )

    def test_random_is_60_20_20_percent_by_seed(self):
        splits = [self.split(split_seed=seed) for seed in (0, 0, 1)]
        sizes = {name: len(chosen) for name, chosen in splits[0].items()}
        self.assertEqual(sizes, {"train": 15, "valid": 5, "test": 5})
        self.assertAllEqual(splits[0]["test"], splits[1]["test"])
        self.assertNotAllEqual(splits[0]["test"], splits[2]["test"])

    def test_random_split_of_a_seed_never_changes(self):
        # A change here would put characters that models of earlier versions
        # were trained on into the test split.
        characters = self.split()
        self.assertAllEqual(characters["test"], [0, 3, 12, 15, 21])

    def test_lake_tests_on_the_evaluation_set(self):
        characters = self.split("lake")
        self.assertAllEqual(characters["test"], np.arange(20, 25))
        self.assertLen(characters["valid"], 2)

    def test_lake_alphabets_holds_whole_alphabets_out(self):
        characters = self.split("lake_alphabets")
        self.assertAllEqual(characters["test"], np.arange(20, 25))
        # The background set has two alphabets, 0 ... 9 and 10 ... 19.
        found = {tuple(characters[s].tolist()) for s in ("train", "valid")}
        self.assertEqual(found, {tuple(range(10)), tuple(range(10, 20))})

    def test_episodes_within_an_alphabet(self):
        dataset = self.load(class_split="lake", classes_within="superclass")
        draw = dataset.episodes("train", 5, 1, 1, seed=0)
        name_of = dataset.superclass_of("train", 5, 1, 1, seed=0)
        pool = dataset.pool("train")
        for number in range(8):
            seed = fold_in(stream_seed(0, "train"), number)
            drawn = episode_classes(pool, 5, seed).numpy()
            names = pool.names[drawn % len(pool.sizes)]
            (alphabet,) = {name.rpartition("_")[0] for name in names}
            self.assertEqual(name_of(number), alphabet)
            self.assertEqual(draw(number).support_x.shape, [5, 28, 28, 1])

    def test_alphabets_restrict_every_split(self):
        characters = self.split(alphabets=["N_Ko"])
        self.assertAllEqual(
            np.sort(np.concatenate(list(characters.values()))),
            np.arange(10, 20),
        )
        sizes = [len(chosen) for chosen in characters.values()]
        self.assertEqual(sizes, [6, 2, 2])

    def test_unknown_alphabet(self):
        with self.assertRaisesRegex(
            InputError, "'Klingon'.*Greek, N_Ko, Tengwar"
        ):
            self.load(alphabets=("Greek", "Klingon"))

    def test_empty_split(self):
        with self.assertRaisesRegex(
            InputError, "'lake'.*the test split no characters.*Greek.*random"
        ):
            self.load(class_split="lake", alphabets=("Greek",))

    def test_unknown_class_split(self):
        with self.assertRaisesRegex(
            InputError, "'ravi'.*random, lake, lake_alphabets, vinyals"
        ):
            self.load(class_split="ravi")

    def test_vinyals_file(self):
        listed = omniglot._vinyals()
        sizes = {split: len(names) for split, names in listed.items()}
        self.assertEqual(sizes, {"train": 1028, "valid": 172, "test": 423})
        self.assertLen(set.union(*map(set, listed.values())), 1623)
        self.assertContainsSubset(NAMES[:20], listed["train"])
        self.assertContainsSubset(NAMES[20:], listed["test"])


class DatasetTest(TinySetTest):
    def test_what_it_is(self):
        dataset = self.load()
        self.assertEqual(dataset.name, "omniglot")
        self.assertEqual(dataset.input_shape, (28, 28, 1))
        self.assertIs(dataset.loss, losses.cross_entropy)
        self.assertIs(dataset.metric, losses.accuracy)
        self.assertEqual(dataset.metric_name, "accuracy")
        self.assertEqual(dataset.outputs(20), 20)

    @parameterized.parameters("train", "valid", "test")
    def test_episodes_are_of_their_splits_characters(self, split):
        drawings = self.drawings()
        characters = self.split()[split]
        rows = drawings.first[characters][:, None] + np.arange(DRAWINGS)
        label_of = {
            np.rot90(drawings.examples[row], turns).tobytes(): (label, turns)
            for label, group in zip(characters, rows, strict=True)
            for row in group
            for turns in range(4)
        }
        draw = self.load().episodes(split, 10, 2, 2, seed=0)
        for number in range(5):
            episode = draw(number)
            classes = {}
            for x, y in (episode[:2], episode[2:]):
                self.assertEqual(x.shape, [20, 28, 28, 1])
                self.assertAllInRange(x, 0.0, 1.0)
                images = np.round(x.numpy() * 255.0).astype(np.uint8)
                for image, label in zip(images, y.numpy(), strict=True):
                    found = label_of[image.tobytes()]
                    self.assertEqual(classes.setdefault(label, found), found)
            self.assertLen(set(classes.values()), 10)

    def test_rotations_multiply_the_classes(self):
        self.load().episodes("test", 20, 1, 1, 0)
        with self.assertRaisesRegex(InputError, "^way: 21 .*20 classes"):
            self.load().episodes("test", 21, 1, 1, 0)
        with self.assertRaisesRegex(InputError, "^way: 6 .*5 classes"):
            self.load(rotations=1).episodes("test", 6, 1, 1, 0)
        with self.assertRaisesRegex(InputError, "^rotations: 3 .*1 or 4"):
            self.load(rotations=3)

    def test_too_many_drawings(self):
        with self.assertRaisesRegex(
            InputError, "^shot: 3 .* 2 for query; class Greek_0 has 4 "
        ):
            self.load().episodes("test", 5, 3, 2, 0)

    def test_unknown_split(self):
        with self.assertRaisesRegex(InputError, "'dev'.*train, valid, test"):
            self.load().episodes("dev", 5, 1, 1, 0)


@pytest.mark.slow
@unittest.skipUnless(REAL_DATA, "MAML_TF_DATA_DIR is not set")
class RealDataTest(tf.test.TestCase, parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cache_dir = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.cache_dir)
        cls.drawings, cls.background = omniglot.load_drawings(
            REAL_DATA, cache_dir=cls.cache_dir
        )

    def test_all_drawings_are_there(self):
        self.assertLen(self.drawings.names, 1623)
        self.assertLen(set(self.drawings.names), 1623)
        self.assertAllEqual(self.drawings.size, np.full(1623, 20))
        self.assertAllEqual(self.drawings.first, np.arange(1623) * 20)
        self.assertEqual(self.background.sum(), 964)

    def test_ink_is_one(self):
        images = self.drawings.examples / np.float32(255.0)
        self.assertBetween(images.mean(), 0.03, 0.15)
        self.assertGreater(images.max(axis=(1, 2, 3)).min(), 0.3)
        corners = images[:, [0, 0, -1, -1], [0, -1, 0, -1], 0]
        self.assertLess(corners.mean(), 0.02)

    @parameterized.parameters(
        ("random", [1100, 100, 423]),
        ("lake", [864, 100, 659]),
        ("vinyals", [1028, 172, 423]),
    )
    def test_splits(self, class_split, sizes):
        characters = omniglot.split_characters(
            self.drawings.names, self.background, class_split
        )
        self.assertEqual([len(part) for part in characters.values()], sizes)
        self.assertAllEqual(
            np.sort(np.concatenate(list(characters.values()))),
            np.arange(1623),
        )

    def test_every_alphabet_can_be_divided(self):
        alphabets = {name.rpartition("_")[0] for name in self.drawings.names}
        self.assertLen(alphabets, 50)
        for alphabet in alphabets:
            characters = omniglot.split_characters(
                self.drawings.names, self.background, alphabets=[alphabet]
            )
            self.assertGreaterEqual(len(characters["test"]), 3)

    def test_a_character_looks_like_itself(self):
        # Were drawings sorted to the wrong characters, half would be nearer.
        blurred = tf.image.resize(self.drawings.examples, [7, 7], "area")
        features = blurred.numpy().reshape([1623, 20, 49])
        same = np.linalg.norm(features[:, 0] - features[:, 1], axis=1)
        other = np.linalg.norm(features[:, 0] - features[::-1, 1], axis=1)
        self.assertGreater(np.mean(same < other), 0.7)

    def test_second_load_takes_less_than_a_second(self):
        start = time.monotonic()
        dataset = datasets.load(
            "omniglot", data_dir=REAL_DATA, cache_dir=self.cache_dir
        )
        self.assertLess(time.monotonic() - start, 1.0)
        episode = dataset.episodes("test", 20, 5, 15, 0)(0)
        self.assertEqual(episode.query_x.shape, [300, 28, 28, 1])


if __name__ == "__main__":
    tf.test.main()
