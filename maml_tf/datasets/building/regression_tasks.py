"""From numbers divided into tasks to a data set of few-shot regression.

Two kinds share this: rows of features and targets, and series in time, of
which an example is a window of values and what follows it.
"""

import functools
import warnings

import keras
import numpy as np
import tensorflow as tf

from maml_tf.datasets import Dataset
from maml_tf.episodes.class_pool import (
    ClassPool,
    Episode,
    draw_episode,
    stream_seed,
)
from maml_tf.errors import InputError, check_at_least_one
from maml_tf.functional import losses
from maml_tf.graph.random_streams import fold_in

WINDOW, HORIZON = 24, 1

# Keras's Normalization divides by no less.
_SMALLEST_DEVIATION = 1e-7


def from_rows(name, labelled, tasks, features, targets):
    """Makes a data set of rows that stand on their own.

    An episode is `shot + query` distinct rows of one task, which is drawn
    uniformly.

    Args:
        name: The data set's name.
        labelled: `LabelledExamples` whose classes are the tasks; examples
            float64 `[rows, features + targets]`.
        tasks: Dict of split to indices of its tasks.
        features: Names of the features, the first columns.
        targets: Names of the targets, the columns after them.

    Returns:
        A `Dataset` with inputs `[features]` and targets `[rows, targets]`, all
        standardised by the training tasks; its loss is the mean squared error
        of the standardised, its metric the mean absolute error in the table's
        units.

    Raises:
        InputError: If an argument cannot be used.
    """
    mean, deviation = _mean_and_deviation(
        labelled, tasks["train"], [*features, *targets]
    )
    table = _standardised(labelled.examples, mean, deviation)
    inputs = len(features)
    return _regression(
        name,
        labelled,
        tasks,
        read=lambda rows, shot: tf.gather(table, rows),
        inputs=inputs,
        mean=mean[inputs:],
        deviation=deviation[inputs:],
        preparation=_preparation(inputs, mean[:inputs], deviation[:inputs]),
        counted="rows",
    )


def from_series(name, labelled, tasks, window=None, horizon=None):
    """Makes a data set of forecasts.

    An example's input is `window` consecutive values of a task and its target
    the next `horizon`. An episode is `shot + query` distinct examples of one
    task, which is drawn uniformly, as are the examples among all in this order:
    each query example's targets come after every value of the support set. So
    what is learned from is past when a forecast is made. A query example's
    input may overlap the support set, as the latest values do in use.

    Args:
        name: The data set's name.
        labelled: `LabelledExamples` whose classes are the tasks; examples
            float64 `[values]`, each task's in order of time.
        tasks: Dict of split to indices of its tasks.
        window: Values that are known. Defaults to 24.
        horizon: Values to predict. Defaults to 1.

    Returns:
        A `Dataset` with inputs `[window]` and targets `[examples, horizon]`,
        standardised by one mean and deviation, those of the training tasks'
        values; its loss is the mean squared error of the standardised, its
        metric the mean absolute error in the series' units.

    Raises:
        InputError: If an argument cannot be used.
    """
    window = WINDOW if window is None else window
    horizon = HORIZON if horizon is None else horizon
    check_at_least_one(window=window, horizon=horizon)
    mean, deviation = _mean_and_deviation(labelled, tasks["train"], ["value"])
    values = _standardised(labelled.examples, mean, deviation)
    # Query examples start later by this than they are drawn, so that their
    # targets begin where the support set's end. Every allowed choice is one
    # draw of distinct numbers, so all are equally likely.
    gap = horizon - 1

    def read(rows, shot):
        queries = np.arange(rows.shape[0]) >= shot
        start = tf.sort(rows) + tf.constant(gap * queries, tf.int64)
        steps = tf.range(window + horizon, dtype=tf.int64)
        return tf.gather(values, start[:, tf.newaxis] + steps)

    return _regression(
        name,
        labelled,
        tasks,
        read=read,
        inputs=window,
        mean=np.repeat(mean, horizon),
        deviation=np.repeat(deviation, horizon),
        preparation=_preparation(window, mean[0], deviation[0], axis=None),
        counted="values",
        more=window + horizon - 1 + gap,
        settings=f" (window={window}, horizon={horizon})",
    )


