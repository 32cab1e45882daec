import numpy as np
import tensorflow as tf

from maml_tf.rl import gaussian

# Of two actions: means 0.3 and −1, deviations 0.5 and 2.
OUTPUTS = tf.constant([0.3, -1.0, np.log(0.5), np.log(2.0)], tf.float64)
OTHERS = tf.constant([0.1, -1.5, np.log(0.7), np.log(1.5)], tf.float64)


class GaussianTest(tf.test.TestCase):
    def test_density_has_total_one_and_the_formula(self):
        actions = np.array([0.7, 0.4])
        density = 1.0
        for a, mean, deviation in zip(actions, (0.3, -1), (0.5, 2)):
            density *= np.exp(-((a - mean) ** 2) / 2 / deviation**2) / (
                deviation * np.sqrt(2 * np.pi)
            )
        found = gaussian.log_probability(OUTPUTS, tf.constant(actions))
        self.assertAllClose(found, np.log(density), rtol=1e-12)

    def test_draw_has_mean_and_deviation(self):
        drawn = gaussian.draw(OUTPUTS, tf.constant([1.0, -2.0], tf.float64))
        self.assertAllClose(drawn, [0.8, -5.0])

    def test_kl_is_the_expected_difference_of_log_probabilities(self):
        # Exact: Gauss-Hermite quadrature of a polynomial of degree 2.
        nodes, weights = np.polynomial.hermite_e.hermegauss(5)
        noise = np.stack(np.meshgrid(nodes, nodes), -1).reshape(-1, 2)
        weight = np.outer(weights, weights).reshape(-1) / (2 * np.pi)
        actions = gaussian.draw(OUTPUTS, tf.constant(noise))
        difference = gaussian.log_probability(
            OUTPUTS, actions
        ) - gaussian.log_probability(OTHERS, actions)
        self.assertAllClose(
            gaussian.kl_divergence(OUTPUTS, OTHERS),
            tf.reduce_sum(weight * difference),
            rtol=1e-10,
        )
        self.assertEqual(gaussian.kl_divergence(OUTPUTS, OUTPUTS).numpy(), 0)

    def test_fisher_is_the_hessian_of_kl(self):
        others = tf.identity(OUTPUTS)
        with tf.GradientTape() as outer, tf.GradientTape() as inner:
            inner.watch(others)
            outer.watch(others)
            kl = gaussian.kl_divergence(OUTPUTS, others)
            slope = inner.gradient(kl, others)
        hessian = outer.jacobian(slope, others)
        found = [
            gaussian.fisher_product(OUTPUTS, row)
            for row in tf.eye(4, dtype=tf.float64)
        ]
        self.assertAllClose(found, hessian, rtol=1e-10, atol=1e-12)


if __name__ == "__main__":
    tf.test.main()
