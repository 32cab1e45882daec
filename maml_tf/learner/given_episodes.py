"""Episodes as users give them: functions, generators, iterators."""

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from maml_tf.episodes.class_pool import Episode
from maml_tf.episodes.generated import GeneratedEpisodes
from maml_tf.errors import InputError
from maml_tf.functional import losses
from maml_tf.learner import raw_inputs


def as_function(
    episodes: Iterable | Callable, model: keras.Model, loss: Callable
) -> Callable:
    """Returns episodes as a function `number -> Episode`.

    Args:
        episodes: A function `number -> Episode`, or an iterator or generator
            function of `(support_x, support_y, query_x, query_y)`.
        model: The model that learns from them; its input gives their form.
        loss: Its loss; cross-entropy needs whole numbers as labels.

    Returns:
        The function itself, or a `GeneratedEpisodes` that checks each episode.
    """
    if inspect.isgeneratorfunction(episodes):
        episodes = episodes()
    if callable(episodes):
        return episodes
    return GeneratedEpisodes(
        episodes, lambda episode: check(episode, model, loss)
    )


def check(episode: Episode, model: keras.Model, loss: Callable) -> None:
    """Refuses an episode of arrays that the model cannot learn from.

    Args:
        episode: An `Episode` of arrays.
        model: The model.
        loss: Its loss.

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
        if loss is losses.cross_entropy and not (
            y.ndim == 1
            and y.dtype.kind in "iu"
            and y.min(initial=0) >= 0
            and y.max(initial=0) < outputs
        ):
            raise InputError(
                f"episodes: {part}_y must be whole numbers from 0 to"
                f" {outputs - 1}, [examples]; {y.dtype} of the shape"
                f" {y.shape} was given, or others."
            )


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
