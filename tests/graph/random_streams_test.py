"""Tests of maml_tf/graph/random_streams.py."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.graph import random_streams
from tests.helpers.chi_square import chi_square, critical_value


def seed_of(number, seed=0):
    return random_streams.fold_in(tf.constant([seed, 0], tf.int64), number)


class RandomStreamsTest(tf.test.TestCase, parameterized.TestCase):
    def test_random_uniform_is_uniform(self):
        drawn = random_streams.random_uniform([50_000], seed_of(0), -2.0, 3.0)
        self.assertAllInRange(drawn, -2.0, 3.0)
        counts, _ = np.histogram(drawn, bins=100, range=(-2.0, 3.0))
        self.assertLess(chi_square(counts), critical_value(99))

    def test_first_numbers_of_neighbouring_seeds_are_uniform(self):
        @tf.function
        def draw():
            return tf.map_fn(
                lambda number: random_streams.random_uniform(
                    [], seed_of(number)
                ),
                tf.range(5000, dtype=tf.int64),
                fn_output_signature=tf.float32,
            )

        counts, _ = np.histogram(draw(), bins=50, range=(0.0, 1.0))
        self.assertLess(chi_square(counts), critical_value(49))

    def test_bits_are_those_of_tensorflow(self):
        seed = seed_of(3)
        self.assertAllEqual(
            random_streams.random_bits([9], seed),
            tf.random.stateless_uniform(
                [9], seed, None, None, tf.int32, alg="philox"
            ),
        )

    def test_folding_in_makes_other_seeds(self):
        seeds = [
            tuple(random_streams.fold_in(seed_of(number, seed), part).numpy())
            for number in range(10)
            for seed in range(3)
            for part in range(3)
        ]
        self.assertLen(set(seeds), 90)

    @parameterized.named_parameters(("graph", False), ("xla", True))
    def test_compiled_bits_are_the_eager_ones(self, jit_compile):
        bits = tf.function(
            lambda number: random_streams.random_bits([7], seed_of(number)),
            jit_compile=jit_compile,
        )
        self.assertAllEqual(
            bits(tf.constant(5, tf.int64)),
            random_streams.random_bits([7], seed_of(5)),
        )

    def test_random_order_is_a_permutation_of_uniform_places(self):
        @tf.function
        def draw():
            return tf.map_fn(
                lambda number: random_streams.random_order(5, seed_of(number)),
                tf.range(2000, dtype=tf.int64),
                fn_output_signature=tf.TensorSpec([5], tf.int32),
            )

        drawn = draw().numpy()
        self.assertAllEqual(np.sort(drawn, 1), np.tile(np.arange(5), [2000, 1]))
        for place in range(5):
            counts = np.bincount(drawn[:, place], minlength=5)
            self.assertLess(chi_square(counts), critical_value(4))

    def test_a_stream_is_its_number_folded_into_the_seed(self):
        numbers = {
            name: int(stream)
            for name, stream in random_streams.Stream.__members__.items()
        }
        # Every published result depends on them.
        self.assertEqual(
            numbers,
            {
                "EPISODES": 0,
                "TRAINING_TASKS": 7919,
                "TEST_TASKS": 104729,
                "TRAINING_ROLLOUTS": 15485863,
                "TEST_ROLLOUTS": 32452843,
                "AUGMENTATION": 15485863,
                "JOINT_EXAMPLES": 32452843,
            },
        )
        for name, number in numbers.items():
            self.assertAllEqual(
                random_streams.stream(3, random_streams.Stream[name], 5),
                random_streams.fold_in(tf.constant([3, number], tf.int64), 5),
            )


if __name__ == "__main__":
    tf.test.main()
