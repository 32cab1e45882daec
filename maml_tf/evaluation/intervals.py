"""95 % intervals of a mean and of a share of examples."""

import math

import numpy as np
from numpy.typing import ArrayLike


def interval(values: ArrayLike) -> np.ndarray:
    """Returns half the 95 % interval of the mean: 1.96 · s / √N.

    Args:
        values: Array `[N, ...]`, independent along the first axis; s is their
            standard deviation with N − 1 in the denominator.

    Returns:
        Array `[...]`; NaN for a single value.
    """
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    # The interval of values that are not finite is NaN.
    with np.errstate(invalid="ignore", over="ignore"):
        return 1.96 * values.std(0, ddof=1) / math.sqrt(len(values))


def wilson_interval(right: int, number: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share, by Wilson (1927).

    Unlike mean ± 1.96 · s / √N it stays within 0 and 1 and does not shrink to
    nothing if all examples, or none, are right.

    Args:
        right: Number of examples that are right.
        number: Number of all examples, 1 or more, independent of one another.

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
