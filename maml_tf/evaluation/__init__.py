"""Meta-testing: adaptation curves, intervals, confusion and change by layer."""

from maml_tf.evaluation.curve import (
    Curve,
    MetaTest,
    adaptation_seed,
    calls,
    meta_test,
)
from maml_tf.evaluation.intervals import interval, wilson_interval

__all__ = [
    "Curve",
    "MetaTest",
    "adaptation_seed",
    "calls",
    "interval",
    "meta_test",
    "wilson_interval",
]
