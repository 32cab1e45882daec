"""Measures how the inner loop moves weights and features, layer by layer.

Does a model that has learned to learn change its features for a task, or does
it reuse them and change its head (Raghu et al. 2020, section 3)?
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from maml_tf.algorithms import Algorithm
from maml_tf.algorithms.adapted_weights import NORMALIZATIONS
from maml_tf.algorithms.algorithm import nothing_adapts
from maml_tf.algorithms.inner_loop import InnerLoop
from maml_tf.episodes.told_apart import for_each_task
from maml_tf.errors import InputError, check_at_least_one
from maml_tf.evaluation.curve import adaptation_seed


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer with weights, with the layers that act on its output alone.

    Attributes:
        name: The layer's name, such as `"conv1"`.
        variables: Its trainable weights and those of its normalisation.
        features: Symbolic output, as the layers after it get it: activated,
            pooled.
    """

    name: str
    variables: list
    features: keras.KerasTensor


@dataclasses.dataclass(frozen=True)
class WhatMoved:
    """The distances by which adaptation moved each layer in each task.

    Attributes:
        layers: Names of the layers, first to last.
        changes: `[tasks, layers]`, ‖φ_K − θ‖ / ‖θ‖ of a layer's weights.
        similarities: `[tasks, layers]`, linear CKA of a layer's features of the
            query set at θ and at φ_K.
    """

    layers: list
    changes: np.ndarray
    similarities: np.ndarray


def relative_change(
    before: list[tf.Tensor], after: list[tf.Tensor]
) -> tf.Tensor:
    """Returns the change in units of the size: ‖after − before‖ / ‖before‖.

    Args:
        before: A list of tensors, taken together as one vector.
        after: A list of tensors of the same shapes.

    Returns:
        A float32 scalar, 0 if nothing moved, infinite if zeros did.
    """
    moved = tf.linalg.global_norm([a - b for a, b in zip(after, before)])
    return tf.where(moved > 0, moved / tf.linalg.global_norm(before), 0.0)


