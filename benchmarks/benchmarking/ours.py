"""This library on the benchmark's workloads, by its public interface."""

from maml_tf.commands.experiments import quiet_tensorflow  # isort: skip, before TensorFlow
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarking.workloads import Workload
from maml_tf import Episode, OuterStep, algorithms, datasets, losses, networks

quiet_tensorflow.set_threads()
quiet_tensorflow.initialize()


class MAML:
    """MAML as `maml-tf train` runs it.

    Args:
        workload: The workload.
        weights: Arrays of `workloads.weights`.
        data: Arrays of `workloads.data`.

    Attributes:
        name: Its name in tables.
        algorithm: Its name in `maml_tf.algorithms`.
        updates_per_call: Meta-updates in a step.
    """

    name = "maml_tf"
    algorithm = "maml"

    def __init__(
        self,
        workload: Workload,
        weights: Sequence[np.ndarray],
        data: Sequence[np.ndarray],
    ) -> None:
        self.updates_per_call = workload.updates_per_call
        self._workload = workload
        self._data = [tf.constant(array) for array in data]
        model = network(workload)
        for variable, array in zip(
            model.trainable_variables, weights, strict=True
        ):
            variable.assign(array)
        loss, metric = losses.cross_entropy, losses.accuracy
        if workload.draws_tasks:
            loss = metric = losses.mean_squared_error
        self._algorithm = algorithms.create(
            self.algorithm,
            model,
            loss,
            metric,
            inner_steps=workload.inner_steps,
            inner_learning_rate=workload.inner_learning_rate,
        )
        episodes = self._given_episode
        if workload.draws_tasks:
            episodes = datasets.load("sinusoid").episodes(
                "train", 1, workload.support, workload.query, seed=0
            )
        self._outer_step = self._make_outer_step(episodes, workload.tasks)
        self._iteration = 0
        self._gradients: dict[int, Callable] = {}

    def step(self) -> float:
        """Performs `updates_per_call` meta-updates; returns the last loss."""
        updates = self._outer_step(self._iteration, self.updates_per_call)
        self._iteration += self.updates_per_call
        return float(updates.loss[-1])

    def meta_gradient(
        self, task: int | None = None
    ) -> tuple[float, list[np.ndarray]]:
        """Computes the query loss and the meta-gradient on the given data.

        Args:
            task: Number of a task, or None for the mean over all.

        Returns:
            `(loss, arrays)`, the arrays in the order of the weights.
        """
        tasks = self._workload.tasks if task is None else 1
        if tasks not in self._gradients:
            outer_step = self._make_outer_step(self._given_episode, tasks)
            self._gradients[tasks] = tf.function(
                outer_step.meta_gradient,
                autograph=False,
                jit_compile=self._workload.draws_tasks,
            )
        result = self._gradients[tasks](tf.constant(task or 0, tf.int64))
        return float(result.loss), [g.numpy() for g in result.gradient]

    def _make_outer_step(self, episodes, tasks):
        return OuterStep(
            self._algorithm,
            episodes,
            keras.optimizers.Adam(1e-3),
            tasks=tasks,
            iterations_per_call=self.updates_per_call,
            # As in flags/: it pays for the MLP alone.
            jit_compile=self._workload.draws_tasks,
        )

    def _given_episode(self, number):
        task = number % self._workload.tasks
        return Episode(*(tf.gather(array, task) for array in self._data))


class FirstOrderMAML(MAML):
    """MAML with inner gradients as constants."""

    name = "maml_tf, first order"
    algorithm = "fomaml"


def network(workload: Workload) -> keras.Model:
    """Makes the workload's Keras model."""
    name = "mlp"
    options: dict[str, Any] = {"widths": workload.widths}
    if not workload.widths:
        name = "conv4"
        options = {
            "filters": workload.filters,
            "downsampling": "max_pool" if workload.max_pool else "stride",
            "readout": "flatten" if workload.max_pool else "mean",
        }
    return networks.create(
        name, workload.input_shape, workload.outputs, **options
    )


IMPLEMENTATIONS = {"maml_tf": MAML, "maml_tf_first_order": FirstOrderMAML}
VERSION = tf.__version__
