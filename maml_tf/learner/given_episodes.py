"""Episodes as users give them: functions, generators, iterators."""

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maml_tf.episodes.array_form import ArrayForm
from maml_tf.episodes.class_pool import Episode
from maml_tf.episodes.generated import GeneratedEpisodes, items
from maml_tf.episodes.told_apart import for_each_task
from maml_tf.errors import InputError
from maml_tf.functional import losses
from maml_tf.learner import raw_inputs


def as_function(
    episodes: Iterable | Callable,
    model: keras.Model,
    loss: Callable,
    metric: Callable | None = None,
    task: str = "classification",
    epochs: bool = False,
) -> Callable:
    """Returns episodes as a function `number -> Episode`.

    Args:
        episodes: A function `number -> Episode` of TensorFlow or of Python, or
            an iterator, generator function, `tf.data.Dataset` or
            `keras.utils.PyDataset` of `(support_x, support_y, query_x,
            query_y)`.
        model: The model that learns from them; its input gives their form.
        loss: Its loss; cross-entropy needs class numbers or one-hot labels.
        metric: Its metric; accuracy needs the same.
        task: `"classification"` or `"regression"`, whose targets are floats.
        epochs: Whether a `PyDataset` begins again at its end.

    Returns:
        The function itself if it is of TensorFlow, or `PythonEpisodes` that
        check each episode.

    Raises:
        InputError: They are something else, or the first cannot be used.
    """
    form = ArrayForm(
        model,
        task == "regression",
        lambda episode: check(episode, model, loss, metric),
    )
    if inspect.isgeneratorfunction(episodes):
        episodes = episodes()
    if isinstance(episodes, keras.utils.PyDataset):
        episodes = items(episodes, epochs)
    if callable(episodes):
        return for_each_task(episodes, model, form)
    return GeneratedEpisodes(episodes, form)


def check(
    episode: Episode,
    model: keras.Model,
    loss: Callable,
    metric: Callable | None = None,
) -> None:
    """Refuses an episode of arrays that the model cannot learn from.

    Args:
        episode: An `Episode` of arrays.
        model: The model.
        loss: Its loss.
        metric: Its metric, or None.

    Raises:
        InputError: A part has a form that the model does not take.
    """
    outputs = model.output_shape[-1]
    for part, x, y in (
        ("support", episode.support_x, episode.support_y),
        ("query", episode.query_x, episode.query_y),
    ):
        raw_inputs.check(model, x, f"episodes: {part}_x")
        if y.ndim == 0 or len(y) != len(x):
            raise InputError(
                f"episodes: {part}_y has the shape {y.shape} for"
                f" {len(x)} examples; give a target for each."
            )
        if loss is losses.cross_entropy and not _names_classes(y, outputs):
            raise InputError(
                f"episodes: {part}_y must be whole numbers from 0 to"
                f" {max(outputs, 2) - 1}, [examples], or one-hot labels"
                f" [examples, {outputs}]; {y.dtype} of the shape"
                f" {y.shape} was given, or others."
            )
        if (
            metric is losses.accuracy
            and y.shape == (len(x), outputs)
            and not _names_classes(y, outputs)
        ):
            raise InputError(
                f"metric: accuracy needs one class an example, but {part}_y of"
                " the episodes has several or none; give metric="
                "maml_tf.losses.binary_accuracy, or one of your own."
            )


def _names_classes(y, outputs):
    """Returns whether labels are class numbers or one-hot."""
    one_hot = y.shape[1:] == (outputs,)
    if y.dtype.kind not in "iufb" or not (y.ndim == 1 or one_hot):
        return False
    classes = max(outputs, 2)
    if outputs == 1 or not one_hot:
        whole = y.dtype.kind in "iu" or outputs == 1
        return bool(whole and ((y >= 0) & (y < classes)).all())
    sums = y.astype(np.float64).sum(1)
    return bool((y >= 0).all() and np.allclose(sums, 1.0, atol=1e-3))


@contextlib.contextmanager
def own_error(episodes: Any) -> Iterator[None]:
    """Raises a generator's error in place of the one TensorFlow wraps it in.

    Args:
        episodes: Episodes as `as_function` returned them.
    """
    try:
        yield
    except tf.errors.OpError:
        error = getattr(episodes, "error", None)
        if error is not None:
            raise error from None
        raise
