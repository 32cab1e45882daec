"""Several clipped steps on the same rollouts, as in PPO and ProMP."""

from collections.abc import Callable

import keras
import tensorflow as tf

from maml_tf.errors import check_at_least_one, check_not_negative, refusal
from maml_tf.graph.over_tasks import mean_over_tasks
from maml_tf.graph.replicas import build_optimizer
from maml_tf.rl import losses


class PPO:
    """The outer update of ProMP (Rothfuss et al. 2019, algorithm 1).

    It does not have ProMP's penalty on the inner step's divergence.

    Args:
        optimizer: A Keras optimizer, such as Adam.
        epochs: Its steps on one set of rollouts.
        clip: The bound ε: a ratio of probabilities gains nothing beyond 1 ± ε.

    Raises:
        InputError: A value cannot be used.
    """

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer,
        epochs: int = 5,
        clip: float = 0.2,
    ) -> None:
        check_at_least_one(epochs=epochs)
        if clip <= 0:
            raise refusal("clip", clip, "it must be above 0")
        self.optimizer = optimizer
        self.epochs = epochs
        self._loss = losses.clipped(clip)

    @property
    def variables(self) -> list:
        """Returns the optimizer's variables, for checkpoints."""
        return self.optimizer.variables

    def build(self, variables: list) -> None:
        """Makes the optimizer's slots."""
        build_optimizer(self.optimizer, variables)

    def update(
        self,
        variables: list,
        outputs_of: Callable,
        tasks: tuple,
        mean: Callable = mean_over_tasks,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Takes some steps of θ.

        Args:
            variables: As in `TRPO.update`.
            outputs_of: As in `TRPO.update`.
            tasks: As in `TRPO.update`.
            mean: As in `TRPO.update`.

        Returns:
            As in `TRPO.update`.
        """

        def epoch(number, before, kl):
            theta = [tf.convert_to_tensor(v.value) for v in variables]

            def gradient(*task):
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(theta)
                    outputs = outputs_of(theta, task)
                    loss = self._loss(task[-1], outputs)
                slope = tape.gradient(loss, theta, unconnected_gradients="zero")
                return loss, losses.kl_divergence(task[-1], outputs), slope

            loss, kl, slope = mean(gradient, *tasks)
            self.optimizer.apply(slope, variables)
            return number + 1, tf.where(number == 0, loss, before), kl

        _, before, kl = tf.while_loop(
            lambda number, before, kl: number < self.epochs,
            epoch,
            (0, 0.0, 0.0),
            maximum_iterations=self.epochs,
            parallel_iterations=1,
        )
        return before, kl, tf.constant(True)


def ppo(
    learning_rate: float = 1e-3, ppo_epochs: int = 5, ppo_clip: float = 0.2
) -> PPO:
    """Makes a `PPO` with Adam, by the options that flags have.

    Args:
        learning_rate: Learning rate of Adam, the outer optimizer.
        ppo_epochs: Steps on one set of rollouts.
        ppo_clip: The bound ε: a ratio of probabilities gains nothing beyond
            1 ± ε.

    Returns:
        A `PPO`.

    Raises:
        InputError: A value cannot be used.
    """
    check_not_negative(learning_rate=learning_rate)
    return PPO(keras.optimizers.Adam(learning_rate), ppo_epochs, ppo_clip)
