"""Data sets of few-shot regression, from numbers divided into tasks.

Two kinds share this: rows of features and targets, and series in time. An
example of a series is a window of values and the values that follow it.
"""

import functools
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maml_tf.datasets import Dataset
from maml_tf.datasets.building import fingerprint
from maml_tf.datasets.building.class_splits import first_names
from maml_tf.datasets.building.labelled_examples import LabelledExamples
from maml_tf.datasets.building.series_scaling import (
    Scaling,
    by_window,
    chosen_scaling,
    deviations_of_series,
    in_windows,
)
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

# Keras's Normalization does not divide by less.
_SMALLEST_DEVIATION = 1e-7


def from_rows(
    name: str,
    labelled: LabelledExamples,
    tasks: dict[str, np.ndarray],
    features: Sequence[str],
    targets: Sequence[str],
) -> Dataset:
    """Makes a data set of independent rows.

    An episode is `shot + query` distinct rows of one task; the task is drawn
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
        of standardised targets, its metric the mean absolute error in the
        table's units.

    Raises:
        InputError: An argument cannot be used.
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
        read=lambda rows, shot: tf.split(
            tf.gather(table, rows), [inputs, len(targets)], axis=1
        ),
        inputs=inputs,
        outputs=len(targets),
        unit="rows",
        **_alike(mean[inputs:], deviation[inputs:]),
        preparation=_preparation(inputs, mean[:inputs], deviation[:inputs]),
    )


def from_series(
    name: str,
    labelled: LabelledExamples,
    tasks: dict[str, np.ndarray],
    window: int | None = None,
    horizon: int | None = None,
    scaling: Scaling | None = None,
) -> Dataset:
    """Makes a data set of forecasts.

    An example's input is `window` consecutive values of a task and its target
    the next `horizon` values. An episode is `shot + query` distinct examples of
    one task. The task is drawn uniformly, and so are the examples, among all
    choices in this order: each query example's targets come after every value
    of the support set. So all support values are past when a forecast is made.
    A query example's input may overlap the support set, as the latest values do
    in use.

    Args:
        name: The data set's name.
        labelled: `LabelledExamples` whose classes are the tasks; examples
            float64 `[values]`, each task's in order of time.
        tasks: Dict of split to indices of its tasks.
        window: Values of a time series that are known, the input of a
            forecast. Defaults to 24.
        horizon: Values after them to predict. Defaults to 1.
        scaling: How series are standardised. `all`: by the mean and deviation
            of all training series, so levels can be told apart. `window`: each
            window by its own, so scales do not matter. Defaults to `window` if
            the scales of the training series differ by a factor above 10, else
            to `all`.

    Returns:
        A `Dataset` with inputs `[window]`; its loss is the mean squared error
        of standardised targets, its metric the mean absolute error in the
        series' units. Targets are `[examples, horizon]`; with
        `scaling="window"`, `[examples, horizon + 1]`, see
        `maml_tf.functional.windows`.

    Raises:
        InputError: An argument cannot be used.
    """
    window = WINDOW if window is None else window
    horizon = HORIZON if horizon is None else horizon
    check_at_least_one(window=window, horizon=horizon)
    mean, deviation = _mean_and_deviation(labelled, tasks["train"], ["value"])
    deviations = deviations_of_series(labelled, tasks["train"])
    scaled = chosen_scaling(scaling, name, window, deviations)
    if scaled == "window":
        typical = float(np.median(deviations)) if deviations.size else 1.0
        values = tf.Variable(labelled.examples, trainable=False)
        settings = by_window(window, typical)
    else:
        values = _standardised(labelled.examples, mean, deviation)
        settings = _alike(
            np.repeat(mean, horizon), np.repeat(deviation, horizon)
        )
        settings["preparation"] = _preparation(
            window, mean[0], deviation[0], axis=None
        )
    # Query examples start this much later than they are drawn: their targets
    # begin after the support set's end. Every allowed choice is one draw of
    # distinct numbers, so all are equally likely.
    gap = horizon - 1

    def read(rows, shot):
        queries = np.arange(rows.shape[0]) >= shot
        start = tf.sort(rows) + tf.constant(gap * queries, tf.int64)
        steps = tf.range(window + horizon, dtype=tf.int64)
        both = tf.gather(values, start[:, tf.newaxis] + steps)
        x, y = tf.split(both, [window, horizon], axis=1)
        return in_windows(x, y, typical) if scaled == "window" else (x, y)

    return _regression(
        name,
        labelled,
        tasks,
        read=read,
        inputs=window,
        outputs=horizon,
        unit="values",
        margin=window + horizon - 1 + gap,
        options=f" (window={window}, horizon={horizon})",
        naive=lambda x: tf.repeat(x[:, -1:], horizon, axis=1),
        **settings,
    )


def _regression(
    name,
    labelled,
    tasks,
    *,
    read,
    inputs,
    outputs,
    unit,
    margin=0,
    options="",
    naive=None,
    loss,
    metric,
    **settings,
):
    """Makes the data set.

    Args:
        name: As in `from_rows`.
        labelled: As in `from_rows`.
        tasks: As in `from_rows`.
        read: Function `(rows, shot) -> (x, y)`, of `shot + query` examples,
            from the drawn places in `labelled.examples`, int64.
        inputs: Number of inputs.
        outputs: Number of targets.
        unit: The unit of a task's size, for messages.
        margin: How many of them an episode needs beyond `shot + query`.
        options: The options that the margin depends on, for messages.
        naive: Function from inputs to the naive forecast, or None.
        loss: As in `Dataset`.
        metric: As in `Dataset`.
        **settings: Further attributes of `Dataset`.
    """
    # Places are drawn in the way of examples, and then read.
    places = tf.Variable(np.arange(len(labelled.examples)), trainable=False)
    pools = {
        split: ClassPool(
            places,
            labelled.first[chosen],
            labelled.size[chosen] - margin,
            prepare=tf.identity,
            names=labelled.names[chosen],
        )
        for split, chosen in tasks.items()
    }

    def episodes(split, way, shot, query, seed):
        del way
        stream = stream_seed(seed, split)
        check_at_least_one(shot=shot, query=query)
        requirement = (
            f"shot: {shot} was given, and {query} for query; tasks must have at"
            f" least {shot + query + margin} {unit}{options}"
        )
        pool = _large_enough(
            pools[split], split, shot + query, margin, requirement
        )

        def draw(number):
            drawn = draw_episode(pool, 1, shot, query, fold_in(stream, number))
            rows = tf.concat([drawn.support_x, drawn.query_x], axis=0)
            x, y = read(rows, shot)
            return Episode(x[:shot], y[:shot], x[shot:], y[shot:])

        return draw

    return Dataset(
        name=name,
        input_shape=(inputs,),
        loss=loss,
        metric=metric,
        metric_name="mae",
        outputs=lambda way: outputs,
        episodes=episodes,
        fingerprint=fingerprint.by_split(
            labelled.examples,
            labelled.first,
            labelled.size,
            labelled.names,
            tasks,
        ),
        naive=naive
        and (lambda episode: metric(episode.query_y, naive(episode.query_x))),
        **settings,
    )


def _alike(mean, deviation) -> dict[str, Any]:
    """Returns what a `Dataset` has whose targets are standardised alike.

    Args:
        mean: Mean of each target, in the user's units.
        deviation: Deviation of each target, in the user's units.
    """
    return {
        "loss": losses.mean_squared_error,
        "metric": functools.partial(
            losses.mean_absolute_error, scale=deviation.astype(np.float32)
        ),
        "target_mean": mean,
        "target_deviation": deviation,
    }


def _large_enough(pool, split, number, margin, requirement):
    """Returns the pool without tasks of fewer than `number` examples."""
    sizes = np.array(pool.sizes)
    large = np.flatnonzero(sizes >= number)
    if not large.size:
        most = sizes.argmax()
        raise InputError(
            f"{requirement}, but the largest of the {split} split,"
            f" {pool.names[most]}, has {sizes[most] + margin}."
        )
    small = np.setdiff1d(np.arange(sizes.size), large)
    if small.size:
        warnings.warn(
            f"{requirement}; left out are {small.size} of the {sizes.size}"
            f" tasks of the {split} split: {first_names(pool.names[small])}.",
            stacklevel=3,
        )
    return pool.restricted(large)


def _mean_and_deviation(labelled, chosen, columns):
    """Returns each column's mean and deviation over some tasks' rows."""
    rows = np.concatenate(
        [
            np.arange(first, first + size)
            for first, size in zip(
                labelled.first[chosen], labelled.size[chosen]
            )
        ]
    )
    numbers = labelled.examples[rows].reshape(rows.size, len(columns))
    # The deviation of equal numbers may differ from 0 by rounding.
    constant = numbers.min(0) == numbers.max(0)
    deviation = np.where(constant, 1.0, numbers.std(0))
    for column, value in zip(columns, deviation):
        if value < _SMALLEST_DEVIATION:
            raise InputError(
                f"dataset: {column} has a standard deviation of {value:.3g}"
                f" over the training tasks; it must be {_SMALLEST_DEVIATION} or"
                " more, so give it in a smaller unit."
            )
    return numbers.mean(0), deviation


def _standardised(numbers, mean, deviation):
    """Makes a float32 variable of standardised numbers, from float64."""
    if numbers.ndim == 1:
        mean, deviation = mean[0], deviation[0]
    return tf.Variable(
        ((numbers - mean) / deviation).astype(np.float32), trainable=False
    )


def _preparation(inputs, mean, deviation, axis=-1):
    """Makes the standardisation of inputs, a Keras model to save."""
    standardisation = keras.layers.Normalization(
        axis, mean.tolist(), (deviation**2).tolist(), name="standardisation"
    )
    # A list, as in files, so that a saved layer compares as equal.
    standardisation.build([None, inputs])
    return keras.Sequential(
        [keras.Input((inputs,), name="raw"), standardisation],
        name="preparation",
    )
