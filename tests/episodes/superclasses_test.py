"""Tests of maml_tf/episodes/superclasses.py, and of pools that have them."""

import collections

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.episodes import class_pool, superclasses
from maml_tf.episodes.class_pool import ClassPool, draw_episode, stream_seed
from maml_tf.errors import InputError
from maml_tf.graph.random_streams import fold_in
from tests.helpers.chi_square import chi_square, critical_value

# Two classes of each letter cannot make a 3-way episode; a and b can.
LETTERS = np.array(list("abacbabac"))
DRAWN = 1200


def pool_of(classes_within, **options):
    """Makes a pool whose examples are `[class, index within the class]`."""
    examples = np.array([(c, i) for c in range(9) for i in range(4)], np.uint8)
    return ClassPool(
        examples,
        np.arange(9) * 4,
        np.full(9, 4),
        superclasses=LETTERS,
        classes_within=classes_within,
        **options,
    )


def drawn_classes(pool, way, number=DRAWN):
    """Returns the classes of many episodes, `[number, way]`."""
    stream = stream_seed(0, "train")

    @tf.function
    def draw():
        return tf.map_fn(
            lambda n: class_pool.episode_classes(pool, way, fold_in(stream, n)),
            tf.range(number, dtype=tf.int64),
        )

    return draw().numpy()


class PoolTest(tf.test.TestCase, parameterized.TestCase):
    def test_within_one_superclass_each_as_often(self):
        classes = drawn_classes(pool_of("superclass"), 3)
        letters = LETTERS[classes]
        self.assertTrue((letters == letters[:, :1]).all())
        counts = collections.Counter(letters[:, 0])
        self.assertEqual(set(counts), {"a", "b"})
        self.assertLess(
            chi_square(list(counts.values())),
            critical_value(1),
        )
        # The classes of a superclass come with each label as often.
        for letter in "ab":
            own = np.flatnonzero(letter == LETTERS)
            for label in range(3):
                column = classes[letters[:, 0] == letter, label]
                found = [np.sum(column == c) for c in own]
                self.assertLess(
                    chi_square(found),
                    critical_value(len(own) - 1),
                )

    def test_either_is_half_of_each(self):
        classes = drawn_classes(pool_of("either"), 3)
        letters = LETTERS[classes]
        same = np.mean((letters == letters[:, :1]).all(1))
        # 4 of a and 3 of b among 84 triples: 5 of them are of one letter.
        expected = 0.5 + 0.5 * 5 / 84
        self.assertNear(same, expected, 4 * np.sqrt(0.25 / DRAWN))

    def test_examples_are_of_the_classes(self):
        pool, stream = pool_of("superclass"), stream_seed(1, "test")
        for number in range(20):
            seed = fold_in(stream, number)
            episode = draw_episode(pool, 3, 2, 2, seed)
            classes = class_pool.episode_classes(pool, 3, seed).numpy()
            for x, y in (episode[:2], episode[2:]):
                self.assertAllEqual(x[:, 0], classes[y.numpy()])
            rows = np.concatenate([episode.support_x, episode.query_x])
            self.assertLen(set(map(tuple, rows)), 12)

    def test_a_rotation_is_a_superclass_of_its_own(self):
        images = np.random.RandomState(0).randint(0, 256, [18, 3, 3, 1])
        pool = ClassPool(
            images.astype(np.uint8),
            np.arange(9) * 2,
            np.full(9, 2),
            rotations=4,
            superclasses=LETTERS,
            classes_within="superclass",
        )
        classes = drawn_classes(pool, 3)
        turns = classes // 9
        self.assertTrue((turns == turns[:, :1]).all())
        self.assertEqual(set(turns[:, 0]), {0, 1, 2, 3})
        letters = LETTERS[classes % 9]
        self.assertTrue((letters == letters[:, :1]).all())

    def test_without_superclasses_nothing_changes(self):
        with_them, stream = pool_of("split"), stream_seed(0, "train")
        without = ClassPool(with_them.examples, np.arange(9) * 4, np.full(9, 4))
        for number in range(5):
            seed = fold_in(stream, number)
            for ours, theirs in zip(
                draw_episode(with_them, 4, 1, 2, seed),
                draw_episode(without, 4, 1, 2, seed),
                strict=True,
            ):
                self.assertAllEqual(ours, theirs)

    def test_some_classes_keep_their_superclasses(self):
        pool = pool_of("superclass").restricted(np.array([0, 2, 5, 1]))
        self.assertEqual(pool.superclasses.tolist(), ["a", "a", "a", "b"])
        self.assertEqual(pool.classes_within, "superclass")

    def test_refusals(self):
        with self.assertRaisesRegex(InputError, "way: 5.*largest.*a, has 4"):
            class_pool.check_episode(pool_of("either"), 5, 1, 1)
        with self.assertRaisesRegex(InputError, "'alphabet'.*split, super"):
            pool_of("alphabet")
        with self.assertRaisesRegex(InputError, "superclass/class"):
            ClassPool(
                np.zeros([2, 1]), [0, 1], [1, 1], classes_within="superclass"
            )
        with self.assertRaisesRegex(InputError, r"shape \(1,\).*for 2 classes"):
            ClassPool(np.zeros([2, 1]), [0, 1], [1, 1], superclasses=["a"])


class NamesTest(tf.test.TestCase):
    def test_before_the_first_slash(self):
        names = np.array(["animals/cat", "trees/oak/red"])
        self.assertEqual(
            superclasses.of_names(names).tolist(), ["animals", "trees"]
        )

    def test_a_name_without_one(self):
        self.assertIsNone(superclasses.of_names(np.array(["a/b", "c"])))


if __name__ == "__main__":
    tf.test.main()
