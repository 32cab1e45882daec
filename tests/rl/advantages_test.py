import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.rl import advantages


def loop(rewards, values, discount, gae_lambda):
    """Generalised advantages of one rollout, by the recursion."""
    result, following, value_after = np.zeros(len(rewards)), 0.0, 0.0
    for t in reversed(range(len(rewards))):
        residual = rewards[t] + discount * value_after - values[t]
        following = residual + discount * gae_lambda * following
        result[t], value_after = following, values[t]
    return result


class AdvantagesTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters((0.99, 1.0), (0.9, 0.5), (1.0, 1.0), (0.5, 0.0))
    def test_as_a_plain_loop_has_it(self, discount, gae_lambda):
        rng = np.random.default_rng(0)
        rewards = rng.normal(size=(2, 3, 17))
        values = rng.normal(size=(2, 3, 17))
        lengths = rng.integers(1, 18, size=(2, 3))
        lengths[0, 0], lengths[1, 1] = 1, 17
        mask = (np.arange(17) < lengths[..., None]).astype(float)
        found = advantages.generalized_advantages(
            *map(tf.constant, (rewards, values, mask)), discount, gae_lambda
        )
        expected = np.zeros_like(rewards)
        for i in np.ndindex(2, 3):
            n = lengths[i]
            expected[i][:n] = loop(
                rewards[i][:n], values[i][:n], discount, gae_lambda
            )
        self.assertAllClose(found, expected, rtol=1e-10, atol=1e-12)

    @parameterized.parameters(1.0, 0.99, 0.0)
    def test_discounted_sums(self, discount):
        rewards = np.random.default_rng(1).normal(size=(4, 9))
        expected, after = np.zeros_like(rewards), 0.0
        for t in reversed(range(9)):
            after = rewards[:, t] + discount * after
            expected[:, t] = after
        found = advantages.discounted_sums(tf.constant(rewards), discount)
        self.assertAllClose(found, expected, rtol=1e-12)

    def test_normalized_by_task_over_what_the_mask_leaves(self):
        rng = np.random.default_rng(2)
        values = rng.normal(3, 5, size=(2, 4, 6)).astype(np.float32)
        mask = (rng.random((2, 4, 6)) < 0.7).astype(np.float32)
        found = advantages.normalized(*map(tf.constant, (values, mask))).numpy()
        for task in range(2):
            used = values[task][mask[task] == 1]
            self.assertAllClose(
                found[task][mask[task] == 1],
                (used - used.mean()) / used.std(),
                rtol=1e-4,
                atol=1e-5,
            )
        self.assertAllEqual(found[mask == 0], np.zeros((mask == 0).sum()))

    def test_of_equal_advantages_nothing_is_learned(self):
        ones = tf.ones([1, 2, 3])
        self.assertAllEqual(advantages.normalized(ones, ones), ones * 0)


if __name__ == "__main__":
    tf.test.main()
