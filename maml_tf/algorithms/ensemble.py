"""Several initialisations that adapt side by side and predict together."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from maml_tf.algorithms.algorithm import Algorithm, MetaGradient
from maml_tf.algorithms.inner_loop import InnerLoop
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError
from maml_tf.graph.loop_body import loop_body


class Ensemble(Algorithm):
    """Adapts each of several θ to a task by itself and averages predictions.

    MAML++ is tested like this, with the best checkpoints by validation
    (Antoniou, Edwards and Storkey 2019, section 5).

    Args:
        algorithm: The algorithm that adapts each.
        thetas: The members, each as `algorithm.theta()` returns it.
        mean: Function from a list of outputs `[queries, ...]` to their mean,
            one of `maml_tf.functional.mean_predictions`.
    """

    meta_trains = False

    def __init__(
        self, algorithm: Algorithm, thetas: Iterable[list], mean: Callable
    ) -> None:
        super().__init__(
            algorithm.model,
            algorithm.loss,
            algorithm.metric,
            algorithm.inner_steps,
        )
        self._members = [
            [tf.Variable(weight, trainable=False) for weight in theta]
            for theta in thetas
        ]
        self._mean = mean
        # Its curve is the outputs themselves.
        self._predicting = copy.copy(algorithm)
        self._predicting.loss = self._predicting.metric = _outputs

    @property
    def inner_loop(self) -> InnerLoop:
        """Raises an `InputError`: each member has a loop of its own."""
        raise InputError(
            f"ensemble: {len(self._members)} members were given, and this needs"
            " the inner loop of one; take the best alone."
        )

    def theta(self) -> list:
        """Returns a list of the members' θ."""
        return [[w.read_value() for w in theta] for theta in self._members]

    def meta_gradient(
        self,
        theta: list,
        episode: Episode,
        seed: tf.Tensor,
        iteration: int | tf.Tensor = 0,
    ) -> MetaGradient:
        """Raises an `InputError`: its members were trained by themselves."""
        raise InputError(
            f"ensemble: {len(self._members)} members were given to be trained;"
            " give one algorithm."
        )

    def curve(
        self, theta: list, episode: Episode, steps: int, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Evaluates the mean prediction at φ_0 … φ_K; see `Algorithm.curve`."""

        @loop_body  # Traced once for all members.
        def predictions(member, episode, seed):
            return self._predicting.curve(member, episode, steps, seed)[0]

        outputs = self._mean([predictions(m, episode, seed) for m in theta])
        return tuple(
            tf.stack([measure(episode.query_y, o) for o in tf.unstack(outputs)])
            for measure in (self.loss, self.metric)
        )


def _outputs(y: Any, outputs: Any) -> Any:
    del y
    return outputs