def linear_cka(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Returns the similarity of two sets of features of the same examples.

    The linear centred kernel alignment of Kornblith et al. (2019), with the
    unbiased estimates of Nguyen, Raghu and Kornblith (2021, equation 3) in
    place of the sums, which come near 1 for any features that outnumber the
    examples. It is 1 if one is a rotation or reflection of the other, at any
    scale and offset, and 0 on average if they have nothing in common; it can be
    a little below 0.

    Args:
        x: Features `[examples, ...]`, 4 examples or more.
        y: Features `[examples, ...]`; their number may differ.

    Returns:
        A float32 scalar, at most 1; NaN if all examples' features are equal.

    Raises:
        InputError: There are fewer than 4 examples.
    """
    if x.shape[0] < 4:
        raise InputError(
            f"query: the features of {x.shape[0]} examples were given; a"
            " comparison needs 4 or more."
        )
    x, y = _gram(x), _gram(y)
    return _alignment(x, y) / tf.sqrt(_alignment(x, x) * _alignment(y, y))


def layers(model: keras.Model) -> list[Layer]:
    """Lists the layers of a network with trainable weights, first to last.

    A normalisation belongs to the layer before it if it is the only one that
    takes that layer's output. A nested model counts as one layer.

    Args:
        model: A functional or sequential `keras.Model`.

    Returns:
        A list of `Layer`.

    Raises:
        InputError: The model is of another kind, or calls a layer twice.
    """
    try:
        # The same layers, as a model that knows its graph; a sequential model
        # does not.
        operations = keras.Model(model.inputs, model.outputs).operations
        consumers: dict[int, list] = {}
        for operation in operations:
            if not isinstance(operation, keras.layers.InputLayer):
                for tensor in keras.tree.flatten(operation.input):
                    consumers.setdefault(id(tensor), []).append(operation)
        return _layers(model, operations, consumers)
    except (AttributeError, ValueError, TypeError) as error:
        raise InputError(
            f"model: {model.name!r} does not show what its layers are; a"
            " functional or sequential model that calls each layer once will"
            " do."
        ) from error


def _layers(model, operations, consumers):
    listed, merged = [], set()
    outputs = {id(tensor) for tensor in model.outputs}
    for operation in operations:
        variables = _trainable(operation)
        if not variables or id(operation) in merged:
            continue
        features = operation.output
        while id(features) not in outputs:
            following = consumers.get(id(features), [])
            if (
                len(following) != 1
                or isinstance(following[0].input, list | tuple | dict)
                or not (
                    isinstance(following[0], NORMALIZATIONS)
                    or not getattr(following[0], "weights", ())
                )
            ):
                break
            variables = variables + _trainable(following[0])
            merged.add(id(following[0]))
            features = following[0].output
        listed.append(Layer(operation.name, variables, features))
    return listed


def _trainable(operation):
    return list(getattr(operation, "trainable_variables", ()))


def what_moved(
    algorithm: Algorithm,
    episodes: Callable,
    *,
    num_tasks: int = 100,
    steps: int = 1,
    seed: int = 0,
) -> WhatMoved:
    """Adapts to many tasks and measures how far each layer moved.

    Features are computed as predictions are, batch normalisation by the
    statistics that the algorithm uses.

    Args:
        algorithm: One of `maml_tf.algorithms`, with a trained model.
        episodes: Function `number -> Episode`, pure TensorFlow or of Python, of
            4 queries or more.
        num_tasks: Tasks number 0 … `num_tasks − 1` are used.
        steps: Inner steps, 1 or more.
        seed: Seed of dropout within tasks.

    Returns:
        A `WhatMoved`.

    Raises:
        InputError: An argument cannot be used, or nothing adapts.
    """
    check_at_least_one(num_tasks=num_tasks, steps=steps)
    episodes = for_each_task(episodes, algorithm.model)
    model, loop = algorithm.model, algorithm.inner_loop
    if not any(loop.adapted):
        raise nothing_adapts(algorithm)
    moving_layers = layers(model)
    probe = InnerLoop(
        keras.Model(model.inputs, [layer.features for layer in moving_layers]),
        loop.loss,
        loop.optimizer,
        batch_norm=loop.batch_norm,
    )
    places = _places(model.trainable_variables)

    def features(phi, state, episode):
        # In the order of the probe's variables, which its graph decides.
        return probe.predict(
            _reordered(
                phi, model.trainable_variables, probe.model.trainable_variables
            ),
            _reordered(
                state,
                model.non_trainable_variables,
                probe.model.non_trainable_variables,
            ),
            episode.query_x,
            episode.support_x,
        )

    @tf.function(autograph=False)
    def measure(number):
        episode = episodes(number)
        theta = algorithm.theta()
        task_seed = adaptation_seed(seed, number)
        adaptation = loop.adapt(
            theta, episode.support_x, episode.support_y, steps, task_seed
        )
        start, *_, phi = adaptation.phi
        state = adaptation.state
        changes = []
        for layer in moving_layers:
            chosen = [places[id(variable)] for variable in layer.variables]
            changes.append(
                relative_change(
                    [start[i] for i in chosen], [phi[i] for i in chosen]
                )
            )
        similarities = [
            linear_cka(before, after)
            for before, after in zip(
                features(start, state, episode), features(phi, state, episode)
            )
        ]
        return tf.stack(changes), tf.stack(similarities)

    tasks = [measure(number) for number in tf.range(num_tasks, dtype=tf.int64)]
    changes, similarities = (np.stack(values) for values in zip(*tasks))
    names = [layer.name for layer in moving_layers]
    return WhatMoved(names, changes, similarities)


def _places(variables):
    return {id(variable): place for place, variable in enumerate(variables)}


def _reordered(values, variables, order):
    places = _places(variables)
    return [values[places[id(variable)]] for variable in order]


def _gram(features):
    """Returns inner products of examples, with zeros on the diagonal."""
    features = tf.cast(features, tf.float32)
    features = tf.reshape(features, [features.shape[0], -1])
    # The estimate is the same for any offset; without it, rounding is small.
    features -= tf.reduce_mean(features, 0)
    gram = tf.matmul(features, features, transpose_b=True)
    return tf.linalg.set_diag(gram, tf.zeros(gram.shape[0]))


def _alignment(k, m):
    """Returns the unbiased HSIC estimate (Song et al. 2012), up to a factor."""
    n = k.shape[0]
    return (
        tf.reduce_sum(k * m)
        + tf.reduce_sum(k) * tf.reduce_sum(m) / ((n - 1) * (n - 2))
        - 2.0
        / (n - 2)
        * tf.reduce_sum(tf.reduce_sum(k, 0) * tf.reduce_sum(m, 0))
    )
