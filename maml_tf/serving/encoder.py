"""The encoder of a prototypical network as one TensorFlow Lite file.

Such a learner adapts by class means alone, so an application needs no server
and no derivatives:

    features = encoder(support_x=support_x, x=x)["features"]
    means[n] = mean of the features of class n's support examples
    logits[n] = -scale * |features - means[n]|²

Inputs are the network's, as `Learner.prepare` makes them. Batch normalisation
takes the statistics of `support_x`; with `batch_norm="moving"` there is `x`
alone.
"""

import os
import pathlib
from typing import NamedTuple

import tensorflow as tf

from maml_tf.algorithms.beginnings import Prototypes
from maml_tf.errors import InputError
from maml_tf.files import replacing
from maml_tf.learner.learner import Learner


class Encoder(NamedTuple):
    """An encoder that was written.

    Attributes:
        path: The file.
        inputs: Names of the inputs of its one signature.
        scale: Factor of the squared distances to the class means.
    """

    path: pathlib.Path
    inputs: tuple[str, ...]
    scale: float


def write_encoder(learner: Learner, path: str | os.PathLike) -> Encoder:
    """Writes the encoder of a learner, TensorFlow Lite's own operations alone.

    Args:
        learner: A `maml_tf.Learner` that predicts by class means: its algorithm
            is `protonet`, or `proto_maml` without inner steps.
        path: The file to write.

    Returns:
        An `Encoder`.

    Raises:
        InputError: The learner adapts by gradient steps, or is an ensemble.
    """
    if not predicts_by_means(learner):
        raise InputError(
            "encoder: this learner does not predict by class means alone; give"
            " one that was trained with algorithm protonet."
        )
    if learner.members:
        raise InputError(
            f"ensemble: the learner has {len(learner.members)} members, and an"
            " encoder is of one; let learner.members be [] to take the best"
            " alone."
        )
    algorithm = learner.algorithm
    loop = algorithm.inner_loop
    prototypes = loop.beginning
    theta = [tf.constant(weight) for weight in algorithm.theta()]
    start = [tf.constant(value) for value in loop.functional_model.state()]

    def encode(x, support_x=None):
        state = start
        if support_x is not None:
            state = loop.support_statistics(theta, state, support_x)
        features = prototypes.features(theta, state, x, batch_statistics=False)
        return {"features": features}

    inputs = ("x",) if loop.batch_norm == "moving" else ("x", "support_x")
    x = learner.model.inputs[0]
    concrete = tf.function(encode, autograph=False).get_concrete_function(
        **{name: tf.TensorSpec(x.shape, x.dtype, name) for name in inputs}
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [concrete], tf.Module()
    )
    path = pathlib.Path(path)
    with replacing(path) as partial:
        partial.write_bytes(converter.convert())
    return Encoder(path, inputs, float(prototypes.scale))


def predicts_by_means(learner: Learner) -> bool:
    """Returns whether a learner takes no gradient steps from class means.

    Args:
        learner: A `maml_tf.Learner`.
    """
    algorithm = learner.algorithm
    if not algorithm.has_inner_loop:
        return False
    loop = algorithm.inner_loop
    steps = learner.steps if any(loop.adapted) else 0
    return isinstance(loop.beginning, Prototypes) and steps == 0
