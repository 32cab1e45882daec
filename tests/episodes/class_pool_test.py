"""Tests of maml_tf/episodes/class_pool.py."""

import collections

import hypothesis
import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from hypothesis import strategies as st

from maml_tf.episodes import class_pool
from maml_tf.errors import InputError
from maml_tf.graph.random_streams import fold_in
from tests.helpers.chi_square import chi_square, critical_value

SIZES = [7, 5, 12, 6, 9, 20, 5, 8]


def coded_pool(sizes=SIZES, **options):
    """Makes a pool whose examples are `[class, index within the class]`."""
    examples = [
        (label, index)
        for label, size in enumerate(sizes)
        for index in range(size)
    ]
    first = np.cumsum([0] + sizes[:-1])
    return class_pool.ClassPool(
        np.array(examples, np.uint8), first, sizes, **options
    )


def image_pool(classes=3, drawings=4, channels=2, rotations=4, **options):
    """Makes a pool of random images, no two of them alike when rotated."""
    images = np.random.RandomState(0).randint(
        0, 256, [classes * drawings, 5, 5, channels]
    )
    first = np.arange(classes) * drawings
    pool = class_pool.ClassPool(
        images.astype(np.uint8),
        first,
        np.full(classes, drawings),
        rotations=rotations,
        **options,
    )
    return images, pool


def seed_of(number, seed=0, split="train"):
    return fold_in(class_pool.stream_seed(seed, split), number)


def draw_many(pool, way, shot, query, number, seed=0):
    """Draws the episodes 0 ... number - 1, each field `[number, ...]`."""
    dtypes = class_pool.Episode(tf.float32, tf.int32, tf.float32, tf.int32)

    @tf.function
    def draw():
        return tf.map_fn(
            lambda index: class_pool.draw_episode(
                pool, way, shot, query, seed_of(index, seed)
            ),
            tf.range(number, dtype=tf.int64),
            fn_output_signature=dtypes,
        )

    return class_pool.Episode(*(field.numpy() for field in draw()))


POOL = coded_pool()


class DrawEpisodeTest(tf.test.TestCase, parameterized.TestCase):
    @hypothesis.settings(max_examples=60, deadline=None)
    @hypothesis.given(
        way=st.integers(1, len(SIZES)),
        shot=st.integers(1, 4),
        query=st.integers(1, 4),
        number=st.integers(0, 2**40),
        seed=st.integers(0, 2**40),
    )
    def test_properties(self, way, shot, query, number, seed):
        hypothesis.assume(shot + query <= min(SIZES))
        episode = class_pool.draw_episode(
            POOL, way, shot, query, seed_of(number, seed)
        )
        support = list(map(tuple, episode.support_x.numpy().astype(int)))
        asked = list(map(tuple, episode.query_x.numpy().astype(int)))
        support_y = episode.support_y.numpy().tolist()
        query_y = episode.query_y.numpy().tolist()

        # Distinct examples; support and query disjoint.
        self.assertLen(set(support + asked), way * (shot + query))
        # Every label occurs as often as it should, in both sets.
        self.assertEqual(
            collections.Counter(support_y), dict.fromkeys(range(way), shot)
        )
        self.assertEqual(
            collections.Counter(query_y), dict.fromkeys(range(way), query)
        )
        # A label stands for one class, and no two labels for the same.
        classes = collections.defaultdict(set)
        for (label_class, _), label in zip(
            support + asked, support_y + query_y, strict=True
        ):
            classes[label].add(label_class)
        self.assertTrue(all(len(found) == 1 for found in classes.values()))
        self.assertLen(set.union(*classes.values()), way)
        # Classes of different sizes: no example from beyond a class.
        for label_class, index in support + asked:
            self.assertLess(index, SIZES[label_class])

    def test_shapes_and_dtypes(self):
        episode = class_pool.draw_episode(POOL, 3, 2, 1, seed_of(0))
        self.assertEqual(
            [(field.shape.as_list(), field.dtype) for field in episode],
            [
                ([6, 2], tf.float32),
                ([6], tf.int32),
                ([3, 2], tf.float32),
                ([3], tf.int32),
            ],
        )

    def test_is_a_function_of_seed_split_and_number(self):
        def inputs(number, seed=0, split="train"):
            episode = class_pool.draw_episode(
                POOL, 5, 2, 2, seed_of(number, seed, split)
            )
            return episode.support_x.numpy().tobytes()

        self.assertEqual(inputs(3), inputs(tf.constant(3, tf.int64)))
        different = [inputs(number) for number in range(10)]
        different += [inputs(number, seed=1) for number in range(10)]
        different += [inputs(number, split="valid") for number in range(10)]
        different += [inputs(number, split="test") for number in range(10)]
        self.assertLen(set(different), 40)

    @parameterized.named_parameters(("graph", False), ("xla", True))
    def test_compiled_episodes_are_the_eager_ones(self, jit_compile):
        _, pool = image_pool()
        drawn = tf.function(
            lambda number: class_pool.draw_episode(
                pool, 4, 1, 2, seed_of(number)
            ),
            jit_compile=jit_compile,
        )
        for number in range(3):
            self.assertAllEqual(
                drawn(tf.constant(number, tf.int64)).query_x,
                class_pool.draw_episode(pool, 4, 1, 2, seed_of(number)).query_x,
            )

    def test_loops_and_vectorized_map_draw_the_eager_episodes(self):
        _, pool = image_pool()
        looped = draw_many(pool, 4, 1, 2, number=3)
        vectorized = tf.vectorized_map(
            lambda number: class_pool.draw_episode(
                pool, 4, 1, 2, seed_of(number)
            ),
            tf.range(3, dtype=tf.int64),
        )
        for number in range(3):
            eager = class_pool.draw_episode(pool, 4, 1, 2, seed_of(number))
            for one, many, mapped in zip(
                eager, looped, vectorized, strict=True
            ):
                self.assertAllEqual(one, many[number])
                self.assertAllEqual(one, mapped[number])

    def test_says_which_classes_were_drawn(self):
        for number in range(20):
            drawn = class_pool.draw_episode(POOL, 4, 1, 1, seed_of(number))
            self.assertAllEqual(
                class_pool.episode_classes(POOL, 4, seed_of(number)),
                drawn.support_x[:, 0],
            )

    def test_classes_and_labels_are_uniform(self):
        episode = draw_many(POOL, way=2, shot=1, query=1, number=5600)
        pairs = episode.support_x[:, :, 0].astype(int)
        counts = np.zeros([len(SIZES)] * 2)
        np.add.at(counts, (pairs[:, 0], pairs[:, 1]), 1)
        # Each ordered pair of distinct classes, label 0's first, is as likely.
        self.assertAllEqual(np.diag(counts), np.zeros(len(SIZES)))
        counts = counts[~np.eye(len(SIZES), dtype=bool)]
        self.assertLess(chi_square(counts), critical_value(counts.size - 1))

    def test_examples_are_uniform_within_each_class(self):
        episode = draw_many(POOL, way=4, shot=2, query=1, number=3000, seed=1)
        for x in (episode.support_x, episode.query_x):
            # Of the support examples, the first of each class alone: two
            # distinct ones are not independent.
            drawn = x.reshape([3000, 4, -1, 2])[:, :, 0].reshape([-1, 2])
            for label, size in enumerate(SIZES):
                indices = drawn[drawn[:, 0] == label, 1].astype(int)
                self.assertLess(
                    chi_square(np.bincount(indices, minlength=size)),
                    critical_value(size - 1),
                )


