"""Tests of maml_tf/files.py."""

import pathlib
import tempfile

import tensorflow as tf

from maml_tf.files import replacing


class ReplacingTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )

    def test_makes_the_folder_and_the_file(self):
        path = self.folder / "new" / "file.txt"
        with replacing(path) as partial:
            self.assertEqual(partial.suffix, ".txt")
            partial.write_text("whole")
            self.assertFalse(path.exists())
        self.assertEqual(path.read_text(), "whole")
        self.assertEqual(list(path.parent.iterdir()), [path])

    def test_a_failure_leaves_the_file_as_it_was(self):
        path = self.folder / "file.txt"
        path.write_text("before")
        with self.assertRaises(KeyboardInterrupt), replacing(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt
        self.assertEqual(path.read_text(), "before")
        self.assertEqual(list(self.folder.iterdir()), [path])


if __name__ == "__main__":
    tf.test.main()
