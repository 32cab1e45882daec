"""Black-box learners, networks that read the support set."""

from typing import Any

import keras
import tensorflow as tf

from maml_tf.algorithms.algorithm import MetaGradient
from maml_tf.algorithms.inner_loop import InnerLoop
from maml_tf.algorithms.without_steps import WithoutSteps
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError
from maml_tf.functional.features import Features
from maml_tf.graph.random_streams import fold_in, random_order
from maml_tf.networks.support_memory import memories


class ReadingLoop(InnerLoop):
    """An inner loop that fills a model's `SupportMemory`; no weight adapts.

    Args:
        model: A functional model with one `SupportMemory`.
        *args: As in `InnerLoop`.
        **options: As in `InnerLoop`.

    Raises:
        InputError: The model is of another kind.
    """

    def __init__(self, model: keras.Model, *args: Any, **options: Any):
        found = memories(model)
        if len(found) != 1:
            raise InputError(
                f"network: {model.name} has no layer that reads the support"
                " set; for the algorithm black_box give attention or lstm."
            )
        super().__init__(model, *args, **options)
        self._memory = found[0]
        self._features = Features(model, self._memory)
        self._place = next(
            place
            for place, variable in enumerate(model.non_trainable_variables)
            if variable is self._memory.tokens
        )

    def begin(
        self,
        theta: list,
        support_x: Any = None,
        support_y: Any = None,
        seed: tf.Tensor | None = None,
    ) -> tuple[list, Any, list]:
        """Reads the support set into the state; see `InnerLoop.begin`."""
        phi, slots, state = super().begin(theta, support_x, support_y, seed)
        features = self._features(
            phi, state, support_x, batch_statistics=self.batch_norm != "moving"
        )
        state[self._place] = self._memory.tokens_of(features, support_y)
        return phi, slots, state


class BlackBox(WithoutSteps):
    """A network that reads the support set: one pass, no gradient at test.

    The outputs are a function of the query and of the support set with its
    labels, learned as any other. What is kept of a task is one token for each
    support example. A network that reads them as a sequence has them in
    another order in each task of meta-training, so it cannot learn the order of
    classes.

    Args:
        model: A network with one `SupportMemory`, such as `attention` and
            `lstm` of `maml_tf.networks`.
        *args: As in `MAML`.
        **options: As in `WithoutSteps`.

    Raises:
        InputError: An argument cannot be used.
    """

    loop = ReadingLoop
    settles = ("head", "prototype_scale")

    def meta_gradient(
        self,
        theta: list,
        episode: Episode,
        seed: tf.Tensor,
        iteration: int | tf.Tensor = 0,
    ) -> MetaGradient:
        """Differentiates the query loss by θ; see `Algorithm`."""
        if memories(self.model)[0].ordered:
            x, y = episode.support_x, episode.support_y
            order = random_order(x.shape[0], fold_in(seed, 0))
            x, y = tf.nest.map_structure(lambda t: tf.gather(t, order), (x, y))
            episode = episode._replace(support_x=x, support_y=y)
        return super().meta_gradient(theta, episode, seed, iteration)
