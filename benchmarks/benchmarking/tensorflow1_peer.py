"""Second-order MAML as the paper's code builds it: one static graph.

The graph holds `tf.map_fn` over the tasks, `tf.gradients` of each inner step
within it, and `AdamOptimizer` outside, all of TensorFlow 1 as TensorFlow 2
still has it in `tf.compat.v1`. As in that code, batch norm is made of
elementwise operations, and sine waves are drawn by NumPy and fed.
"""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from benchmarking import workloads

tf1 = tf.compat.v1


class Graph:
    """One `Session.run` a meta-update.

    Args:
        workload: The workload.
        weights: Arrays of `workloads.weights`.
        data: Arrays of `workloads.data`.

    Attributes:
        name: Its name in tables.
        updates_per_call: Meta-updates in a step.
    """

    name = "TensorFlow 1 graph"
    updates_per_call = 1

    def __init__(
        self,
        workload: workloads.Workload,
        weights: Sequence[np.ndarray],
        data: Sequence[np.ndarray],
    ) -> None:
        self._workload = workload
        self._data = data
        self._generator = np.random.default_rng(0)
        with tf1.Graph().as_default(), _control_flow_of_version_1():
            self._inputs = [
                tf1.placeholder(array.dtype, [None, *array.shape[1:]])
                for array in data
            ]
            theta = [
                tf1.get_variable(f"w{i}", initializer=array, use_resource=False)
                for i, array in enumerate(weights)
            ]
            losses = tf.map_fn(
                lambda task: self._task_loss(theta, *task),
                tuple(self._inputs),
                fn_output_signature=tf.float32,
                parallel_iterations=workload.tasks,
            )
            self._loss = tf.reduce_mean(losses)
            optimizer = tf1.train.AdamOptimizer(1e-3)
            pairs = optimizer.compute_gradients(self._loss, theta)
            self._gradient = [gradient for gradient, _ in pairs]
            self._update = optimizer.apply_gradients(pairs)
            self._session = tf1.Session()
            self._session.run(tf1.global_variables_initializer())

    def step(self) -> float:
        """Performs a meta-update; returns its loss."""
        data = self._draw() if self._workload.draws_tasks else self._data
        feed = dict(zip(self._inputs, data, strict=True))
        loss, _ = self._session.run([self._loss, self._update], feed)
        return float(loss)

    def meta_gradient(
        self, task: int | None = None
    ) -> tuple[float, list[np.ndarray]]:
        """Computes the query loss and the meta-gradient on the given data.

        Args:
            task: Number of a task, or None for the mean over all.

        Returns:
            `(loss, arrays)`, the arrays in the order of the weights.
        """
        data = self._data
        if task is not None:
            data = [array[task : task + 1] for array in data]
        feed = dict(zip(self._inputs, data, strict=True))
        loss, gradient = self._session.run([self._loss, self._gradient], feed)
        return float(loss), gradient

    def _task_loss(self, theta, support_x, support_y, query_x, query_y):
        phi = theta
        for _ in range(self._workload.inner_steps):
            loss = self._loss_at(phi, support_x, support_y)
            phi = [
                weight - self._workload.inner_learning_rate * gradient
                for weight, gradient in zip(
                    phi, tf1.gradients(loss, phi), strict=True
                )
            ]
        return self._loss_at(phi, query_x, query_y)

    def _loss_at(self, weights, x, y):
        outputs = _network(self._workload, weights, x)
        if self._workload.widths:
            return tf.reduce_mean(tf.square(outputs - y))
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(y, outputs)
        )

    def _draw(self):
        w = self._workload
        amplitude, phase, x = workloads.sine_tasks(
            self._generator.random(
                (w.tasks, 2 + w.support + w.query), np.float32
            )
        )
        x, y = x[..., None], (amplitude * np.sin(x - phase))[..., None]
        split = w.support
        return x[:, :split], y[:, :split], x[:, split:], y[:, split:]


@contextlib.contextmanager
def _control_flow_of_version_1() -> Iterator[None]:
    """Builds loops as TensorFlow 1 did, operation by operation."""
    enabled = tf1.control_flow_v2_enabled()
    tf1.disable_control_flow_v2()
    try:
        yield
    finally:
        if enabled:
            tf1.enable_control_flow_v2()


def _network(workload, weights, x):
    if workload.widths:
        for kernel, bias in zip(weights[:-2:2], weights[1:-2:2]):
            x = tf.nn.relu(x @ kernel + bias)
        return x @ weights[-2] + weights[-1]
    pool = workload.max_pool
    for kernel, bias, beta in zip(*(weights[i:-2:3] for i in range(3))):
        stride = 1 if pool else 2
        x = tf1.nn.conv2d(x, kernel, [1, stride, stride, 1], "SAME") + bias
        # `tf.nn.moments` and the fused kernel hold the mean constant in the
        # variance's derivative, so their second derivatives are not exact.
        mean = tf.reduce_mean(x, [0, 1, 2])
        variance = tf.reduce_mean(
            tf.math.squared_difference(x, mean), [0, 1, 2]
        )
        x = tf.nn.batch_normalization(x, mean, variance, beta, None, 1e-3)
        x = tf.nn.relu(x)
        if pool:
            x = tf.nn.max_pool(x, 2, 2, "VALID")
    if pool:
        x = tf.reshape(x, [-1, weights[-2].shape[0]])
    else:
        x = tf.reduce_mean(x, [1, 2])
    return x @ weights[-2] + weights[-1]


IMPLEMENTATIONS = {"tensorflow1": Graph}
VERSION = tf.__version__
