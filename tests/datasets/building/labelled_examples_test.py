"""Tests of maml_tf/datasets/building/labelled_examples.py."""

import warnings

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.datasets.building import labelled_examples
from maml_tf.datasets.building.labelled_examples import (
    classification,
    sort_by_class,
)
from maml_tf.errors import InputError

NAMES = ["a", "b", "c", "d"]


def grey(label, number, size=4):
    """An image whose upper left pixel tells its class, the next its number."""
    image = np.zeros([size, size, 1], np.uint8)
    image[0, 0], image[0, 1] = 10 * label, number
    image[:, -1] = 200
    return image


def examples_of(sizes):
    pairs = [(c, i) for c, size in enumerate(sizes) for i in range(size)]
    return sort_by_class(
        np.stack([grey(*pair) for pair in pairs]),
        [label for label, _ in pairs],
        [f"class{c}" for c in range(len(sizes))],
    )


class SortByClassTest(tf.test.TestCase, parameterized.TestCase):
    def test_stable_and_without_empty_classes(self):
        labelled = sort_by_class([10, 11, 12, 13, 14], [3, 0, 3, 2, 0], NAMES)
        self.assertEqual(labelled.names.tolist(), ["a", "c", "d"])
        self.assertEqual(labelled.examples.tolist(), [11, 14, 13, 10, 12])
        self.assertEqual(labelled.first.tolist(), [0, 2, 3])
        self.assertEqual(labelled.size.tolist(), [2, 1, 2])

    @parameterized.parameters(
        ([0, 4], "labels: the label 4 .* example 1; .* 4 classes.* 0 to 3"),
        ([-1, 2], "labels: the label -1 .* example 0"),
        ([1], r"^labels: the shape \(1,\) was given for 2 examples"),
    )
    def test_refusals(self, labels, pattern):
        with self.assertRaisesRegex(InputError, pattern):
            sort_by_class([1, 2], labels, NAMES)

    def test_one_class_is_refused(self):
        labelled = sort_by_class([1, 2], [0, 0], NAMES)
        with self.assertRaisesRegex(InputError, r"here has 1 class \(a\)"):
            labelled_examples.check_classes(labelled, "here")


class ClassificationTest(tf.test.TestCase):
    def load(self, sizes, **options):
        split = len(sizes) // 2
        return classification(
            "some",
            examples_of(sizes),
            {
                "train": np.arange(split),
                "valid": np.arange(split, len(sizes)),
                "test": np.arange(split, len(sizes)),
            },
            prepare=labelled_examples.scale,
            **options,
        )

    def test_small_classes_are_left_out_and_said(self):
        dataset = self.load([5, 2, 5, 3, 5, 5])
        with self.assertWarnsRegex(
            UserWarning, "1 of the 3 classes of the train split.*class1"
        ):
            draw = dataset.episodes("train", 2, 1, 2, 0)
        for number in range(10):
            classes = np.round(draw(number).query_x[:, 0, 0, 0] * 25.5)
            self.assertEqual(set(classes), {0.0, 2.0})
        # Two of each are there to be had.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            dataset.episodes("train", 3, 1, 1, 0)
        with self.assertWarns(UserWarning):
            with self.assertRaisesRegex(InputError, "^way: 3 .*only 2 classes"):
                dataset.episodes("train", 3, 1, 2, 0)

    def test_no_class_is_large_enough(self):
        dataset = self.load([4, 3, 4, 4])
        with self.assertRaisesRegex(
            InputError, "^shot: 2 .*; class class1 has 3 "
        ):
            dataset.episodes("train", 2, 2, 3, 0)

    def test_training_episodes_alone_are_augmented(self):
        plain, changed = (
            self.load([6] * 6, augment=augment)
            for augment in ((), ("flip", "crop"))
        )
        for split in ("train", "test"):
            one, other = (
                tf.function(dataset.episodes(split, 3, 2, 2, 5))(7)
                for dataset in (plain, changed)
            )
            self.assertAllEqual(one.support_y, other.support_y)
            same = np.array_equal(one.query_x, other.query_x)
            self.assertEqual(same, split == "test")

    def test_augmentation_is_a_function_of_seed_and_number(self):
        draws = [
            self.load([6] * 6, augment=["crop"]).episodes(
                "train", 3, 2, 2, seed
            )
            for seed in (5, 5, 6)
        ]
        first, again, other = (draw(7).support_x for draw in draws)
        self.assertAllEqual(first, again)
        self.assertNotAllEqual(first, other)
        self.assertNotAllEqual(first, draws[0](8).support_x)

    def test_support_alone(self):
        plain, changed = (
            self.load([6] * 6, **options).episodes("train", 3, 2, 2, 5)(7)
            for options in ({}, {"augment": ["crop"], "augmented": "support"})
        )
        self.assertNotAllEqual(plain.support_x, changed.support_x)
        self.assertAllEqual(plain.query_x, changed.query_x)


if __name__ == "__main__":
    tf.test.main()
