"""Regression of sine waves, the first experiment of MAML.

Finn, Abbeel, Levine 2017, section 5.1: amplitude in [0.1, 5], phase in
[0, pi], x in [-5, 5], all uniform, and y = amplitude * sin(x - phase).
"""

import math

import tensorflow as tf

from maml_tf.datasets import Dataset
from maml_tf.episodes.class_pool import Episode, stream_seed
from maml_tf.errors import check_at_least_one
from maml_tf.functional import losses
from maml_tf.graph.random_streams import fold_in, random_uniform

# Parts of a stream. They are folded in before the episode's number: that costs
# nothing in a loop over numbers.
_TASK, _POINTS = range(2)


def load(oracle: bool = False):
    """Returns the endless data set of sine waves.

    Its episodes have `shot` support and `query` query points; `way` is
    accepted and has no effect.

    Args:
        oracle: Whether the inputs are `[x, amplitude, phase]` instead of
            `[x]`, for the baseline that is told the task.

    Returns:
        A `Dataset` with targets `[points, 1]`, mean squared error as loss and
        metric.
    """

    def episodes(split, way, shot, query, seed):
        del way
        check_at_least_one(shot=shot, query=query)
        stream = stream_seed(seed, split)
        return lambda number: draw_episode(stream, number, shot, query, oracle)

    return Dataset(
        name="sinusoid",
        input_shape=(3,) if oracle else (1,),
        loss=losses.mean_squared_error,
        metric=losses.mean_squared_error,
        metric_name="mse",
        outputs=lambda way: 1,
        episodes=episodes,
    )


def draw_episode(stream, number, shot, query, oracle=False):
    """Draws the episode of a number.

    Args:
        stream: What `maml_tf.episodes.stream_seed` returned.
        number: The episode's number, an integer or an integer scalar tensor.
        shot: Number of support points.
        query: Number of query points.
        oracle: Whether inputs hold the task's amplitude and phase.

    Returns:
        An `Episode` with inputs `[points, 1]` (`[points, 3]` for the oracle)
        and targets `[points, 1]`.
    """
    amplitude, phase = task(stream, number)
    seed = fold_in(fold_in(stream, _POINTS), number)
    x, y = draw_points(amplitude, phase, shot + query, seed)
    if oracle:
        x = add_task(x, amplitude, phase)
    return Episode(x[:shot], y[:shot], x[shot:], y[shot:])


def task(stream, number):
    """Draws the task of an episode again, e.g. to plot its true curve.

    Args:
        stream: What `maml_tf.episodes.stream_seed` returned.
        number: The episode's number, an integer or an integer scalar tensor.

    Returns:
        A pair of float32 scalars: amplitude, and phase in radians.
    """
    return draw_task(fold_in(fold_in(stream, _TASK), number))


def draw_task(seed):
    """Draws a task.

    Args:
        seed: Stateless seed, an integer tensor `[2]`.

    Returns:
        A pair of float32 scalars: amplitude in [0.1, 5], and phase in
        [0, pi], in radians.
    """
    uniform = random_uniform([2], seed)
    return 0.1 + 4.9 * uniform[0], math.pi * uniform[1]


def draw_points(amplitude, phase, number_of_points, seed, low=-5.0, high=5.0):
    """Draws points of a sine wave.

    Args:
        amplitude: Its amplitude, a float32 scalar.
        phase: Its phase in radians, a float32 scalar.
        number_of_points: How many points, a Python integer.
        seed: Stateless seed, an integer tensor `[2]`.
        low: Smallest x.
        high: Largest x.

    Returns:
        A pair of float32 tensors, x and y, both `[points, 1]`.
    """
    x = random_uniform([number_of_points, 1], seed, low, high)
    return x, sine(amplitude, phase, x)


def sine(amplitude, phase, x):
    """Computes `amplitude * sin(x - phase)`."""
    return amplitude * tf.sin(x - phase)


def add_task(x, amplitude, phase):
    """Appends amplitude and phase to `[points, 1]`: the oracle's inputs.

    Returns:
        A tensor `[points, 3]`.
    """
    ones = tf.ones_like(x)
    return tf.concat([x, amplitude * ones, phase * ones], axis=1)
