"""Tests of maml_tf/graph/loop_body.py."""

import keras
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.algorithms import MAML, outer_step
from maml_tf.episodes.class_pool import Episode
from maml_tf.functional.losses import mean_squared_error
from maml_tf.graph.loop_body import loop_body

layers = keras.layers


def large(**options):
    """MAML whose steps TensorFlow takes to need more than 200 MB."""
    inputs = keras.Input((4,))
    wide = layers.Dense(1000, activation="relu")(inputs)
    # Whose gradient is a sum of four.
    names = ("tanh", "sigmoid", "softplus", "relu")
    parts = [layers.Activation(name)(wide) for name in names]
    outputs = layers.Dense(1)(layers.Add()(parts))
    return MAML(
        keras.Model(inputs, outputs),
        mean_squared_error,
        inner_steps=2,
        inner_learning_rate=1e-3,
        **options,
    )


def episodes(number):
    x = tf.random.stateless_normal([5000, 4], tf.stack([number, 0]))
    y = tf.reduce_sum(x, 1, keepdims=True)
    return Episode(x, y, x, y)


def step_twice(**options):
    step = outer_step.OuterStep(
        large(**options), episodes, keras.optimizers.SGD(0.0), tasks=2
    )
    return [step(0).loss, step(0).loss]


class LoopBodyTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(False, True)
    def test_large_models_twice(self, rematerialize):
        # Made part of the loop, the second call fails in TensorFlow 2.21.
        first, second = step_twice(rematerialize=rematerialize)
        self.assertAllEqual(first, second)

    def test_a_loops_body_is_called(self):
        @tf.function(autograph=False)
        def total(x):
            add = loop_body(lambda x, i: x + tf.cast(i, tf.float32))
            return tf.while_loop(
                lambda i, _: i < 4, lambda i, x: (i + 1, add(x, i)), (0, x)
            )[1]

        self.assertAllEqual(total(tf.constant(1.0)), 7.0)


if __name__ == "__main__":
    tf.test.main()
