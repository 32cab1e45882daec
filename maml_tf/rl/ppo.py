"""Several clipped steps on the same rollouts, as in PPO and ProMP."""

from collections.abc import Callable

import keras
import tensorflow as tf

from maml_tf.errors import (
    check_above_zero,
    check_at_least_one,
    check_not_negative,
    refusal,
)
from maml_tf.graph.over_tasks import mean_over_tasks
from maml_tf.graph.replicas import build_optimizer
from maml_tf.rl import losses

# Shares of the aim beyond which the coefficient of the penalty changes, and by
# which factor, as in the official code of ProMP.
_TOLERANCE = 1.5
_FACTOR = 2.0


class PPO:
    """The outer update of ProMP (Rothfuss et al. 2019, algorithm 1).

    ProMP adds a penalty to PPO's loss: η · mean KL(π_old ‖ π_θ) of the policies
    that act before each inner step, in the states of their rollouts (equation
    12). A policy that leaves them would make the inner step's gradient, which
    is estimated from those rollouts, a bad one.

    Args:
        optimizer: A Keras optimizer, such as Adam.
        epochs: Its steps on one set of rollouts.
        clip: The bound ε: a ratio of probabilities gains nothing beyond 1 ± ε.
        inner_kl_penalty: η, 0 for no penalty.
        inner_kl_target: The divergence that η aims at, in nats. After an
            update, η is halved below 2/3 of it and doubled above 3/2. None
            keeps η as it is.

    Raises:
        InputError: A value cannot be used.
    """

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer,
        epochs: int = 5,
        clip: float = 0.2,
        inner_kl_penalty: float = 0.0,
        inner_kl_target: float | None = None,
    ) -> None:
        check_at_least_one(epochs=epochs)
        if clip <= 0:
            raise refusal("clip", clip, "it must be above 0")
        check_not_negative(inner_kl_penalty=inner_kl_penalty)
        if inner_kl_target is not None:
            check_above_zero(inner_kl_target=inner_kl_target)
            if not inner_kl_penalty:
                raise refusal(
                    "inner_kl_target",
                    inner_kl_target,
                    "it changes inner_kl_penalty, which must be above 0",
                )
        self.optimizer = optimizer
        self.epochs = epochs
        self.inner_kl_penalty = inner_kl_penalty
        self.inner_kl_target = inner_kl_target
        self._loss = losses.clipped(clip)
        self._coefficient = (
            None
            if inner_kl_target is None
            else keras.Variable(
                inner_kl_penalty, trainable=False, name="inner_kl_penalty"
            )
        )

    @property
    def variables(self) -> list:
        """Returns the optimizer's variables and a changing η, to be saved."""
        changing = [] if self._coefficient is None else [self._coefficient]
        return [*self.optimizer.variables, *changing]

    def build(self, variables: list) -> None:
        """Makes the optimizer's slots."""
        build_optimizer(self.optimizer, variables)

    def update(
        self,
        variables: list,
        outputs_of: Callable,
        tasks: tuple,
        mean: Callable = mean_over_tasks,
    ) -> dict[str, tf.Tensor]:
        """Takes some steps of θ.

        Args:
            variables: As in `TRPO.update`.
            outputs_of: As in `TRPO.update`.
            tasks: As in `TRPO.update`. With a penalty, the first are lists of
                `(x, y)`, the rollouts before each inner step.
            mean: As in `TRPO.update`.

        Returns:
            A dict of scalars: `surrogate_gain` and `kl` as in `TRPO.update`,
            but before the last of the steps. With a penalty also `inner_kl`,
            the mean divergence before the inner steps, after the update, and
            `inner_kl_penalty`, the η of the update.

        Raises:
            InputError: There is a penalty and no inner step.
        """
        penalty = self._penalty()
        if self.inner_kl_penalty and not tasks[0]:
            raise refusal(
                "inner_kl_penalty",
                self.inner_kl_penalty,
                "the algorithm takes no inner step, so it must be 0",
            )

        def epoch(number, first, *last):
            del last
            theta = _theta(variables)

            def gradient(*task):
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(theta)
                    outputs = outputs_of(theta, task)
                    surrogate = self._loss(task[-1], outputs)
                    loss = surrogate
                    if self.inner_kl_penalty:
                        loss += penalty * inner_kl(theta, outputs_of, task)
                slope = tape.gradient(loss, theta, unconnected_gradients="zero")
                kl = losses.kl_divergence(task[-1], outputs)
                return surrogate, kl, slope

            surrogate, kl, slope = mean(gradient, *tasks)
            self.optimizer.apply(slope, variables)
            first = tf.where(number == 0, surrogate, first)
            return number + 1, first, surrogate, kl

        _, first, last, kl = tf.while_loop(
            lambda number, *_: number < self.epochs,
            epoch,
            (0, 0.0, 0.0, 0.0),
            maximum_iterations=self.epochs,
            parallel_iterations=1,
        )
        report = {"surrogate_gain": first - last, "kl": kl}
        if not self.inner_kl_penalty:
            return report
        theta = _theta(variables)
        divergence = mean(
            lambda *task: inner_kl(theta, outputs_of, task), *tasks
        )
        if self._coefficient is not None and self.inner_kl_target is not None:
            self._coefficient.assign(
                adapted_penalty(penalty, divergence, self.inner_kl_target)
            )
        return report | {"inner_kl": divergence, "inner_kl_penalty": penalty}

    def _penalty(self):
        if self._coefficient is None:
            return tf.constant(self.inner_kl_penalty)
        return tf.convert_to_tensor(self._coefficient.value)


