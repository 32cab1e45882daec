"""Tests of maml_tf/episodes/generated.py, alone and through a learner."""

import gc
import itertools
import weakref

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import Episode, InputError, Learner, OuterStep, networks
from maml_tf.episodes.generated import GeneratedEpisodes


def numbered(support_examples=6):
    """Episodes that hold their number, from 0."""
    for number in itertools.count():
        x = np.full((support_examples, 3), number, np.float64)
        yield x, [0, 1, 2] * 2, np.full((3, 3), number), [0, 1, 2]


def linear(outputs=3):
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(outputs)])


def learner(model=None, **options):
    return Learner(model or linear(), inner_learning_rate=0.01, **options)


def trained(episodes, iterations=2, model=None, **options):
    learner(model).meta_train(episodes, iterations, progress=False, **options)


class GeneratedEpisodesTest(tf.test.TestCase, parameterized.TestCase):
    def test_in_their_order_as_32_bits_whatever_the_number(self):
        episodes = GeneratedEpisodes(numbered())
        draw = tf.function(episodes)
        for number in range(5):
            episode = draw(tf.constant(99, tf.int64))
            self.assertAllEqual(episode.support_x, np.full((6, 3), number))
            self.assertAllEqual(episode.query_x, np.full((3, 3), number))
        self.assertEqual(
            [part.dtype for part in episode],
            [tf.float32, tf.int32, tf.int32, tf.int32],
        )
        shapes = [
            part.shape
            for part in draw.get_concrete_function(
                tf.TensorSpec([], tf.int64)
            ).structured_outputs
        ]
        self.assertEqual(shapes, [[6, 3], [6], [3, 3], [3]])

    def test_a_source_is_forgotten_when_nobody_uses_it(self):
        episodes = GeneratedEpisodes(numbered())
        weak = weakref.ref(episodes)
        draw = tf.function(episodes)
        draw(tf.constant(0, tf.int64))
        del episodes, draw
        gc.collect()
        self.assertIsNone(weak())

    @parameterized.product(vectorize=(True, False), parallel_tasks=(1, 2))
    def test_none_is_lost_and_none_comes_twice(self, vectorize, parallel_tasks):
        drawn = []

        def counted():
            for number, episode in enumerate(numbered()):
                drawn.append(number)
                yield episode

        step = OuterStep(
            learner().algorithm,
            GeneratedEpisodes(counted()),
            keras.optimizers.SGD(0.0),
            tasks=4,
            vectorize=vectorize,
            parallel_tasks=parallel_tasks,
            iterations_per_call=3,
        )
        step(0, 3)
        step(3, 2)
        self.assertEqual(drawn, list(range(20)))

    @parameterized.named_parameters(
        ("none", [], "ended after 0 episodes"),
        ("numbers", [1, 2], "cannot be read as arrays"),
        ("words", ["four"], "4 arrays|support_x"),
        ("three_parts", [next(numbered())[:3]], "3 arrays were given"),
        ("a_dict", [({"a": 1}, 2, 3, 4)], "dict is not an array of numbers"),
        ("ragged", [([[1, 2], [3]], 2, 3, 4)], "cannot be read as arrays"),
    )
    def test_refuses_at_once(self, episodes, pattern):
        with self.assertRaisesRegex(InputError, f"^episodes: .*({pattern})"):
            learner().meta_train(episodes, 1)

    def test_refuses_what_is_no_generator(self):
        for episodes in (None, 5):
            with self.assertRaisesRegex(InputError, "^episodes: .* generator"):
                learner().meta_train(episodes, 1)


