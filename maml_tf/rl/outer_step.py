"""The meta-update of a policy (Finn et al. 2017, algorithm 3)."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from maml_tf.algorithms import Algorithm
from maml_tf.algorithms.inner_loop import InnerLoop
from maml_tf.algorithms.missing_derivatives import missing_derivatives_refused
from maml_tf.algorithms.updates import PolicyUpdates
from maml_tf.errors import InputError, check_at_least_one, refusal
from maml_tf.functional.layer_losses import layer_with_losses
from maml_tf.graph.over_tasks import mean_over_tasks
from maml_tf.graph.random_streams import Stream, stream
from maml_tf.graph.replicas import Replicas
from maml_tf.rl.adaptation import PolicyAdaptation
from maml_tf.rl.environments.environment import Environment
from maml_tf.rl.ppo import PPO
from maml_tf.rl.sampling import Sampling
from maml_tf.rl.trajectories import returns
from maml_tf.rl.trpo import TRPO


class PolicyOuterStep:
    """Meta-updates from rollouts, for `maml_tf.meta_train` to repeat.

    If the environment is pure TensorFlow, an update is one `tf.function`,
    rollouts included; otherwise rollouts are collected between two functions.

    Iteration `i` acts in the tasks number `i · tasks … (i + 1) · tasks − 1`,
    and its random numbers depend on `seed` and `i` alone, so a run is a
    function of its seed.

    Args:
        algorithm: One of `maml_tf.algorithms`. With `inner_steps=0`, as in
            `Pretrain`, the policy is updated without adaptation.
        environment: A `maml_tf.rl.environments.Environment`.
        update: The outer update, a `TRPO` or a `PPO`.
        sampling: A `maml_tf.rl.sampling.Sampling`.
        tasks: Tasks in a meta-batch.
        seed: Seed of tasks, rollouts and actions.

    Raises:
        InputError: The number of tasks is below 1, or a layer has a loss of
            its own.
    """

    iterations_per_call = 1

    def __init__(
        self,
        algorithm: Algorithm,
        environment: Environment,
        update: TRPO | PPO,
        sampling: Sampling,
        *,
        tasks: int,
        seed: int = 0,
    ) -> None:
        check_at_least_one(tasks=tasks)
        _check_losses(algorithm.model, environment)
        self.algorithm = algorithm
        self.model = algorithm.model
        self.environment = environment
        self.replicas = Replicas(self.model)
        self.replicas.check_share(tasks)
        self.optimizer = update
        self.tasks = tasks
        self.seed = seed
        self._own_replica = _own_replica(self.replicas, environment)
        self._adapt = PolicyAdaptation(algorithm, environment, sampling)
        update.build(algorithm.meta_variables)
        self._update_compiled = tf.function(self._update, autograph=False)
        self._compiled = (
            tf.function(self._iteration, autograph=False)
            if environment.in_graph
            else self._iteration
        )

    def __call__(self, iteration: int, count: int = 1) -> PolicyUpdates:
        """Performs the meta-update number `iteration`.

        Args:
            iteration: Its number, from 0.
            count: Number of updates; it must be 1.

        Returns:
            `PolicyUpdates`. The metric is the mean return of the rollouts after
            adaptation, the loss is the same with the other sign, and the
            support losses are those of the rollouts before each inner step. The
            reports are those of `TRPO.update` or `PPO.update`.

        Raises:
            InputError: The count is not 1, or TensorFlow has no derivative for
                an operation of the policy.
        """
        if count != 1:
            raise refusal("count", count, "it must be 1")
        with missing_derivatives_refused(self.check_meta_gradient):
            values, report = tf.nest.map_structure(
                lambda t: t.numpy(),
                self._compiled(tf.constant(iteration, tf.int64)),
            )
        reports = {name: value[np.newaxis] for name, value in report.items()}
        return PolicyUpdates(
            -values[-1:], values[-1:], -values[None, :-1], reports
        )

    def check_meta_gradient(self) -> None:
        """Checks second derivatives on rollouts; see `maml_tf.testing`."""
        try:
            self._adapt.check_meta_gradient(
                self.environment.tasks("train", 0, 1, self.seed)
            )
        except InputError as error:
            if not isinstance(self.optimizer, TRPO):
                raise
            raise InputError(
                f"{error} In first order take PPO too, because TRPO uses second"
                " derivatives itself."
            ) from error

    def _iteration(self, iteration):
        """Returns `(mean return by inner step, the update's report)`."""
        environment, steps = self.environment, self.algorithm.inner_steps
        tasks = environment.tasks(
            "train", iteration * self.tasks, self.tasks, self.seed
        )
        seed = stream(self.seed, Stream.TRAINING_ROLLOUTS, iteration)

        def act(replica):
            share = self.replicas.share(replica, self.tasks)
            own = slice(share.start, share.stop)
            path, batches = self._adapt(tasks, steps, seed, own)
            return [returns(t) for t in path], batches

        if environment.in_graph:
            returned, batches = self.replicas.each(act)
        else:
            returned, batches = act(self._own_replica)
        return self._update_compiled(returned, batches)

    def _update(self, returned, batches):
        """Updates the policy; returns the mean returns and its report."""
        *supports, (query_x, query_y) = batches

        def mean(function, *arguments, **options):
            own = functools.partial(mean_over_tasks, function, **options)
            return self.replicas.mean(self.tasks, own, *arguments)

        with self.replicas.as_one():
            report = self.optimizer.update(
                self.algorithm.meta_variables,
                adapted_outputs(self.algorithm.inner_loop),
                (supports, query_x, query_y),
                mean,
            )
            mean_returns = self.replicas.mean(
                self.tasks,
                lambda own: tf.stack([tf.reduce_mean(r) for r in own]),
                returned,
            )
            return mean_returns, report


def adapted_outputs(inner_loop: InnerLoop) -> Callable:
    """Makes the adapted policy of an outer update, as a function of θ.

    Args:
        inner_loop: A `maml_tf.InnerLoop`.

    Returns:
        A function `(theta, task) -> outputs`: θ adapted to the task's support
        rollouts, a step on each, then its outputs for the query's observations.
        `task` is `(supports, query_x, query_y)`, the supports a list of `(x,
        y)`.
    """

    def outputs_of(theta, task):
        supports, query_x, _ = task
        adaptation = inner_loop.adapt_along(theta, supports)
        return inner_loop.predict(
            adaptation.phi[-1], adaptation.state, query_x, query_x
        )

    return outputs_of


def _own_replica(replicas, environment):
    """Returns the number of the replica of an environment of Python, or None.

    Python cannot act on several devices of a process at the same time.
    """
    if environment.in_graph:
        return None
    strategy = replicas.strategy
    if strategy and len(strategy.extended.worker_devices) > 1:
        raise InputError(
            f"strategy: environment {environment.name} acts in Python, on one"
            " device a process, and this one has several; give one, or"
            " multi_worker and each process a device."
        )
    return int(tf.function(lambda: replicas.each(tf.constant))())


def _check_losses(model, environment):
    """Refuses losses of layers.

    A trust region's step would follow them where the policy does not change,
    and the divergence does not bound them.
    """
    observation = tf.zeros([1, environment.observation_size])
    layer = layer_with_losses(model, observation)
    if layer is not None:
        raise InputError(
            f"model: layer {layer!r} has a loss of its own (a regularizer or"
            " add_loss). Policies do not count such losses; leave it out."
        )
