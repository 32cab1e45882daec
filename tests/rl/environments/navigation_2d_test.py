import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import InputError
from maml_tf.rl.environments.navigation_2d import Navigation2D

# Two goals, two rollouts each.
GOALS = tf.constant([[0.3, 0.4], [0.0, 0.1]])
PLACES = tf.constant([[[0.0, 0.0], [0.25, 0.45]], [[0.1, 0.1], [0.0, 0.0]]])


class Navigation2DTest(tf.test.TestCase, parameterized.TestCase):
    def test_official_form(self):
        environment = Navigation2D()
        # In units of 0.1; the second and third are clipped.
        actions = tf.constant(
            [[[0.5, -0.2], [7.0, 1.0]], [[-1.0, -3.0], [0.04, 0.95]]]
        )
        places, rewards, done = environment.step(PLACES, actions, GOALS)
        expected = [[[0.05, -0.02], [0.35, 0.55]], [[0.0, 0.0], [0.004, 0.095]]]
        self.assertAllClose(places, expected)
        self.assertAllClose(
            rewards,
            [
                [-np.hypot(0.25, 0.42), -np.hypot(0.05, 0.15)],
                [-0.1, -np.hypot(0.004, 0.005)],
            ],
        )
        self.assertAllEqual(done, [[False, False], [False, True]])
        # Along both axes, not the distance.
        _, _, done = environment.step(
            GOALS[:, tf.newaxis] + [[0.009, 0.009], [0.0, 0.011]],
            tf.zeros([2, 2, 2]),
            GOALS,
        )
        self.assertAllEqual(done, [[True, False]] * 2)

    def test_paper_form(self):
        environment = Navigation2D("paper")
        actions = tf.constant(
            [[[0.05, -0.02], [0.7, 0.1]], [[-0.1, -0.3], [0.004, 0.095]]]
        )
        places, rewards, done = environment.step(PLACES, actions, GOALS)
        expected = [[[0.05, -0.02], [0.35, 0.55]], [[0.0, 0.0], [0.004, 0.095]]]
        self.assertAllClose(places, expected)
        self.assertAllClose(
            rewards,
            [
                [-(0.25**2 + 0.42**2), -(0.05**2 + 0.15**2)],
                [-0.01, -(0.004**2 + 0.005**2)],
            ],
        )
        self.assertAllEqual(done, [[False, False], [False, True]])
        # The distance, not along both axes.
        _, _, done = environment.step(
            GOALS[:, tf.newaxis] + [[0.009, 0.009], [0.009, 0.0]],
            tf.zeros([2, 2, 2]),
            GOALS,
        )
        self.assertAllEqual(done, [[False, True]] * 2)

    def test_starts_at_the_origin_and_sees_itself(self):
        environment = Navigation2D()
        state = environment.reset(GOALS, 3, tf.constant([0, 0], tf.int64))
        self.assertAllEqual(environment.observe(state), np.zeros([2, 3, 2]))
        self.assertEqual(environment.horizon, 100)

    def test_goals_fill_the_square(self):
        environment = Navigation2D()
        goals = tf.function(lambda: environment.tasks("train", 0, 500, 0))()
        goals = goals.numpy()
        self.assertAllInRange(goals, -0.5, 0.5)
        self.assertAllClose(goals.min(0), [-0.5, -0.5], atol=0.02)
        self.assertAllClose(goals.max(0), [0.5, 0.5], atol=0.02)
        # 1 / √12, of a uniform distribution.
        self.assertAllClose(goals.std(0), [0.289, 0.289], atol=0.02)
        self.assertLess(abs(np.corrcoef(goals.T)[0, 1]), 0.15)

    def test_an_unknown_form_is_refused(self):
        with self.assertRaisesRegex(
            InputError, "^form: 'rllab' was given; available: official, paper.$"
        ):
            Navigation2D("rllab")


if __name__ == "__main__":
    tf.test.main()