def _regression(
    name,
    labelled,
    tasks,
    *,
    read,
    inputs,
    mean,
    deviation,
    preparation,
    counted,
    more=0,
    settings="",
):
    """The data set.

    Args:
        name: As in `from_rows`.
        labelled: As in `from_rows`.
        tasks: As in `from_rows`.
        read: Function `(rows, shot) -> [shot + query, inputs + targets]` from
            the drawn places in `labelled.examples`, int64 `[shot + query]`.
        inputs: Number of inputs.
        mean: Of each target, in the user's units.
        deviation: Likewise.
        preparation: As in `Dataset`.
        counted: What a task's size counts, for messages.
        more: How many of them an episode needs beyond `shot + query`.
        settings: What else that depends on, for messages.
    """
    # Places are drawn, as examples are, and then read.
    places = tf.Variable(np.arange(len(labelled.examples)), trainable=False)
    pools = {
        split: ClassPool(
            places,
            labelled.first[chosen],
            labelled.size[chosen] - more,
            prepare=tf.identity,
            names=labelled.names[chosen],
        )
        for split, chosen in tasks.items()
    }

    def episodes(split, way, shot, query, seed):
        del way
        stream = stream_seed(seed, split)
        check_at_least_one(shot=shot, query=query)
        need = f"shot={shot} and query={query} need tasks of at least"
        need += f" {shot + query + more} {counted}{settings}"
        pool = _large_enough(pools[split], split, shot + query, more, need)

        def draw(number):
            drawn = draw_episode(pool, 1, shot, query, fold_in(stream, number))
            rows = tf.concat([drawn.support_x, drawn.query_x], axis=0)
            x, y = tf.split(read(rows, shot), [inputs, len(deviation)], axis=1)
            return Episode(x[:shot], y[:shot], x[shot:], y[shot:])

        return draw

    return Dataset(
        name=name,
        input_shape=(inputs,),
        loss=losses.mean_squared_error,
        metric=functools.partial(
            losses.mean_absolute_error, scale=deviation.astype(np.float32)
        ),
        metric_name="mae",
        outputs=lambda way: len(deviation),
        episodes=episodes,
        preparation=preparation,
        target_mean=mean,
        target_deviation=deviation,
    )


def _large_enough(pool, split, number, more, need):
    """The pool without tasks of fewer than `number` examples."""
    sizes = np.array(pool.sizes)
    large = np.flatnonzero(sizes >= number)
    if not large.size:
        most = sizes.argmax()
        raise InputError(
            f"{need}, but the largest of the {split} split,"
            f" {pool.names[most]}, has {sizes[most] + more}."
        )
    small = np.setdiff1d(np.arange(sizes.size), large)
    if small.size:
        named = ", ".join(map(str, pool.names[small[:5]]))
        warnings.warn(
            f"{need}; left out are {small.size} of the {sizes.size} tasks of"
            f" the {split} split: {named}{', ...' if small.size > 5 else ''}.",
            stacklevel=3,
        )
    return pool.restricted(large)


def _mean_and_deviation(labelled, chosen, columns):
    """Each column's mean and standard deviation over some tasks' rows."""
    rows = np.concatenate(
        [
            np.arange(first, first + size)
            for first, size in zip(
                labelled.first[chosen], labelled.size[chosen]
            )
        ]
    )
    numbers = labelled.examples[rows].reshape(rows.size, len(columns))
    # The deviation of equal numbers may be rounded to other than 0.
    constant = numbers.min(0) == numbers.max(0)
    deviation = np.where(constant, 1.0, numbers.std(0))
    for column, one in zip(columns, deviation):
        if one < _SMALLEST_DEVIATION:
            raise InputError(
                f"dataset: {column} has a standard deviation of {one:.3g} over"
                f" the training tasks; it must be {_SMALLEST_DEVIATION} or"
                " more, so give it in a smaller unit."
            )
    return numbers.mean(0), deviation


def _standardised(numbers, mean, deviation):
    """A float32 variable; the arithmetic is of float64."""
    if numbers.ndim == 1:
        mean, deviation = mean[0], deviation[0]
    return tf.Variable(
        ((numbers - mean) / deviation).astype(np.float32), trainable=False
    )


def _preparation(inputs, mean, deviation, axis=-1):
    """The standardisation of inputs, as a Keras model to save."""
    standardisation = keras.layers.Normalization(
        axis, mean.tolist(), (deviation**2).tolist(), name="standardisation"
    )
    # A list, as files have it: so that a saved one can be told to be the same.
    standardisation.build([None, inputs])
    return keras.Sequential(
        [keras.Input((inputs,), name="raw"), standardisation],
        name="preparation",
    )
