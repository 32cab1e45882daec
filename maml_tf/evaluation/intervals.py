"""95 % intervals of a mean and of a share of examples."""

import math

import numpy as np


def interval(values):
    """Half width of the 95 % interval of the mean: 1.96 · s / √N.

    Args:
        values: Array `[N, ...]`, independent along the first axis; s is their
            standard deviation with N − 1 in the denominator.

    Returns:
        Array `[...]`; NaN for a single value.
    """
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    # Of values that are not finite, the interval is NaN.
    with np.errstate(invalid="ignore", over="ignore"):
        return 1.96 * values.std(0, ddof=1) / math.sqrt(len(values))


def wilson_interval(right, number):
    """The 95 % interval of a share, by Wilson (1927).

    Unlike mean ± 1.96 · s / √N it stays within 0 and 1 and does not shrink to
    nothing where all examples, or none, are right.

    Args:
        right: Examples that are.
        number: Of all examples, 1 or more; independent of one another.

    Returns:
        `(low, high)`, shares.
    """
    z = 1.96
    share = right / number
    middle = share + z * z / (2 * number)
    half = z * math.sqrt(
        share * (1 - share) / number + z * z / (4 * number * number)
    )
    scale = 1 + z * z / number
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
