"""Tests of maml_tf/datasets/building/class_splits.py."""

import json
import pathlib
import tempfile

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.datasets.building import class_splits
from maml_tf.errors import InputError

NAMES = np.array(["ant", "bee", "cat", "dog", "eel"])


class BySeedTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        (3, [1, 1, 1]),
        (5, [3, 1, 1]),
        (10, [6, 2, 2]),
        (100, [64, 16, 20]),
        (1623, [1038, 260, 325]),
    )
    def test_64_16_20_percent_disjoint_and_covering(self, number, sizes):
        classes = class_splits.by_seed(number)
        self.assertEqual(list(classes), ["train", "valid", "test"])
        self.assertEqual([len(part) for part in classes.values()], sizes)
        for part in classes.values():
            self.assertAllEqual(part, np.sort(part))
        self.assertAllEqual(
            np.sort(np.concatenate(list(classes.values()))), np.arange(number)
        )

    def test_seed_decides(self):
        first, again, other = (
            class_splits.divide(range(100), split_seed=seed)["test"]
            for seed in (0, 0, 1)
        )
        self.assertAllEqual(first, again)
        self.assertNotAllEqual(first, other)

    def test_a_seeds_classes_never_change(self):
        # A change would put classes that models of earlier versions were
        # trained on into the test split.
        classes = class_splits.by_seed(10, 0)
        self.assertAllEqual(classes["valid"], [3, 7])
        self.assertAllEqual(classes["test"], [0, 5])

    @parameterized.parameters((0, "0 classes"), (1, "1 class;"), (2, "2 cl"))
    def test_too_few(self, number, said):
        with self.assertRaisesRegex(InputError, f"{said}.*at least 3"):
            class_splits.by_seed(number)


class FileTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.path = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory()), "split.json"
        )

    def divide(self, **listed):
        self.path.write_text(json.dumps(listed))
        return class_splits.divide(NAMES, str(self.path))

    @parameterized.parameters("valid", "val", "validation")
    def test_lists_say_it(self, valid):
        classes = self.divide(
            train=["eel", "ant"], test=["cat"], **{valid: ["dog"]}
        )
        self.assertAllEqual(classes["train"], [0, 4])
        self.assertAllEqual(classes["valid"], [3])
        self.assertAllEqual(classes["test"], [2])  # And no bee.

    def test_a_name_twice_counts_once(self):
        classes = self.divide(train=["ant", "ant"], val=["bee"], test=["cat"])
        self.assertAllEqual(classes["train"], [0])

    def test_class_in_two_splits(self):
        with self.assertRaisesRegex(
            InputError, "'ant' for train and for test; .* disjoint"
        ):
            self.divide(train=["ant"], valid=["bee"], test=["ant"])

    def test_unknown_class(self):
        with self.assertRaisesRegex(
            InputError, "'yak' for valid.* 5 classes are ant, bee"
        ):
            self.divide(train=["ant"], valid=["yak"], test=["bee"])

    @parameterized.parameters(
        {"train": ["ant"], "test": ["bee"]},
        {"train": ["ant"], "valid": [], "test": ["bee"]},
    )
    def test_missing_split(self, **listed):
        with self.assertRaisesRegex(InputError, "no classes for valid"):
            self.divide(**listed)

    @parameterized.parameters(
        '["ant"]', '{"train": "ant"}', '{"train": [1]}', "3"
    )
    def test_another_form(self, text):
        self.path.write_text(text)
        with self.assertRaisesRegex(InputError, "class_split.*an object with"):
            class_splits.divide(NAMES, self.path)

    @parameterized.parameters(b"{train", b"", b"\xff\xfe")
    def test_not_json(self, content):
        self.path.write_bytes(content)
        with self.assertRaisesRegex(
            InputError, "class_split.*is not (JSON|UTF-8)"
        ):
            class_splits.divide(NAMES, self.path)

    def test_no_file(self):
        with self.assertRaisesRegex(InputError, "class_split.*cannot be read"):
            class_splits.divide(NAMES, self.path)

    def test_neither_random_nor_a_file(self):
        with self.assertRaisesRegex(
            InputError, "class_split: 'lake' .* random, or .* .json"
        ):
            class_splits.divide(NAMES, "lake")


class ShippedTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ("cifar_fs", [64, 16, 20]),
        ("fc100", [60, 20, 20]),
        ("mini_imagenet_ravi", [64, 16, 20]),
    )
    def test_100_classes_in_three_disjoint_splits(self, name, sizes):
        listed = class_splits.shipped(name)
        self.assertEqual(
            [len(listed[split]) for split in ("train", "valid", "test")], sizes
        )
        self.assertLen(set.union(*map(set, listed.values())), 100)

    def test_mini_imagenets_are_wordnet_ids(self):
        for names in class_splits.shipped("mini_imagenet_ravi").values():
            for name in names:
                self.assertRegex(name, r"^n\d{8}$")


if __name__ == "__main__":
    tf.test.main()