class RotationsTest(tf.test.TestCase):
    def test_read_rotates_as_numpy_does(self):
        images, pool = image_pool()
        rows = np.arange(12)
        turns = rows % 4
        self.assertAllEqual(
            pool.read(tf.constant(rows), tf.constant(turns)),
            [
                np.rot90(images[row], turn)
                for row, turn in zip(rows, turns, strict=True)
            ],
        )

    def test_each_rotation_is_a_class_of_its_own(self):
        images, pool = image_pool(classes=1)
        self.assertEqual(pool.num_classes, 4)
        episode = class_pool.draw_episode(pool, 4, 2, 2, seed_of(0))
        found = {
            np.rot90(image, turn).tobytes(): turn
            for image in images.astype(np.float32)
            for turn in range(4)
        }
        turn_of = {}
        for x, y in (episode[:2], episode[2:]):
            for image, label in zip(x.numpy(), y.numpy(), strict=True):
                turn = found[image.tobytes()]
                self.assertEqual(turn_of.setdefault(label, turn), turn)
        self.assertCountEqual(turn_of.values(), range(4))

    def test_rotated_classes_are_uniform(self):
        images, pool = image_pool(classes=3, drawings=2)
        found = {
            np.rot90(image, turn).tobytes(): row // 2 + 3 * turn
            for row, image in enumerate(images.astype(np.float32))
            for turn in range(4)
        }
        episode = draw_many(pool, way=1, shot=1, query=1, number=2400)
        counts = np.bincount(
            [found[image.tobytes()] for image in episode.support_x[:, 0]],
            minlength=12,
        )
        self.assertLess(chi_square(counts), critical_value(11))

    def test_other_numbers_of_rotations_are_refused(self):
        with self.assertRaisesRegex(InputError, "^rotations: 2 .*1 or 4"):
            image_pool(rotations=2)

    def test_what_is_not_a_square_image_is_refused(self):
        with self.assertRaisesRegex(InputError, "^rotations: 4 .*square"):
            coded_pool(rotations=4)


