"""The benchmark's workloads, with their data and weights.

The arrays are NumPy's. Every implementation starts from them, so that losses
and meta-gradients can be compared.
"""

import dataclasses
import json
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Workload:
    """One meta-update: an inner loop over each task, Adam outside.

    Attributes:
        name: Its name in `--workloads`.
        tasks: Tasks in the meta-batch.
        support: Support examples in a task.
        query: Query examples in a task.
        inner_steps: Gradient steps in the inner loop.
        inner_learning_rate: The inner learning rate α.
        input_shape: Shape of one example: `(1,)` or
            `(height, width, channels)`.
        outputs: Outputs of the network: 1 for regression, otherwise classes.
        widths: Hidden units of the MLP with ReLU; empty for a conv network.
        filters: Filters of each of the four convolutions (3 x 3, SAME, with
            bias), each followed by batch norm (centre only, epsilon 1e-3, the
            batch's own statistics) and ReLU.
        max_pool: Whether a block ends in a 2 x 2 max-pool (VALID) and the head
            sees all positions. Otherwise convolutions have stride 2 and the
            head sees the mean over height and width.
        updates_per_call: Meta-updates in one compiled call, if a framework can;
            tasks are then drawn inside (sinusoid).
    """

    name: str
    tasks: int
    support: int
    query: int
    inner_steps: int
    inner_learning_rate: float = 0.01
    input_shape: tuple = (28, 28, 1)
    outputs: int = 5
    widths: tuple = ()
    filters: int = 64
    max_pool: bool = False
    updates_per_call: int = 1

    @property
    def draws_tasks(self) -> bool:
        """Whether an update draws its own tasks (sinusoid)."""
        return bool(self.widths)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            "sinusoid",
            tasks=25,
            support=10,
            query=10,
            inner_steps=1,
            input_shape=(1,),
            outputs=1,
            widths=(40, 40),
            updates_per_call=100,
        ),
        Workload(
            "omniglot_5way_1shot",
            tasks=32,
            support=5,
            query=5,
            inner_steps=1,
        ),
        Workload(
            "omniglot_5way_1shot_15query",
            tasks=32,
            support=5,
            query=75,
            inner_steps=1,
        ),
        Workload(
            "omniglot_5way_1shot_5step",
            tasks=32,
            support=5,
            query=75,
            inner_steps=5,
        ),
        Workload(
            "omniglot_20way_1shot",
            tasks=16,
            support=20,
            query=20,
            inner_steps=5,
            outputs=20,
        ),
        Workload(
            "mini_imagenet_5way_1shot",
            tasks=4,
            support=5,
            query=75,
            inner_steps=5,
            input_shape=(84, 84, 3),
            filters=32,
            max_pool=True,
        ),
    )
}


def find(text: str) -> Workload:
    """Returns a workload by its name, or by its attributes in JSON.

    Args:
        text: A name of `WORKLOADS`, or an object with attributes of `Workload`.
    """
    if text in WORKLOADS:
        return WORKLOADS[text]
    given = json.loads(text)
    return Workload(
        **{n: tuple(v) if isinstance(v, list) else v for n, v in given.items()}
    )


def data(workload: Workload, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Draws one meta-batch.

    Args:
        workload: The workload.
        seed: Seed of the data. Defaults to 0.

    Returns:
        `(support_x, support_y, query_x, query_y)`. Inputs are float32
        `[tasks, examples, ...]`. Labels are int32 `[tasks, examples]`, every
        class as often as the others; targets of the sinusoid are float32
        `[tasks, examples, 1]`.
    """
    generator = np.random.default_rng(seed)
    examples = workload.support + workload.query
    if workload.draws_tasks:
        amplitude, phase, x = sine_tasks(
            generator.random((workload.tasks, 2 + examples), np.float32)
        )
        x, y = x[..., np.newaxis], (amplitude * np.sin(x - phase))[..., None]
    else:
        shape = (workload.tasks, examples, *workload.input_shape)
        x = generator.random(shape, np.float32)
        labels = np.concatenate(
            [
                np.repeat(np.arange(workload.outputs), n // workload.outputs)
                for n in (workload.support, workload.query)
            ]
        )
        y = np.tile(labels.astype(np.int32), (workload.tasks, 1))
    split = workload.support
    return x[:, :split], y[:, :split], x[:, split:], y[:, split:]


def sine_tasks(uniform: Any) -> tuple[Any, Any, Any]:
    """Makes amplitude, phase and x of sine tasks from uniform numbers.

    Args:
        uniform: Numbers in [0, 1), `[tasks, 2 + examples]`, of any framework.

    Returns:
        `(amplitude [tasks, 1], phase [tasks, 1], x [tasks, examples])`, in
        [0.1, 5], [0, π] and [−5, 5]; the targets are amplitude · sin(x −
        phase).
    """
    return (
        0.1 + 4.9 * uniform[:, :1],
        np.pi * uniform[:, 1:2],
        10.0 * uniform[:, 2:] - 5.0,
    )


def weights(workload: Workload, seed: int = 0) -> list[np.ndarray]:
    """Draws the initial weights.

    They have the order and the layout of our Keras networks: in a conv network
    `[3, 3, in, out]` kernel, bias and batch norm's beta of each block, then the
    head's `[in, out]` kernel and bias; in an MLP kernel and bias of each layer.
    Biases are not zero, so that a peer that forgets one is found out.

    Args:
        workload: The workload.
        seed: Seed of the weights. Defaults to 0.

    Returns:
        A list of float32 arrays.
    """
    generator = np.random.default_rng([seed, 1])

    def glorot(*shape):
        fans = np.prod(shape[:-2], dtype=int) * (shape[-2] + shape[-1])
        limit = np.sqrt(6.0 / fans)
        return generator.uniform(-limit, limit, shape).astype(np.float32)

    def bias(size):
        return generator.uniform(-0.1, 0.1, size).astype(np.float32)

    arrays = []
    if workload.widths:
        sizes = (*workload.input_shape, *workload.widths, workload.outputs)
        for size, next_size in zip(sizes[:-1], sizes[1:]):
            arrays += [glorot(size, next_size), bias(next_size)]
        return arrays
    channels = workload.input_shape[-1]
    for _ in range(4):
        arrays += [
            glorot(3, 3, channels, workload.filters),
            bias(workload.filters),
            bias(workload.filters),
        ]
        channels = workload.filters
    features = channels
    if workload.max_pool:
        features *= (workload.input_shape[0] // 16) * (
            workload.input_shape[1] // 16
        )
    return arrays + [glorot(features, workload.outputs), bias(workload.outputs)]
