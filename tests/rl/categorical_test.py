import keras
import numpy as np
import tensorflow as tf

import maml_tf
from maml_tf.rl import categorical, losses
from maml_tf.rl.outer_step import adapted_outputs
from maml_tf.rl.trajectories import PolicyTargets

# Two states, three actions.
OUTPUTS = np.array([[0.3, -1.0, 0.5], [2.0, 0.0, -0.7]])
OTHERS = np.array([[0.1, 0.4, -0.2], [1.0, 1.0, 0.3]])
# Of a bandit's three arms.
LOGITS = np.array([0.2, -0.4, 0.9])
PAYS = np.array([0.9, 0.3, 0.5])


def softmax(outputs):
    weights = np.exp(outputs)
    return weights / weights.sum(-1, keepdims=True)


def slope(logits):
    """The derivative of the expected reward by the logits."""
    p = softmax(logits)
    return p * (PAYS - p @ PAYS)


def every_action(logits):
    """Each arm is pulled once; its advantage also counts its probability."""
    weights = 3 * softmax(logits)
    return PolicyTargets(
        tf.constant([[0], [1], [2]], tf.int64),
        tf.constant((weights * PAYS)[:, np.newaxis], tf.float32),
        tf.ones([3, 1]),
        tf.constant(np.tile(logits, [3, 1]), tf.float32),
    )


class CategoricalTest(tf.test.TestCase):
    def test_log_probability(self):
        found = categorical.log_probability(
            tf.constant(OUTPUTS), tf.constant([2, 0], tf.int64)
        )
        p = softmax(OUTPUTS)
        self.assertAllClose(found, np.log([p[0, 2], p[1, 0]]), rtol=1e-12)

    def test_draws_each_action_as_often_as_it_is_probable(self):
        seed = tf.constant([0, 1], tf.int64)
        noise = categorical.noise([40_000], 3, seed)
        self.assertAllEqual(tf.math.is_finite(noise), np.ones([40_000, 3]))
        drawn = categorical.draw(tf.constant(OUTPUTS[0], tf.float32), noise)
        self.assertEqual(drawn.dtype, tf.int64)
        shares = np.bincount(drawn, minlength=3) / 40_000
        # Four standard deviations.
        self.assertAllClose(shares, softmax(OUTPUTS[0]), atol=0.01, rtol=0)
        self.assertAllEqual(categorical.most_probable(OUTPUTS), [2, 0])

    def test_kl_is_the_expected_difference_of_log_probabilities(self):
        p, q = softmax(OUTPUTS), softmax(OTHERS)
        found = categorical.kl_divergence(
            tf.constant(OUTPUTS), tf.constant(OTHERS)
        )
        self.assertAllClose(
            found, (p * (np.log(p) - np.log(q))).sum(-1), rtol=1e-12
        )

    def test_fisher_is_the_hessian_of_kl(self):
        outputs = tf.constant(OUTPUTS[0])
        others = tf.identity(outputs)
        with tf.GradientTape() as outer, tf.GradientTape() as inner:
            inner.watch(others)
            outer.watch(others)
            kl = categorical.kl_divergence(outputs, others)
            gradient = inner.gradient(kl, others)
        hessian = outer.jacobian(gradient, others)
        found = [
            categorical.fisher_product(outputs, row)
            for row in tf.eye(3, dtype=tf.float64)
        ]
        self.assertAllClose(found, hessian, rtol=1e-10, atol=1e-12)


class BanditGradientTest(tf.test.TestCase):
    def test_every_loss_has_the_policy_gradient(self):
        y = every_action(LOGITS)
        for loss in losses.INNER.values():
            logits = tf.constant(LOGITS, tf.float32)
            with tf.GradientTape() as tape:
                tape.watch(logits)
                value = loss(y, tf.tile(logits[tf.newaxis], [3, 1]))
            self.assertAllClose(
                tape.gradient(value, logits), -slope(LOGITS), rtol=1e-5
            )

    def test_the_meta_gradient_is_that_of_the_reward_after_adaptation(self):
        rate = 3.0
        model = keras.Sequential(
            [keras.Input([1]), keras.layers.Dense(3, use_bias=False)]
        )
        adapted = LOGITS + rate * slope(LOGITS)
        x = tf.ones([3, 1])
        theta = [tf.constant(LOGITS[np.newaxis], tf.float32)]
        task = ([(x, every_action(LOGITS))], x, every_action(adapted))
        step = 1e-5
        expected = []
        for direction in step * np.eye(3):
            high, low = (
                softmax(z + rate * slope(z)) @ PAYS
                for z in (LOGITS + direction, LOGITS - direction)
            )
            expected.append((high - low) / (2 * step))
        # With one step a rollout, both have the exact second derivative.
        for name in ("dice", "low_variance"):
            maml = maml_tf.algorithms.MAML(
                model, losses.INNER[name], inner_learning_rate=rate
            )
            with tf.GradientTape() as tape:
                tape.watch(theta)
                outputs = adapted_outputs(maml.inner_loop)(theta, task)
                loss = losses.low_variance(task[-1], outputs)
            self.assertAllClose(
                outputs, np.tile(adapted, [3, 1]), rtol=1e-5, atol=1e-6
            )
            found = -tape.gradient(loss, theta)[0][0]
            self.assertAllClose(found, expected, rtol=1e-4, atol=1e-6)
        # It is not the first-order one.
        self.assertNotAllClose(slope(adapted), expected, rtol=0.05)


if __name__ == "__main__":
    tf.test.main()
