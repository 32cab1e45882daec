"""Baselines: four ways to learn tasks without meta-learning."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from maml_tf.algorithms.algorithm import (
    Algorithm,
    MetaGradient,
    nothing_adapts,
)
from maml_tf.algorithms.dense_gradient import dense_gradient
from maml_tf.algorithms.inner_loop import BatchNorm
from maml_tf.algorithms.maml import MAML
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError
from maml_tf.functional.layer_losses import with_layer_losses


class Pretrain(MAML):
    """Ordinary training on the examples of all tasks, fine-tuned at test.

    The meta-gradient is ∇_θ L(θ) over support and query set together, without
    an inner loop (Finn et al. 2017, section 5.1). At test it adapts as MAML
    does.

    For classification it learns from `Dataset.joint`: an ordinary classifier
    over all training classes. Its head is then replaced (`maml_tf.head.renew`)
    by one for the task at hand. Labels drawn at random for each task could not
    be learned jointly.

    Args:
        *args: As in `MAML`.
        inner_steps: Has no effect: its training has no inner loop.
        **options: As in `MAML`.
    """

    settles: tuple[str, ...] = ("inner_rates", "rematerialize", "second_order")

    def __init__(self, *args: Any, inner_steps: int = 1, **options: Any):
        del inner_steps
        super().__init__(*args, inner_steps=0, **options)

    def meta_gradient(
        self,
        theta: list,
        episode: Episode,
        seed: tf.Tensor,
        iteration: int | tf.Tensor = 0,
    ) -> MetaGradient:
        """Differentiates the joint loss of support and query set by θ."""
        x, y = tf.nest.map_structure(
            lambda support, query: tf.concat([support, query], 0),
            (episode.support_x, episode.support_y),
            (episode.query_x, episode.query_y),
        )
        state = self.inner_loop.functional_model.state(seed)
        weights, _ = self.inner_loop.split(theta)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(theta)
            outputs, losses = self.inner_loop.predict_with_losses(
                weights, state, x, x, training=True
            )
            loss = with_layer_losses(self.loss(y, outputs), losses)
        return MetaGradient(
            dense_gradient(tape, loss, theta),
            loss,
            self.metric(y, outputs),
            tf.zeros([0]),
        )


class Oracle(Pretrain):
    """Joint training on inputs that name the task; nothing adapts at test.

    The curve is flat: the loss is the same after every step (Finn et al. 2017,
    section 5.1).
    """

    settles = ("adapts",)

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, adapts=lambda variable: False, **options)


class Scratch(MAML):
    """Fine-tunes the network's random initial weights; no meta-training."""

    settles = ("inner_rates", "rematerialize", "second_order")
    meta_trains = False


class NearestCentroid(Algorithm):
    """Predicts the class with the nearest mean; nothing is learned.

    Texts (token ids) are compared as bags of words, the counts of known words,
    by the cosine. Other inputs are compared as they are, by the Euclidean
    distance. Nothing adapts, so the curve is flat. The options of an inner loop
    are accepted without effect: an experiment's flags then work for its
    baseline too.

    Args:
        model: Any built `keras.Model`; the number of its outputs is the number
            of classes.
        loss: Function `(y, outputs) -> scalar`.
        metric: Function `(y, outputs) -> scalar` to report. Defaults to the
            loss.
        inner_steps: Has no effect.
        inner_learning_rate: Has no effect.
        inner_optimizer: Has no effect.
        inner_clip_norm: Has no effect.
        inner_clip_value: Has no effect.
        batch_norm: Has no effect.
        inner_regularization: Has no effect.
    """

    meta_trains = False

    def __init__(
        self,
        model: keras.Model,
        loss: Callable,
        metric: Callable | None = None,
        *,
        inner_steps: int = 1,
        inner_learning_rate: float | list = 0.01,
        inner_optimizer: Any = None,
        inner_clip_norm: float | None = None,
        inner_clip_value: float | None = None,
        batch_norm: BatchNorm = "transductive",
        inner_regularization: bool = False,
    ):
        super().__init__(model, loss, metric, inner_steps)

    def meta_gradient(
        self,
        theta: list,
        episode: Episode,
        seed: tf.Tensor,
        iteration: int | tf.Tensor = 0,
    ) -> MetaGradient:
        """Raises an `InputError`: the algorithm has nothing to meta-train."""
        raise nothing_adapts(self)

    def curve(
        self, theta: list, episode: Episode, steps: int, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Evaluates the query set once; the values of all steps are equal."""
        del theta, seed
        way = self.model.output_shape[-1]
        if way == 1:
            raise InputError(
                "algorithm: nearest_centroid needs an output for each class;"
                f" model {self.model.name!r} has one."
            )
        outputs = nearest_centroid(episode, way)
        losses, metrics = (
            tf.repeat(
                tf.cast(function(episode.query_y, outputs), tf.float32),
                steps + 1,
            )
            for function in (self.loss, self.metric)
        )
        return losses, metrics


def nearest_centroid(episode: Episode, way: int) -> tf.Tensor:
    """Computes logits of an episode's query set.

    Args:
        episode: An `Episode`; its labels are below `way`.
        way: Number of classes.

    Returns:
        Logits `[way * query, way]`: the cosine with each class's centroid, or
        the negative squared distance from it.
    """
    support, query = episode.support_x, episode.query_x
    is_text = support.dtype.is_integer
    if is_text:
        support, query = _bags_of_words(support, query)
    support, query = (tf.reshape(x, [x.shape[0], -1]) for x in (support, query))
    if episode.support_y.shape.rank == 2:
        of_class = tf.cast(tf.transpose(episode.support_y), support.dtype)
    else:
        of_class = tf.one_hot(episode.support_y, way, axis=0)
    sums = tf.matmul(of_class, support)
    if is_text:
        return tf.matmul(query, tf.math.l2_normalize(sums, 1), transpose_b=True)
    centroids = sums / tf.reduce_sum(of_class, 1, keepdims=True)
    differences = query[:, tf.newaxis] - centroids
    return -tf.reduce_sum(tf.square(differences), -1)


def _bags_of_words(*texts):
    """Counts known words, each text to unit length: `[texts, words]`."""
    # The ids 0 and 1 stand for padding and unknown words.
    words = tf.reduce_max([tf.reduce_max(ids) for ids in texts]) - 1
    return [
        tf.math.l2_normalize(
            tf.reduce_sum(tf.one_hot(ids - 2, tf.maximum(words, 1)), 1), 1
        )
        for ids in texts
    ]