class ClassPoolTest(tf.test.TestCase):
    def test_prepare_makes_the_inputs(self):
        images, pool = image_pool(
            rotations=1, prepare=lambda raw: tf.cast(raw, tf.float32) / 255.0
        )
        self.assertAllClose(
            pool.read(tf.constant([2, 0]), tf.constant([0, 0])),
            images[[2, 0]] / 255.0,
        )

    def test_pools_share_the_examples(self):
        valid = class_pool.ClassPool(POOL.examples, [12], [12])
        self.assertIs(valid.examples, POOL.examples)
        episode = class_pool.draw_episode(valid, 1, 6, 6, seed_of(0))
        self.assertAllEqual(episode.support_x[:, 0], np.full(6, 2.0))

    def test_first_and_size_must_fit(self):
        with self.assertRaisesRegex(
            InputError, r"^first: .*\(2,\).*\(1,\) for size"
        ):
            class_pool.ClassPool(np.zeros([4, 1]), [0, 2], [2])


class CheckEpisodeTest(tf.test.TestCase, parameterized.TestCase):
    def test_accepts_all_that_the_pool_has(self):
        class_pool.check_episode(POOL, len(SIZES), 2, 3)

    def test_counts_rotations(self):
        _, pool = image_pool(classes=3)
        class_pool.check_episode(pool, 12, 1, 1)

    @parameterized.named_parameters(
        (
            "way",
            (9, 1, 1),
            "way: 9 was given; the pool has only 8 classes, so way can be at"
            " most 8.",
        ),
        (
            "examples",
            (2, 4, 2),
            "shot: 4 was given, and 2 for query; class 1 has 5 examples, so"
            " shot + query can be at most 5.",
        ),
        ("no_way", (0, 1, 1), "way: 0 was given; it must be 1 or more."),
        ("no_shot", (2, 0, 1), "shot: 0 was given; it must be 1 or more."),
        ("no_query", (2, 1, -1), "query: -1 was given; it must be 1 or more."),
    )
    def test_refuses(self, way_shot_query, message):
        with self.assertRaises(InputError) as raised:
            class_pool.check_episode(POOL, *way_shot_query)
        self.assertEqual(str(raised.exception), message)

    def test_names_the_class(self):
        pool = coded_pool([4, 2], names=["Greek_0", "Greek_1"])
        with self.assertRaisesRegex(InputError, "class Greek_1 has 2"):
            class_pool.check_episode(pool, 1, 2, 1)


class SeedsTest(tf.test.TestCase, parameterized.TestCase):
    def test_unknown_split(self):
        with self.assertRaisesRegex(InputError, "'dev'.*train, valid, test"):
            class_pool.stream_seed(0, "dev")


class DrawExamplesTest(tf.test.TestCase):
    def test_every_class_and_example_is_as_likely(self):
        # Classes of 1, 2 and 5 examples that hold their own row's number.
        pool = class_pool.ClassPool(
            np.arange(8, dtype=np.float32)[:, None], [0, 1, 3], [1, 2, 5]
        )
        x, y = class_pool.draw_examples(
            pool, 60_000, tf.constant([1, 2], tf.int64)
        )
        self.assertEqual(y.dtype, tf.int32)
        class_of = np.array([0, 1, 1, 2, 2, 2, 2, 2])
        rows = x.numpy()[:, 0].astype(int)
        self.assertAllEqual(class_of[rows], y)
        expected = 60_000 / 3 / np.array([1, 2, 2, 5, 5, 5, 5, 5])
        self.assertAllClose(np.bincount(rows), expected, rtol=0.05)

    def test_rotations_are_classes(self):
        image = np.array([[1, 0], [0, 0]], np.uint8)[None, :, :, None]
        pool = class_pool.ClassPool(image, [0], [1], rotations=4)
        x, y = class_pool.draw_examples(pool, 40, tf.constant([1, 2], tf.int64))
        self.assertEqual(set(y.numpy()), {0, 1, 2, 3})
        for drawn, turns in zip(x.numpy(), y.numpy(), strict=True):
            self.assertAllEqual(drawn, np.rot90(image[0], turns))


class RestrictedTest(tf.test.TestCase):
    def test_it_is_the_pool_of_those_classes(self):
        pool = class_pool.ClassPool(
            np.arange(6, dtype=np.float32)[:, None],
            [0, 2, 4],
            [2, 2, 2],
            prepare=lambda raw: raw + 10.0,
            names=np.array(["a", "b", "c"]),
        )
        part = pool.restricted([2, 0])
        self.assertEqual(part.sizes, [2, 2])
        self.assertEqual(part.names.tolist(), ["c", "a"])
        self.assertIs(part.examples, pool.examples)
        seed = tf.constant([3, 4], tf.int64)
        drawn = class_pool.draw_episode(part, 2, 1, 1, seed)
        found = np.concatenate([drawn.support_x, drawn.query_x])
        self.assertAllEqual(np.sort(found[:, 0]), [10, 11, 14, 15])


if __name__ == "__main__":
    tf.test.main()
