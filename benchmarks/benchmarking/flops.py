"""Floating-point operations of the workloads, two for each multiply-add.

Counted are convolutions and dense layers, which are nearly all of the time.
"""

import math


def layers(workload):
    """Of each convolution and dense layer's forward pass on one example.

    At the edges, SAME convolutions count what they multiply by zeros.

    Args:
        workload: a `workloads.Workload`.

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


def forward(workload):
    """Of the forward pass on one example."""
    return sum(layers(workload))


def meta_update(workload, second_order=True):
    """Of one meta-update, all tasks together.

    A product of two matrices takes two more of its size for its gradient: 3
    forward passes for a gradient. The meta-gradient takes each of these three
    to its own gradient: 9 for a support step of second order. First order
    counts each gradient once, support and query.

    What the first layer saves, whose input needs no gradient, is not deducted
    (4 in place of 9, and 2 in place of 3).

    Args:
        workload: a `workloads.Workload`.
        second_order: whether the inner gradients are differentiated.
    """
    support = workload.inner_steps * workload.support
    passes = (9 if second_order else 3) * support + 3 * workload.query
    return workload.tasks * passes * forward(workload)
