"""How the head of a task begins: what makes φ_0 of θ.

A beginning is a function of θ's weights, of variables of its own and of the
support set. The meta-gradient flows through it.
"""

from collections.abc import Callable
from typing import Any, Literal

import keras
import tensorflow as tf

from maml_tf.algorithms import adapted_weights
from maml_tf.algorithms.head_layers import head_layers
from maml_tf.errors import InputError, refusal
from maml_tf.functional.features import Features

HeadBeginning = Literal["learned", "zero", "shared", "prototypes"]


class ZeroHead:
    """Begins with a head of zeros, which is not learned (Kao et al. 2022).

    Args:
        model: The model.

    Attributes:
        variables: An empty list.
        changes: Which trainable weights differ from θ's, a list of bools.
    """

    def __init__(self, model: keras.Model) -> None:
        self.variables: list[keras.Variable] = []
        self.changes = in_head(model)

    def __call__(
        self, phi: list, own: list, state: list, x: Any, y: Any
    ) -> list:
        """Returns φ_0.

        Args:
            phi: The weights of θ.
            own: θ's tensors for `variables`.
            state: The non-trainable weights.
            x: The support set's inputs.
            y: The support set's targets.
        """
        del own, state, x, y
        return [
            tf.zeros_like(weight) if changes else weight
            for weight, changes in zip(phi, self.changes)
        ]


class ZeroContexts(ZeroHead):
    """Begins with contexts of zeros, which are not learned (CAVIA).

    Args:
        model: A model with `maml_tf.ContextParameters` layers.

    Raises:
        InputError: The model has no such layer.
    """

    def __init__(self, model: keras.Model) -> None:
        is_context = adapted_weights.contexts(model)
        self.variables = []
        self.changes = [is_context(v) for v in model.trainable_variables]


class SharedHead:
    """Begins with the same vector and bias for each class (UNICORN-MAML).

    So the result does not depend on how classes are numbered, and any number of
    ways will do (Ye and Chao 2022, section 5).

    Args:
        model: A model that ends in a `Dense` head.

    Attributes:
        variables: The vector `[features]` and, if the head has one, the bias
            `[]`. They begin as the head's first output.
        changes: As in `ZeroHead`.

    Raises:
        InputError: The model has another head.
    """

    def __init__(self, model: keras.Model) -> None:
        head = _dense_head(model, "shared")
        parts = [head.kernel] + [head.bias] * head.use_bias
        self.changes = in_head(model)
        self.variables = [
            keras.Variable(
                part.numpy()[..., 0], dtype=part.dtype, name="shared_head"
            )
            for part in parts
        ]

    def __call__(
        self, phi: list, own: list, state: list, x: Any, y: Any
    ) -> list:
        """Returns φ_0; see `ZeroHead`."""
        del state, x, y
        shared = iter(own)
        return [
            tf.repeat(next(shared)[..., tf.newaxis], weight.shape[-1], -1)
            if changes
            else weight
            for weight, changes in zip(phi, self.changes)
        ]


