"""The interval of a share of examples, such as an accuracy."""

import math


def wilson_interval(right, number):
    """The 95 % interval of a share, by Wilson (1927).

    Unlike mean ± 1.96 · s / √N it stays within 0 and 1 and does not shrink to
    nothing where all examples, or none, are right.

    Args:
        right: examples that are.
        number: of all examples, 1 or more; independent of one another.

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
