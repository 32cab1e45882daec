"""A point that is to find a goal in the plane (Finn et al. 2017, 5.3)."""

import tensorflow as tf

from maml_tf.errors import InputError
from maml_tf.graph.random_streams import fold_in, random_uniform
from maml_tf.rl.environments.environment import InGraphEnvironment

FORMS = ("official", "paper")
_REACH = 0.5  # Goals are uniform in the square [−0.5, 0.5]².
_SPEED = 0.1  # The longest move along each axis in a step.
_NEAR = 0.01  # A rollout ends that near to the goal.


class Navigation2D(InGraphEnvironment):
    """The task is the goal; the point starts at the origin and sees itself.

    In the paper's form an action is the move itself, clipped to ±0.1 along each
    axis, the reward −distance² after it, and the rollout ends within 0.01 of
    the goal. In that of the official code, by which the paper's figures were
    made, actions are in units of 0.1, clipped to ±1, the reward is −distance,
    and the rollout ends within 0.01 along both axes.

    Args:
        form: `"official"` or `"paper"`.
        horizon: Most steps of a rollout.
        observes_task: Whether the goal is appended to every observation.

    Raises:
        InputError: An unknown form.
    """

    name = "navigation_2d"
    task_size = 2
    own_observation_size = 2
    action_size = 2

    def __init__(self, form="official", horizon=100, observes_task=False):
        super().__init__(horizon, observes_task)
        if form not in FORMS:
            raise InputError(
                f"form: {form!r} was given; choose {' or '.join(FORMS)}."
            )
        self.form = form

    def draw_tasks(self, numbers, seed):
        """Goals, `[tasks, 2]`."""
        return tf.map_fn(
            lambda number: random_uniform(
                [2], fold_in(seed, number), -_REACH, _REACH
            ),
            numbers,
            fn_output_signature=tf.TensorSpec([2]),
        )

    def reset(self, tasks, rollouts, seed):
        """The origin, `[tasks, rollouts, 2]`."""
        del seed
        return tf.zeros([tasks.shape[0], rollouts, 2])

    def observe(self, state):
        """The position itself."""
        return state

    def step(self, state, actions, tasks):
        """Moves the points; see `InGraphEnvironment.step`."""
        if self.form == "official":
            actions = _SPEED * actions
        position = state + tf.clip_by_value(actions, -_SPEED, _SPEED)
        offset = position - tasks[:, tf.newaxis]
        square = tf.reduce_sum(tf.square(offset), -1)
        if self.form == "official":
            rewards = -tf.sqrt(square)
            done = tf.reduce_all(tf.abs(offset) < _NEAR, -1)
        else:
            rewards = -square
            done = square < _NEAR**2
        return position, rewards, done
