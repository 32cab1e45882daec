"""Floating-point operations of the workloads, two for each multiply-add.

Convolutions and dense layers are counted, which take nearly all of the time.
"""

import math

from benchmarking.workloads import Workload


def layers(workload: Workload) -> list[int]:
    """Counts the operations of each layer's forward pass on one example.

    Layers are convolutions and dense layers. At the edges, products with the
    zeros of SAME convolutions are counted too.

    Args:
        workload: The workload.

    Returns:
        A list of integers, first layer to last.
    """
    if workload.widths:
        sizes = (*workload.input_shape, *workload.widths, workload.outputs)
        return [2 * a * b for a, b in zip(sizes[:-1], sizes[1:])]
    height, width, channels = workload.input_shape
    counts = []
    for _ in range(4):
        if not workload.max_pool:
            height, width = math.ceil(height / 2), math.ceil(width / 2)
        multiplied = 9 * channels * workload.filters
        counts.append(2 * height * width * multiplied)
        if workload.max_pool:
            height, width = height // 2, width // 2
        channels = workload.filters
    features = channels * height * width if workload.max_pool else channels
    return [*counts, 2 * features * workload.outputs]


def forward(workload: Workload) -> int:
    """Counts the operations of the forward pass on one example."""
    return sum(layers(workload))


def meta_update(workload: Workload, second_order: bool = True) -> int:
    """Counts the operations of one meta-update, all tasks together.

    The gradient of a product of two matrices takes two more products of its
    size, so a gradient takes 3 forward passes. The meta-gradient differentiates
    each of these three again: a support step of second order takes 9. In first
    order, each gradient counts once, support and query.

    The input of the first layer needs no gradient, so that layer takes less (4
    in place of 9, and 2 in place of 3). This is not deducted.

    Args:
        workload: The workload.
        second_order: Whether the inner gradients are differentiated.
    """
    support = workload.inner_steps * workload.support
    passes = (9 if second_order else 3) * support + 3 * workload.query
    return workload.tasks * passes * forward(workload)