class Prototypes:
    """Begins with the head that finds the nearest class mean (Proto-MAML).

    With the means c_n of the body's features, W = 2 s c_n and b = −s |c_n|², so
    the logits are −s |f − c_n|² up to what all classes share (Triantafillou et
    al. 2020, section 3). Features are computed without dropout.

    Args:
        model: A functional model that ends in a `Dense` head with a bias.
        batch_norm: The statistics of batch normalisation, as in `InnerLoop`.
        scale: Factor s. Defaults to 1 / √d for d features, as the softmax of
            many features would be all on one class. The paper has 1.

    Attributes:
        variables: An empty list.
        changes: As in `ZeroHead`.

    Raises:
        InputError: The model has another head or another graph.
    """

    def __init__(
        self, model: keras.Model, batch_norm: str, scale: float | None = None
    ) -> None:
        head = _dense_head(model, "prototypes")
        if not head.use_bias or head.units < 2:
            raise _cannot(model, "prototypes", "has no bias or one output")
        self.variables: list[keras.Variable] = []
        self.changes = in_head(model)
        self.features = Features(model, head)
        self._batch_statistics = batch_norm != "moving"
        width = head.kernel.shape[0]
        self.scale = width**-0.5 if scale is None else scale
        self._way = head.units

    def __call__(
        self, phi: list, own: list, state: list, x: Any, y: Any
    ) -> list:
        """Returns φ_0; see `ZeroHead`."""
        del own
        features = self.features(
            phi, state, x, batch_statistics=self._batch_statistics
        )
        means = class_means(features, y, self._way)
        squares = tf.reduce_sum(tf.square(means), 1)
        head = iter(
            (2.0 * self.scale * tf.transpose(means), -self.scale * squares)
        )
        return [
            tf.cast(next(head), weight.dtype) if changes else weight
            for weight, changes in zip(phi, self.changes)
        ]


def class_means(features: tf.Tensor, y: Any, way: int) -> tf.Tensor:
    """Returns the mean of each class, zero for one without examples.

    Args:
        features: `[examples, features]`.
        y: Class numbers `[examples]`, or one-hot labels `[examples, way]`; or a
            tuple that begins with them.
        way: Number of classes.

    Returns:
        A tensor `[way, features]`.
    """
    if isinstance(y, tuple):
        y = y[0]
    if y.shape.rank == 1:
        y = tf.one_hot(tf.cast(y, tf.int32), way)
    y = tf.cast(y, features.dtype)
    sums = tf.matmul(y, features, transpose_a=True)
    return tf.math.divide_no_nan(sums, tf.reduce_sum(y, 0)[:, tf.newaxis])


def beginning(
    model: keras.Model,
    head: str,
    *,
    batch_norm: str,
    prototype_scale: float | None,
    adapts: str | Callable | None,
) -> Any:
    """Returns the beginning that options describe; None for θ itself.

    Args:
        model: The model.
        head: One of `HeadBeginning`.
        batch_norm: As in `Prototypes`.
        prototype_scale: As `scale` in `Prototypes`.
        adapts: As in `InnerLoop`.

    Raises:
        InputError: The head begins at zero or shared and does not adapt, so all
            classes would stay the same; or an argument cannot be used.
    """
    if prototype_scale is not None and head != "prototypes":
        raise InputError(
            f"prototype_scale: {prototype_scale} was given with head={head};"
            " only head=prototypes takes it."
        )
    if head == "learned":
        return None
    if head == "prototypes":
        return Prototypes(model, batch_norm, prototype_scale)
    kinds = {"zero": ZeroHead, "shared": SharedHead}
    if head not in kinds:
        raise refusal(
            "head", head, "choose one of learned, zero, shared, prototypes"
        )
    is_adapted = adapted_weights.predicate(model, adapts)
    if not any(
        is_adapted(variable)
        for variable, is_head in zip(model.trainable_variables, in_head(model))
        if is_head
    ):
        raise InputError(
            f"head: {head} was given, but the head does not adapt here, so all"
            " classes would stay the same; give learned or prototypes."
        )
    return kinds[head](model)


def in_head(model: keras.Model) -> list[bool]:
    """Tells of each trainable weight of a model whether it is the head's."""
    is_head = adapted_weights.head(model)
    return [bool(is_head(v)) for v in model.trainable_variables]


def _dense_head(model, name):
    """Returns the model's one `Dense` head."""
    heads = head_layers(model)
    if len(heads) != 1 or type(heads[0]) is not keras.layers.Dense:
        raise _cannot(model, name, "does not end in one Dense layer")
    if not heads[0].trainable:
        raise _cannot(model, name, "has a frozen head")
    return heads[0]


def _cannot(model, name, reason):
    return InputError(
        f"head: {name} was given, but model {model.name!r} {reason}; give"
        " algorithm maml with head=learned."
    )