class MetaTrainTest(tf.test.TestCase, parameterized.TestCase):
    def test_it_ends_too_early(self):
        episodes = itertools.islice(numbered(), 7)
        with self.assertRaisesRegex(InputError, "ended after 7 episodes; give"):
            trained(episodes, tasks=4)
        # As many as are needed will do.
        trained(itertools.islice(numbered(), 8), tasks=4)
        trained(list(itertools.islice(numbered(), 8)), tasks=4)

    @parameterized.parameters("mlp", "conv")
    def test_changing_shapes(self, kind):
        model = linear()
        if kind == "conv":  # Which runs its tasks in a loop.
            inputs = keras.Input((3,))
            x = keras.layers.Reshape((3, 1, 1))(inputs)
            x = keras.layers.Flatten()(keras.layers.Conv2D(2, 1)(x))
            model = keras.Model(inputs, keras.layers.Dense(3)(x))
        episodes = itertools.chain(itertools.islice(numbered(), 6), numbered(9))
        episodes = (
            (x, [0, 1, 2] * (len(x) // 3), *query) for x, _, *query in episodes
        )
        with self.assertRaisesRegex(
            InputError,
            r"^episodes: support_x has the shape \(9, 3\) in episode 7, and had"
            r" \(6, 3\) in the first",
        ):
            trained(episodes, model=model)

    @parameterized.named_parameters(
        ("too_large", [1, 2, 3]),
        ("negative", [-1, 0, 1]),
        ("floats", [0.0, 1.0, 2.0]),
        ("names", ["a", "b", "c"]),
        ("two_hot", 1 - np.eye(3)),
        ("with_an_axis", [[0], [1], [2]]),
    )
    def test_labels(self, labels):
        # In a later episode than the first, too.
        for good in (0, 5):
            episodes = (
                (*support, x, labels if number >= good else y)
                for number, (*support, x, y) in enumerate(numbered())
            )
            with self.assertRaisesRegex(
                InputError, "^episodes: query_y .*(from 0 to 2|shape)"
            ):
                trained(episodes)

    def test_inputs_and_targets_that_do_not_fit(self):
        x, y, *query = next(numbered())
        for episode, pattern in (
            ((x[:, :2], y, *query), r"support_x: .*\(6, 2\).*\[any, 3\]"),
            ((x, y[:3], *query), r"support_y has the shape \(3,\) for 6"),
            ((x.astype(str), y, *query), "support_x: it must hold numbers"),
        ):
            with self.assertRaisesRegex(InputError, f"^episodes: {pattern}"):
                trained(itertools.repeat(episode))

    def test_what_the_generator_raises_is_raised(self):
        def broken():
            yield from itertools.islice(numbered(), 3)
            raise KeyError("mine")

        with self.assertRaisesRegex(KeyError, "mine"):
            trained(broken())

    def test_a_generator_function_a_tensorflow_function_and_a_name(self):
        trained(numbered)
        episode = Episode(*map(tf.constant, next(numbered())))
        episode = episode._replace(support_x=tf.ones([6, 3]))
        episode = episode._replace(query_x=tf.ones([3, 3]))
        trained(lambda number: episode, optimizer="sgd")

    def test_meta_test_takes_one_too(self):
        curve = learner().meta_test(numbered(), num_tasks=3, steps=2)
        self.assertEqual(curve.metrics.shape, (3, 3))
        with self.assertRaisesRegex(InputError, "ended after 2 episodes"):
            learner().meta_test(itertools.islice(numbered(), 2), num_tasks=3)


class LearningTest(tf.test.TestCase):
    def test_sinusoids(self):
        generator = np.random.default_rng(0)

        def sinusoids():
            while True:
                amplitude, phase = generator.uniform([0.1, 0], [5, np.pi])
                x = generator.uniform(-5, 5, [20, 1])
                y = amplitude * np.sin(x - phase)
                yield x[:10], y[:10], x[10:], y[10:]

        model = networks.create("mlp", (1,), 1, seed=0, widths=(40, 40))
        sinusoid_learner = Learner(
            model, task="regression", inner_learning_rate=0.01
        )
        before = sinusoid_learner.meta_test(
            sinusoids(), num_tasks=100, steps=5
        ).metric
        sinusoid_learner.meta_train(
            sinusoids(),
            600,
            optimizer=keras.optimizers.Adam(3e-3),
            progress=False,
        )
        after = sinusoid_learner.meta_test(
            sinusoids(), num_tasks=100, steps=5
        ).metric
        # Five steps from random weights hardly help.
        self.assertGreater(before[-1], 3.0)
        self.assertLess(after[-1], 1.8)

    def test_a_user_s_classifier_in_ten_lines(self):
        generator = np.random.default_rng(0)

        def clusters():
            while True:
                centres = generator.normal(size=(3, 4))
                y = np.tile(np.arange(3), 6)
                x = centres[y] + generator.normal(size=(18, 4)) * 0.2
                yield x[:3], y[:3], x[3:], y[3:]

        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(32, activation="relu"),
                keras.layers.Dense(3),
            ]
        )
        cluster_learner = Learner(model, inner_learning_rate=0.1, inner_steps=2)
        before = cluster_learner.meta_test(clusters(), num_tasks=200).metric
        cluster_learner.meta_train(
            clusters(),
            300,
            optimizer=keras.optimizers.Adam(5e-3),
            progress=False,
        )
        after = cluster_learner.meta_test(clusters(), num_tasks=200).metric
        # Chance before the first step.
        self.assertNear(after[0], 1 / 3, 0.06)
        self.assertLess(before[-1], 0.75)
        self.assertGreater(after[-1], 0.87)

        support_x, y, x, true = next(clusters())
        names = np.array(["red", "green", "blue"])
        adapted = cluster_learner.adapt(support_x, names[y])
        self.assertGreater(adapted.evaluate(x, names[true])["accuracy"], 0.6)
        self.assertLessEqual(set(adapted.predict(x)), set(names))


if __name__ == "__main__":
    tf.test.main()
