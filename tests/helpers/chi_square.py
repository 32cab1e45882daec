"""The chi-square test of uniform counts."""

import math

import numpy as np


def chi_square(counts):
    """Pearson's statistic of counts that should be equal."""
    counts = np.asarray(counts, np.float64)
    return np.sum((counts - counts.mean()) ** 2) / counts.mean()


def critical_value(degrees, z=3.09):
    """Chi-square's 99.9 % quantile (Wilson and Hilferty 1931)."""
    spread = 2.0 / (9.0 * degrees)
    return degrees * (1.0 - spread + z * math.sqrt(spread)) ** 3
