"""Regression of sine waves, the first experiment of MAML.

Finn, Abbeel, Levine 2017, section 5.1: amplitude in [0.1, 5], phase in
[0, pi], x in [-5, 5], all uniform, and y = amplitude * sin(x - phase).
"""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from maml_tf.datasets import Dataset
from maml_tf.episodes.class_pool import Episode, stream_seed
from maml_tf.errors import check_at_least_one
from maml_tf.functional import losses
from maml_tf.graph.random_streams import fold_in, random_uniform

# The training's tasks: the ranges of amplitudes, and of phases in radians.
AMPLITUDES = (0.1, 5.0)
PHASES = (0.0, math.pi)

# Parts of a stream. They are folded in before the episode's number, outside of
# a loop over numbers.
_TASK, _POINTS = range(2)


def load(
    oracle: bool = False,
    amplitudes: Sequence[float] | tf.Variable = AMPLITUDES,
    phases: Sequence[float] | tf.Variable = PHASES,
) -> Dataset:
    """Returns the endless data set of sine waves.

    Its episodes have `shot` support and `query` query points; `way` is
    accepted and has no effect.

    Args:
        oracle: Whether the inputs are `[x, amplitude, phase]` instead of
            `[x]`, for the baseline that knows the task.
        amplitudes: Lowest and highest amplitude of a task. A variable is read
            whenever an episode is drawn.
        phases: Lowest and highest phase, in radians, as `amplitudes`.

    Returns:
        A `Dataset` with targets `[points, 1]`, mean squared error as loss and
        metric.
    """

    def episodes(split, way, shot, query, seed):
        del way
        check_at_least_one(shot=shot, query=query)
        stream = stream_seed(seed, split)
        return lambda number: draw_episode(
            stream, number, shot, query, oracle, amplitudes, phases
        )

    return Dataset(
        name="sinusoid",
        input_shape=(3,) if oracle else (1,),
        loss=losses.mean_squared_error,
        metric=losses.mean_squared_error,
        metric_name="mse",
        outputs=lambda way: 1,
        episodes=episodes,
    )


def draw_episode(
    stream: tf.Tensor,
    number: int | tf.Tensor,
    shot: int,
    query: int,
    oracle: bool = False,
    amplitudes: Sequence[float] | tf.Variable = AMPLITUDES,
    phases: Sequence[float] | tf.Variable = PHASES,
) -> Episode:
    """Draws the episode of a number.

    Args:
        stream: Seed that `maml_tf.episodes.stream_seed` returned.
        number: The episode's number, an integer or an integer scalar tensor.
        shot: Number of support points.
        query: Number of query points.
        oracle: Whether inputs hold the task's amplitude and phase.
        amplitudes: As in `load`.
        phases: As in `load`.

    Returns:
        An `Episode` with inputs `[points, 1]` (`[points, 3]` for the oracle)
        and targets `[points, 1]`.
    """
    amplitude, phase = task(stream, number, amplitudes, phases)
    seed = fold_in(fold_in(stream, _POINTS), number)
    x, y = draw_points(amplitude, phase, shot + query, seed)
    if oracle:
        x = add_task(x, amplitude, phase)
    return Episode(x[:shot], y[:shot], x[shot:], y[shot:])


def task(
    stream: tf.Tensor,
    number: int | tf.Tensor,
    amplitudes: Sequence[float] | tf.Variable = AMPLITUDES,
    phases: Sequence[float] | tf.Variable = PHASES,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws the task of an episode again, e.g. to plot its true curve.

    Args:
        stream: Seed that `maml_tf.episodes.stream_seed` returned.
        number: The episode's number, an integer or an integer scalar tensor.
        amplitudes: As in `load`.
        phases: As in `load`.

    Returns:
        A pair of float32 scalars: amplitude, and phase in radians.
    """
    seed = fold_in(fold_in(stream, _TASK), number)
    return draw_task(seed, amplitudes, phases)


def draw_task(
    seed: tf.Tensor,
    amplitudes: Sequence[float] | tf.Variable = AMPLITUDES,
    phases: Sequence[float] | tf.Variable = PHASES,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws a task.

    Args:
        seed: Stateless seed, an integer tensor `[2]`.
        amplitudes: As in `load`.
        phases: As in `load`.

    Returns:
        A pair of float32 scalars: amplitude, and phase in radians, uniform in
        their ranges.
    """
    uniform = random_uniform([2], seed)
    amplitude, phase = (
        ends[0] + (ends[1] - ends[0]) * place
        for ends, place in ((amplitudes, uniform[0]), (phases, uniform[1]))
    )
    return amplitude, phase


def draw_points(
    amplitude: tf.Tensor,
    phase: tf.Tensor,
    number_of_points: int,
    seed: tf.Tensor,
    low: float = -5.0,
    high: float = 5.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws points of a sine wave.

    Args:
        amplitude: Its amplitude, a float32 scalar.
        phase: Its phase in radians, a float32 scalar.
        number_of_points: Number of points, a Python integer.
        seed: Stateless seed, an integer tensor `[2]`.
        low: Smallest x. Defaults to -5.
        high: Largest x. Defaults to 5.

    Returns:
        A pair of float32 tensors, x and y, both `[points, 1]`.
    """
    x = random_uniform([number_of_points, 1], seed, low, high)
    return x, sine(amplitude, phase, x)


def sine(amplitude: Any, phase: Any, x: Any) -> tf.Tensor:
    """Computes `amplitude * sin(x - phase)`."""
    return amplitude * tf.sin(x - phase)


def add_task(x: tf.Tensor, amplitude: tf.Tensor, phase: tf.Tensor) -> tf.Tensor:
    """Appends amplitude and phase to inputs, for the oracle.

    Args:
        x: Inputs `[points, 1]`.
        amplitude: A float32 scalar.
        phase: A float32 scalar, in radians.

    Returns:
        A tensor `[points, 3]`.
    """
    ones = tf.ones_like(x)
    return tf.concat([x, amplitude * ones, phase * ones], axis=1)
