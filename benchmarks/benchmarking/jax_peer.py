"""Second-order MAML in JAX: pure functions, one jitted update with Optax."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from benchmarking import workloads


class Vmap:
    """All tasks at once by `jax.vmap`.

    Args:
        workload: The workload.
        weights: Arrays of `workloads.weights`.
        data: Arrays of `workloads.data`.

    Attributes:
        name: Its name in tables.
        updates_per_call: Meta-updates in a step.
    """

    name = "JAX vmap"

    def __init__(
        self,
        workload: workloads.Workload,
        weights: Sequence[np.ndarray],
        data: Sequence[np.ndarray],
    ) -> None:
        self.updates_per_call = workload.updates_per_call
        self._workload = workload
        self._theta = [jnp.asarray(array) for array in weights]
        self._data = tuple(jnp.asarray(array) for array in data)
        self._optimizer = optax.adam(1e-3)
        self._slots = self._optimizer.init(self._theta)
        self._key = jax.random.key(0)
        self._compiled = jax.jit(self._updates, donate_argnums=(0, 1))
        self._gradient = jax.jit(self._mean)

    def step(self) -> float:
        """Performs `updates_per_call` meta-updates; returns the last loss."""
        self._key, key = jax.random.split(self._key)
        self._theta, self._slots, loss = self._compiled(
            self._theta, self._slots, key, self._data
        )
        return float(jax.block_until_ready(loss))

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
            data = tuple(array[task : task + 1] for array in data)
        loss, gradient = self._gradient(self._theta, data)
        return float(loss), [np.asarray(g) for g in gradient]

    def _mean(self, theta, data):
        def mean_loss(theta):
            losses = jax.vmap(functools.partial(self._task_loss, theta))(*data)
            return losses.mean()

        return jax.value_and_grad(mean_loss)(theta)

    def _updates(self, theta, slots, key, data):
        def update(carry, key):
            theta, slots = carry
            drawn = self._draw(key) if self._workload.draws_tasks else data
            loss, gradient = self._mean(theta, drawn)
            change, slots = self._optimizer.update(gradient, slots)
            return (optax.apply_updates(theta, change), slots), loss

        (theta, slots), losses = lax.scan(
            update,
            (theta, slots),
            jax.random.split(key, self.updates_per_call),
        )
        return theta, slots, losses[-1]

    def _draw(self, key):
        w = self._workload
        uniform = jax.random.uniform(key, (w.tasks, 2 + w.support + w.query))
        amplitude, phase, x = workloads.sine_tasks(uniform)
        x, y = x[..., None], (amplitude * jnp.sin(x - phase))[..., None]
        split = w.support
        return x[:, :split], y[:, :split], x[:, split:], y[:, split:]

    def _task_loss(self, theta, support_x, support_y, query_x, query_y):
        phi = theta
        for _ in range(self._workload.inner_steps):
            gradient = jax.grad(self._loss)(phi, support_x, support_y)
            phi = [
                weight - self._workload.inner_learning_rate * g
                for weight, g in zip(phi, gradient)
            ]
        return self._loss(phi, query_x, query_y)

    def _loss(self, weights, x, y):
        outputs = _network(self._workload, weights, x)
        if self._workload.widths:
            return jnp.mean(jnp.square(outputs - y))
        return optax.softmax_cross_entropy_with_integer_labels(
            outputs, y
        ).mean()


class Scan(Vmap):
    """Task after task by `jax.lax.scan`; gradients are summed."""

    name = "JAX scan"

    def _mean(self, theta, data):
        def add(total, task):
            result = jax.value_and_grad(self._task_loss)(theta, *task)
            return jax.tree.map(jnp.add, total, result), None

        zero = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, theta))
        total, _ = lax.scan(add, zero, data)
        return jax.tree.map(lambda t: t / len(data[0]), total)


def _network(workload, weights, x):
    if workload.widths:
        for kernel, bias in zip(weights[:-2:2], weights[1:-2:2]):
            x = jax.nn.relu(x @ kernel + bias)
        return x @ weights[-2] + weights[-1]
    pool = workload.max_pool
    for kernel, bias, beta in zip(*(weights[i:-2:3] for i in range(3))):
        stride = 1 if pool else 2
        x = bias + lax.conv_general_dilated(
            x,
            kernel,
            (stride, stride),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        mean = x.mean((0, 1, 2))
        variance = jnp.square(x - mean).mean((0, 1, 2))
        x = jax.nn.relu((x - mean) * lax.rsqrt(variance + 1e-3) + beta)
        if pool:
            window = (1, 2, 2, 1)
            x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
    x = x.reshape(len(x), -1) if pool else x.mean((1, 2))
    return x @ weights[-2] + weights[-1]


IMPLEMENTATIONS = {"jax_vmap": Vmap, "jax_scan": Scan}
VERSION = jax.__version__
