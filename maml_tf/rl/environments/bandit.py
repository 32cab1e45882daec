"""Bernoulli bandits, whose arms pay 1 or 0 (RL², Duan et al. 2016, 3.1)."""

import tensorflow as tf

from maml_tf.errors import check_at_least_one
from maml_tf.graph.random_streams import fold_in, random_uniform
from maml_tf.rl import categorical
from maml_tf.rl.environments.environment import InGraphEnvironment


class Bandit(InGraphEnvironment):
    """A bandit, whose best arm is to be found.

    The task is the arms' probabilities to pay 1, uniform from 0 to 1. A step is
    a pull. Nothing can be observed: the observation is always 1.

    Args:
        arms: Number of arms.
        horizon: Most steps of a rollout.
        observes_task: Whether the probabilities are appended to every
            observation, for the oracle.

    Raises:
        InputError: The number of arms or the horizon is below 1.
    """

    name = "bandit"
    own_observation_size = 1
    distribution = categorical

    def __init__(
        self, arms: int = 5, horizon: int = 100, observes_task: bool = False
    ) -> None:
        super().__init__(horizon, observes_task)
        check_at_least_one(arms=arms)
        self.task_size = self.action_size = arms

    @property
    def size(self) -> str:
        """Says how large it is, such as "5 arms"."""
        return f"{self.action_size} arms"

    def draw_tasks(self, numbers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws the arms' probabilities, `[tasks, arms]`."""
        return tf.map_fn(
            lambda number: random_uniform(
                [self.task_size], fold_in(seed, number)
            ),
            numbers,
            fn_output_signature=tf.TensorSpec([self.task_size]),
        )

    def references(self, tasks: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns expected returns; see `Environment.references`."""
        return {
            "random actions": self.horizon * tf.reduce_mean(tasks, -1),
            "best policy": self.horizon * tf.reduce_max(tasks, -1),
        }

    def reset(
        self, tasks: tf.Tensor, rollouts: int, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the number of pulls, and chances that decide each pull.

        Shapes are `[tasks, rollouts]` and `[tasks, rollouts, horizon]`.
        """
        shape = tasks.shape[0], rollouts
        chances = random_uniform([*shape, self.horizon], seed)
        return tf.zeros(shape, tf.int32), chances

    def observe(self, state: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Returns ones, `[tasks, rollouts, 1]`."""
        pulls, _ = state
        return tf.ones_like(pulls, tf.float32)[..., tf.newaxis]

    def step(
        self,
        state: tuple[tf.Tensor, tf.Tensor],
        actions: tf.Tensor,
        tasks: tf.Tensor,
    ) -> tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor, tf.Tensor]:
        """Pulls an arm; see `InGraphEnvironment.step`."""
        pulls, chances = state
        chance = tf.gather(chances, pulls, axis=2, batch_dims=2)
        pays = tf.gather(tasks, actions, axis=1, batch_dims=1)
        rewards = tf.cast(chance < pays, tf.float32)
        return (pulls + 1, chances), rewards, tf.zeros_like(rewards, tf.bool)
