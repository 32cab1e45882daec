"""What is said on a full disk, or in a home that cannot be written."""

import errno
import os
import pathlib
import tempfile
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

import maml_tf
from maml_tf import InputError
from maml_tf.commands.experiments import training_run
from maml_tf.datasets.images import source
from maml_tf.episodes import class_records
from maml_tf.files import partial_folder, replacing


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_by_tensorflow(*arguments, **options):
    raise tf.errors.ResourceExhaustedError(None, None, "No space left; 1 byte")


class FullDiskTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )

    def source(self):
        return source.ImageSource(
            ["a", "b"],
            [1, 1],
            (2, 2, 1),
            lambda classes: [(c, np.full((2, 2, 1), c)) for c in classes],
        )

    def test_the_file_is_named_and_kept(self):
        path = self.folder / "evaluation_test.json"
        path.write_text("before")
        with mock.patch.object(pathlib.Path, "write_text", full):
            with self.assertRaises(OSError) as raised:
                training_run.write_evaluation({}, path)
        self.assertEqual(raised.exception.filename, str(path))
        self.assertEqual(path.read_text(), "before")
        self.assertLen(list(self.folder.iterdir()), 1)

    def test_the_name_of_another_file_is_kept(self):
        for context in (replacing, partial_folder):
            with self.assertRaises(OSError) as raised:
                with context(self.folder / "one"):
                    (self.folder / "other" / "missing").read_text()
            self.assertEndsWith(raised.exception.filename, "missing")

    def test_export(self):
        learner = maml_tf.Learner(
            keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        )
        with mock.patch.object(tf.saved_model, "save", full_by_tensorflow):
            with self.assertRaisesRegex(
                InputError, "^output: .*served' cannot be written .No space"
            ):
                maml_tf.export(learner, self.folder / "served")
        self.assertEmpty(list(self.folder.iterdir()))

    def test_records(self):
        for fails in (full, full_by_tensorflow):
            with mock.patch.object(class_records, "write", fails):
                with self.assertRaisesRegex(
                    InputError, "^cache_dir: .*No space left.*another folder"
                ):
                    source.load("x", self.source, False, self.folder)

    def test_a_home_that_cannot_be_written(self):
        temporary = mock.patch.object(
            tempfile, "gettempdir", lambda: str(self.folder)
        )
        home = mock.patch.dict(os.environ, XDG_CACHE_HOME="/dev/null")
        for in_memory in (False, True):
            with temporary, home, self.assertWarnsRegex(UserWarning, "cache"):
                labelled, _ = source.load("x", self.source, in_memory)
            self.assertEqual(labelled.names.tolist(), ["a", "b"])


if __name__ == "__main__":
    tf.test.main()
