"""Random Markov decision processes of few states (RL², Duan et al. 2016, 3.2).

They are those of Osband et al. (2013): each state and action has a mean reward
from N(1, 1) and probabilities of the next state from a flat Dirichlet
distribution. A reward is drawn from N(mean, 1). A rollout begins in state 0.
"""

import tensorflow as tf

from maml_tf.errors import check_at_least_one
from maml_tf.graph.random_streams import (
    fold_in,
    random_normal,
    random_uniform,
)
from maml_tf.rl import categorical
from maml_tf.rl.environments.environment import InGraphEnvironment


class TabularMDP(InGraphEnvironment):
    """A random Markov decision process; the state is observed, one-hot.

    The task is all mean rewards `[states, actions]`, then all probabilities
    `[states, actions, next states]`.

    Args:
        states: Number of states.
        actions: Number of actions in each state.
        horizon: Most steps of a rollout.
        observes_task: Whether the rewards and probabilities are appended to
            every observation, for the oracle.

    Raises:
        InputError: A number is below 1.
    """

    name = "tabular_mdp"
    distribution = categorical

    def __init__(
        self,
        states: int = 10,
        actions: int = 5,
        horizon: int = 10,
        observes_task: bool = False,
    ) -> None:
        super().__init__(horizon, observes_task)
        check_at_least_one(states=states, actions=actions)
        self.own_observation_size = states
        self.action_size = actions
        self.task_size = states * actions * (1 + states)

    @property
    def size(self) -> str:
        """Says how large it is, such as "10 states, 5 actions"."""
        return f"{self.own_observation_size} states, {self.action_size} actions"

    def draw_tasks(self, numbers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws rewards and probabilities, `[tasks, task_size]`."""
        states, actions = self.own_observation_size, self.action_size

        def draw(number):
            own = fold_in(seed, number)
            means = 1.0 + random_normal([states * actions], fold_in(own, 0))
            # Exponential numbers, by their sum, are flat Dirichlet ones.
            uniform = random_uniform(
                [states * actions, states], fold_in(own, 1), 1e-7
            )
            weights = -tf.math.log(uniform) + 1e-7
            probabilities = weights / tf.reduce_sum(weights, -1, keepdims=True)
            return tf.concat([means, tf.reshape(probabilities, [-1])], 0)

        return tf.map_fn(
            draw, numbers, fn_output_signature=tf.TensorSpec([self.task_size])
        )

    def parts(self, tasks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Separates the parts of tasks.

        Args:
            tasks: Parameters of the tasks, `[tasks, task_size]`.

        Returns:
            `(means, probabilities)`, `[tasks, states, actions]` and `[tasks,
            states, actions, next states]`.
        """
        states, actions = self.own_observation_size, self.action_size
        means, probabilities = tf.split(
            tasks, [states * actions, states**2 * actions], -1
        )
        return (
            tf.reshape(means, [-1, states, actions]),
            tf.reshape(probabilities, [-1, states, actions, states]),
        )

    def references(self, tasks: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns expected returns, by dynamic programming.

        See `Environment.references`.
        """
        means, probabilities = self.parts(tasks)
        return {
            name: self._values(means, probabilities, over_actions)
            for name, over_actions in (
                ("random actions", tf.reduce_mean),
                ("best policy", tf.reduce_max),
            )
        }

    def _values(self, means, probabilities, over_actions):
        """Returns the first state's value, `[tasks]`."""
        values = tf.zeros_like(means[..., 0])
        for _ in range(self.horizon):
            following = tf.einsum("tsan,tn->tsa", probabilities, values)
            values = over_actions(means + following, -1)
        return values[:, 0]

    def reset(
        self, tasks: tf.Tensor, rollouts: int, seed: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        """Returns time, state, chances of next states, and deviations.

        The first two are int32 `[tasks, rollouts]`. The others are drawn for
        all steps, `[tasks, rollouts, horizon]`; deviations are of rewards.
        """
        shape = tasks.shape[0], rollouts
        chances = random_uniform([*shape, self.horizon], fold_in(seed, 0))
        deviations = random_normal([*shape, self.horizon], fold_in(seed, 1))
        zeros = tf.zeros(shape, tf.int32)
        return zeros, zeros, chances, deviations

    def observe(self, state: tuple[tf.Tensor, ...]) -> tf.Tensor:
        """Returns the state, one-hot, `[tasks, rollouts, states]`."""
        return tf.one_hot(state[1], self.own_observation_size)

    def step(
        self, state: tuple[tf.Tensor, ...], actions: tf.Tensor, tasks: tf.Tensor
    ) -> tuple[tuple[tf.Tensor, ...], tf.Tensor, tf.Tensor]:
        """Rewards and moves; see `InGraphEnvironment.step`."""
        time, place, chances, deviations = state
        means, probabilities = self.parts(tasks)
        chosen = tf.stack([place, tf.cast(actions, tf.int32)], -1)
        deviation = tf.gather(deviations, time, axis=2, batch_dims=2)
        rewards = tf.gather_nd(means, chosen, batch_dims=1) + deviation
        below = tf.cumsum(tf.gather_nd(probabilities, chosen, batch_dims=1), -1)
        chance = tf.gather(chances, time, axis=2, batch_dims=2)
        passed = tf.cast(below <= chance[..., tf.newaxis], tf.int32)
        # Rounding may leave the last sum below 1.
        place = tf.minimum(
            tf.reduce_sum(passed, -1), self.own_observation_size - 1
        )
        done = tf.zeros_like(rewards, tf.bool)
        return (time + 1, place, chances, deviations), rewards, done
