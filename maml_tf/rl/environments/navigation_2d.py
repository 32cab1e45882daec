"""A point that learns to find a goal in the plane (Finn et al. 2017, 5.3)."""

from typing import Literal, get_args

import tensorflow as tf

from maml_tf.errors import refusal
from maml_tf.graph.random_streams import fold_in, random_uniform
from maml_tf.rl.environments.environment import InGraphEnvironment

Form = Literal["official", "paper"]
FORMS = get_args(Form)
_REACH = 0.5  # Goals are uniform in the square [−0.5, 0.5]².
_SPEED = 0.1  # The longest move along each axis in a step.
_NEAR = 0.01  # A rollout ends this near to the goal.


class Navigation2D(InGraphEnvironment):
    """Navigation to the task's goal by a point that starts at the origin.

    An observation is the point's position.

    In the paper's form an action is the move itself, clipped to ±0.1 along each
    axis, the reward is −distance² after it, and the rollout ends within 0.01 of
    the goal. In the official code's form, which made the paper's figures,
    actions are in units of 0.1, clipped to ±1, the reward is −distance, and the
    rollout ends within 0.01 along both axes.

    Args:
        form: Which reward. `official`: −distance, and actions in units of 0.1,
            as in the code of Finn et al.; `paper`: −distance².
        horizon: Most steps of a rollout.
        observes_task: Whether the goal is appended to every observation, for
            the oracle.

    Raises:
        InputError: The form is unknown, or the horizon is below 1.
    """

    name = "navigation_2d"
    task_size = 2
    own_observation_size = 2
    action_size = 2

    def __init__(
        self,
        form: Form = "official",
        horizon: int = 100,
        observes_task: bool = False,
    ) -> None:
        super().__init__(horizon, observes_task)
        if form not in FORMS:
            raise refusal("form", form, f"available: {', '.join(FORMS)}")
        self.form = form

    def draw_tasks(self, numbers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws goals, `[tasks, 2]`."""
        return tf.map_fn(
            lambda number: random_uniform(
                [2], fold_in(seed, number), -_REACH, _REACH
            ),
            numbers,
            fn_output_signature=tf.TensorSpec([2]),
        )

    def reset(
        self, tasks: tf.Tensor, rollouts: int, seed: tf.Tensor
    ) -> tf.Tensor:
        """Returns the origin, `[tasks, rollouts, 2]`."""
        del seed
        return tf.zeros([tasks.shape[0], rollouts, 2])

    def observe(self, state: tf.Tensor) -> tf.Tensor:
        """Returns the position."""
        return state

    def step(
        self, state: tf.Tensor, actions: tf.Tensor, tasks: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
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
