"""A Hessian-vector product beside a central difference of first gradients."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from maml_tf.errors import InputError
from maml_tf.functional.double_precision import Graph

# Random directions; the best counts, as it does among the steps.
_DIRECTIONS = 3


class Precision(NamedTuple):
    """How derivatives are compared.

    Attributes:
        dtype: The dtype of the computation.
        tolerance: Largest relative error of an exact derivative.
        steps: Lengths of the difference, relative to the point. The best
            counts: a long one may cross the kink of a ReLU, and a short one is
            lost in rounding.
    """

    dtype: str
    tolerance: float
    steps: tuple[float, ...]


FLOAT64 = Precision("float64", 1e-4, (1e-5, 1e-6, 1e-7, 1e-8))
# For functions with an operation that does not exist in float64.
FLOAT32 = Precision("float32", 2e-2, (3e-2, 1e-2, 3e-3, 1e-3))


class Error(NamedTuple):
    """How far a second derivative is from the right one.

    Attributes:
        relative: The largest relative error over the tensors of the point;
            infinite if a derivative does not exist.
        precision: How it was measured.
        reason: Why there is no derivative, or empty.
    """

    relative: float
    precision: Precision = FLOAT64
    reason: str = ""

    @property
    def exact(self) -> bool:
        """Whether the error is rounding alone."""
        return self.relative <= self.precision.tolerance

    def __str__(self) -> str:
        if self.reason:
            return self.reason
        if not np.isfinite(self.relative):
            return "its second derivative is not a finite number"
        percent = 100 * self.relative
        digits = f"{percent:.0f}" if percent >= 10 else f"{percent:.2g}"
        return f"its second derivative is wrong by {digits} %"


def error_of(
    function: Callable,
    point: Sequence[tf.Tensor],
    *,
    seed: int = 0,
    moved: float = 0.0,
) -> Error:
    """Compares the second derivatives of a scalar function of tensors.

    Args:
        function: From a list of tensors to a scalar; it is traced.
        point: Tensors near which the derivatives are compared.
        seed: Of the directions.
        moved: How far from `point`, relative to each tensor's size. Zeros may
            lie on the kink of a ReLU.

    Returns:
        An `Error`.

    Raises:
        InputError: The function is not finite there, or two calls differ.
    """
    specs = [tf.TensorSpec(t.shape, t.dtype) for t in point]
    traced = tf.function(_derivatives(function), autograph=False)
    try:
        concrete = traced.get_concrete_function(specs, specs)
    except _NoDerivativeError as error:
        return Error(np.inf, reason=str(error))
    values = [tf.cast(t, tf.float64).numpy() for t in point]
    for precision in (FLOAT64, FLOAT32):
        try:
            graph = Graph(concrete, double=precision is FLOAT64)
            return _measure(graph, concrete, values, precision, seed, moved)
        except (ValueError, tf.errors.OpError) as error:
            # An operation without float64.
            if precision is FLOAT32 or isinstance(error, InputError):
                raise
    raise AssertionError


class _NoDerivativeError(Exception):
    """A derivative that TensorFlow cannot compute."""


def _derivatives(function):
    def derivatives(point, direction):
        with tf.GradientTape(watch_accessed_variables=False) as outer:
            outer.watch(point)
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(point)
                value = function(point)
            first = _gradient("first", inner, value, point)
        # The tape differentiates the sum of a list of targets.
        product = _gradient("second", outer, first, point, direction)
        return first, product

    return derivatives


def _gradient(order, tape, target, point, weights=None):
    try:
        gradients = tape.gradient(
            target,
            point,
            output_gradients=weights,
            unconnected_gradients="zero",
        )
    except Exception as error:  # A layer's own gradient may raise any.
        operation = re.search(r"op type: (\w+)|entry for: (\w+)", str(error))
        if operation is not None:
            missing = next(filter(None, operation.groups()))
            cause = f"TensorFlow has no gradient for {missing}"
        else:
            cause = " ".join(str(error).split())
        raise _NoDerivativeError(
            f"it has no {order} derivative ({cause})"
        ) from error
    # An embedding's gradient comes as slices of the table.
    return [tf.convert_to_tensor(gradient) for gradient in gradients]


def _measure(graph, concrete, point, precision, seed, moved):
    first, product = concrete.structured_outputs
    generator = np.random.default_rng(seed)
    scales = [np.sqrt(np.mean(t * t)) if t.size else 0.0 for t in point]
    scales = [scale if scale > 0.0 else 0.1 for scale in scales]

    def random():
        return [
            s * generator.normal(size=t.shape) for s, t in zip(scales, point)
        ]

    point = [t + moved * step for t, step in zip(point, random())]
    gradient = graph(first, *point, *point)
    if not all(np.isfinite(g).all() for g in gradient):
        raise InputError(
            "loss: it or its first derivative is not finite at the model's"
            " weights; give weights and a batch at which it is."
        )
    best = np.inf
    for _ in range(_DIRECTIONS):
        direction = random()
        exact = graph(product, *point, *direction)
        for step in precision.steps:
            ahead, behind = (
                graph(
                    first,
                    *[t + by * d for t, d in zip(point, direction)],
                    *direction,
                )
                for by in (step, -step)
            )
            difference = [(a - b) / (2 * step) for a, b in zip(ahead, behind)]
            error = _largest(exact, difference, gradient, scales)
            best = min(best, error)
            if best <= precision.tolerance:
                return Error(best, precision)
    again = graph(first, *point, *point)
    if _largest(gradient, again, gradient, scales) > precision.tolerance:
        raise InputError(
            "model: two calls with the same weights and seeds differ, so that"
            " derivatives cannot be compared; draw random numbers with"
            " keras.random and a keras.random.SeedGenerator."
        )
    return Error(best, precision)


def _largest(one, other, gradient, scales):
    """Returns the largest relative difference over tensors."""

    def norms(tensors):
        return np.array(
            [s * np.linalg.norm(t) for s, t in zip(scales, tensors)]
        )

    ones, others = norms(one), norms(other)
    # Below it, a derivative is taken for the rounding of zero.
    floor = max(
        1e-3 * np.linalg.norm(others), 1e-4 * np.linalg.norm(norms(gradient))
    )
    size = np.maximum(np.maximum(ones, others), floor)
    apart = norms([a - b for a, b in zip(one, other)])
    errors = np.divide(apart, size, out=np.zeros_like(apart), where=size != 0)
    return float(np.max(errors)) if np.isfinite(errors).all() else np.inf
