import numpy as np
import tensorflow as tf

from maml_tf.rl import linear_baseline


class LinearBaselineTest(tf.test.TestCase):
    def test_fits_each_task_alone_by_regularised_least_squares(self):
        rng = np.random.default_rng(0)
        observations = rng.normal(0, 4, size=(2, 5, 8, 3)).astype(np.float32)
        returns = rng.normal(size=(2, 5, 8)).astype(np.float32)
        mask = (np.arange(8) < rng.integers(3, 9, size=(2, 5, 1))).astype(
            np.float32
        )
        found = linear_baseline.fitted_values(
            *map(tf.constant, (observations, returns, mask))
        )
        for task in range(2):
            clipped = np.clip(observations[task].astype(float), -10, 10)
            time = np.broadcast_to(np.arange(8)[:, None] / 100, (5, 8, 1))
            rows = np.concatenate(
                [clipped, clipped**2, time, time**2, time**3, time * 0 + 1], -1
            )
            used = mask[task] == 1
            phi, target = rows[used], returns[task][used]
            weights = np.linalg.solve(
                phi.T @ phi + 1e-5 * np.eye(10), phi.T @ target
            )
            self.assertAllClose(
                found[task][used], (rows @ weights)[used], rtol=1e-4, atol=1e-5
            )

    def test_a_value_that_is_linear_in_the_features_is_found(self):
        observations = tf.random.stateless_normal([1, 20, 30, 2], [0, 1])
        time = tf.range(30.0) / 100
        returns = 3 - 2 * observations[..., 0] + observations[..., 1] ** 2
        found = linear_baseline.fitted_values(
            observations, returns + 5 * time**2, tf.ones([1, 20, 30])
        )
        self.assertAllClose(found, returns + 5 * time**2, atol=1e-3)

    def test_observations_far_out_are_clipped(self):
        features = linear_baseline.features(tf.constant([[[50.0]], [[-1e9]]]))
        self.assertAllEqual(features[:, 0, :2], [[10, 100], [-10, 100]])


if __name__ == "__main__":
    tf.test.main()