def inner_kl(
    theta: list[tf.Tensor], outputs_of: Callable, task: tuple
) -> tf.Tensor:
    """Returns the mean KL(π_old ‖ π_θ) of a task's policies before inner steps.

    Args:
        theta: List of tensors.
        outputs_of: As in `TRPO.update`; for k of the task's supports it gives
            the policy after k inner steps.
        task: One task's share of `TRPO.update`'s tasks, the first of them a
            list of `(x, y)`, one for each inner step.
    """
    supports = task[0]
    divergences = [
        losses.kl_divergence(y, outputs_of(theta, (supports[:step], x, y)))
        for step, (x, y) in enumerate(supports)
    ]
    return tf.add_n(divergences) / len(divergences)


def adapted_penalty(
    penalty: tf.Tensor, divergence: tf.Tensor, target: float
) -> tf.Tensor:
    """Returns ProMP's next η: half, twice or as much as this one.

    Args:
        penalty: η.
        divergence: The divergence that it led to.
        target: The divergence that it aims at.
    """
    lower = tf.where(
        divergence < target / _TOLERANCE, penalty / _FACTOR, penalty
    )
    return tf.where(divergence > target * _TOLERANCE, penalty * _FACTOR, lower)


def ppo(
    learning_rate: float = 1e-3,
    ppo_epochs: int = 5,
    ppo_clip: float = 0.2,
    inner_kl_penalty: float = 0.0,
    inner_kl_target: float | None = None,
) -> PPO:
    """Makes a `PPO` with Adam, by the options that flags have.

    Args:
        learning_rate: Learning rate of Adam, the outer optimizer.
        ppo_epochs: Steps on one set of rollouts.
        ppo_clip: The bound ε: a ratio of probabilities gains nothing beyond
            1 ± ε.
        inner_kl_penalty: Coefficient of ProMP's penalty, the mean divergence of
            the policies before inner steps.
        inner_kl_target: Divergence that the coefficient aims at, in nats: it is
            halved below 2/3 of it, doubled above 3/2. Default: a fixed
            coefficient.

    Returns:
        A `PPO`.

    Raises:
        InputError: A value cannot be used.
    """
    check_not_negative(learning_rate=learning_rate)
    return PPO(
        keras.optimizers.Adam(learning_rate),
        ppo_epochs,
        ppo_clip,
        inner_kl_penalty,
        inner_kl_target,
    )


def _theta(variables):
    return [tf.convert_to_tensor(v.value) for v in variables]
