"""Tests of maml_tf/episodes/class_records.py."""

import os
import pathlib
import shutil
import tempfile
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.episodes import class_records
from maml_tf.episodes.class_records import ClassRecords
from maml_tf.errors import InputError
from tests.helpers.killed import killed_when_ready
from tests.helpers.pictures import noise

SIZES = [3, 0, 4, 1, 2]
NAMES = ["ant", "bee", "cat", "dog", "eel"]
EXAMPLES = [
    [noise(10 * number + i, 5, 4) for i in range(size)]
    for number, size in enumerate(SIZES)
]
ALL = np.stack([image for images in EXAMPLES for image in images])


def examples_of(classes):
    """The examples of some classes, no two of a class after one another."""
    for i in range(max(SIZES)):
        for number in classes:
            if i < SIZES[number]:
                yield number, EXAMPLES[number][i]


def write(folder, **more):
    class_records.write(folder, NAMES, [5, 4, 3], examples_of, more)


class FolderTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.cache = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )
        self.folder = self.cache / "some-records"


class ClassRecordsTest(FolderTest):
    def test_what_is_written_is_read(self):
        write(self.folder, legs=np.array([6, 6, 4, 4, 0]))
        records = ClassRecords(self.folder)
        self.assertEqual(records.shape, [10, 5, 4, 3])
        self.assertAllEqual(records.size, SIZES)
        self.assertAllEqual(records.first, [0, 3, 3, 7, 8])
        self.assertEqual(records.names.tolist(), NAMES)
        self.assertAllEqual(records.more["legs"], [6, 6, 4, 4, 0])
        self.assertAllEqual(records.read(tf.range(10, dtype=tf.int64)), ALL)

    def test_any_rows_in_any_order(self):
        write(self.folder)
        records = ClassRecords(self.folder)
        rows = np.array([9, 0, 7, 3, 3, 6, 0], np.int64)
        self.assertAllEqual(records.read(tf.constant(rows)), ALL[rows])
        read = tf.function(records.read)
        images = read(tf.constant(rows))
        self.assertEqual(images.dtype, tf.uint8)
        self.assertAllEqual(images, ALL[rows])
        none = records.read(tf.zeros([0], tf.int64))
        self.assertEqual(none.shape, [0, 5, 4, 3])

    def test_shape_is_known_when_a_function_is_traced(self):
        write(self.folder)
        records = ClassRecords(self.folder)
        spec = tf.TensorSpec([6], tf.int64)
        concrete = tf.function(records.read).get_concrete_function(spec)
        self.assertEqual(concrete.output_shapes, [6, 5, 4, 3])

    def test_are_tfrecords(self):
        write(self.folder)
        for number, images in enumerate(EXAMPLES):
            # Which checks length and data against their checksums.
            data = tf.data.TFRecordDataset(
                str(self.folder / f"{number:05d}.tfrecord")
            )
            self.assertEqual(
                list(data.as_numpy_iterator()), [i.tobytes() for i in images]
            )

    def test_more_classes_than_open_files(self):
        asked = []

        def in_parts(classes):
            asked.append(sorted(classes))
            return examples_of(classes)

        with mock.patch.object(class_records, "_OPEN_FILES", 2):
            class_records.write(self.folder, NAMES, [5, 4, 3], in_parts)
        self.assertEqual(asked, [[0, 1], [2, 3], [4]])
        records = ClassRecords(self.folder)
        self.assertAllEqual(records.read(tf.range(10, dtype=tf.int64)), ALL)

    @parameterized.named_parameters(
        ("no_index", lambda folder: (folder / "index.npz").unlink()),
        ("index", lambda folder: (folder / "index.npz").write_bytes(b"PK")),
        (
            "pickle",
            lambda folder: np.savez(
                folder / "index.npz",
                size=np.array(SIZES),
                names=np.array(NAMES, object),
                example_shape=np.array([5, 4, 3]),
            ),
        ),
        ("no_class", lambda folder: (folder / "00002.tfrecord").unlink()),
        ("cut", lambda folder: os.truncate(folder / "00002.tfrecord", 100)),
        ("empty", lambda folder: os.truncate(folder / "00000.tfrecord", 0)),
    )
    def test_damage_is_found(self, damage):
        write(self.folder)
        damage(self.folder)
        with self.assertRaisesRegex(InputError, "cache_dir: .*is damaged"):
            ClassRecords(self.folder)


class WholeOrNotAtAllTest(FolderTest):
    def test_appears_whole(self):
        seen = []

        def looking(classes):
            for item in examples_of(classes):
                seen.append(self.folder.exists())
                yield item

        replace = os.replace

        def checking(source, target):
            if pathlib.Path(target) == self.folder:
                ClassRecords(source)
            replace(source, target)

        with mock.patch.object(os, "replace", checking):
            class_records.write(self.folder, NAMES, [5, 4, 3], looking)
        self.assertEqual(seen, [False] * 10)
        self.assertEqual(list(self.cache.iterdir()), [self.folder])

    def test_what_is_there_is_never_seen_half_gone(self):
        write(self.folder)
        rmtree = shutil.rmtree

        def checking(folder, *arguments, **options):
            self.assertNotEqual(pathlib.Path(folder), self.folder)
            rmtree(folder, *arguments, **options)

        with mock.patch.object(shutil, "rmtree", checking):
            write(self.folder, legs=np.ones(5))
        self.assertIn("legs", ClassRecords(self.folder).more)
        self.assertEqual(list(self.cache.iterdir()), [self.folder])

    def test_another_process_that_is_faster(self):
        # It comes between the two renamings.
        write(self.folder)
        other = self.cache / "other"
        write(other)
        replace = os.replace

        def interfering(source, target):
            if pathlib.Path(target) == self.folder and other.exists():
                replace(other, self.folder)
            replace(source, target)

        with mock.patch.object(os, "replace", interfering):
            write(self.folder)
        ClassRecords(self.folder)
        self.assertEqual(list(self.cache.iterdir()), [self.folder])

    @parameterized.parameters(KeyboardInterrupt, OSError)
    def test_failure_leaves_nothing(self, kind):
        def failing(classes):
            yield from list(examples_of(classes))[:4]
            raise kind

        with self.assertRaises(kind):
            class_records.write(self.folder, NAMES, [5, 4, 3], failing)
        self.assertEmpty(list(self.cache.iterdir()))

    @pytest.mark.slow
    def test_what_a_killed_process_left_is_removed_by_the_next(self):
        killed_when_ready(f"""
            import time
            from maml_tf.episodes import class_records
            from tests.episodes.class_records_test import NAMES, examples_of

            def blocking(classes):
                yield from list(examples_of(classes))[:4]
                print("ready", flush=True)
                time.sleep(600)

            class_records.write(
                {str(self.folder)!r}, NAMES, [5, 4, 3], blocking
            )
        """)
        (left,) = self.cache.iterdir()
        self.assertStartsWith(left.name, ".partial-")
        self.assertNotEmpty(list(left.iterdir()))
        write(self.folder)
        self.assertEqual(list(self.cache.iterdir()), [self.folder])
        ClassRecords(self.folder)


if __name__ == "__main__":
    tf.test.main()
