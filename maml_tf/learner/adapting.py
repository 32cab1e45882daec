"""Adapts a learner to the examples of a task."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from maml_tf.algorithms.algorithm import nothing_adapts
from maml_tf.errors import DivergenceError, InputError, refusal
from maml_tf.functional.mean_predictions import mean_values
from maml_tf.functional.measures import as_taken, takes_one_hot
from maml_tf.learner import head, units
from maml_tf.learner.adapted_model import AdaptedModel
from maml_tf.learner.knowledge import derive_again
from maml_tf.learner.labels import class_names, judge, targets
from maml_tf.learner.members import thetas

if TYPE_CHECKING:
    from maml_tf.learner.learner import Learner


def adapt(
    learner: "Learner",
    support_x: Any,
    support_y: ArrayLike,
    steps: int | None = None,
    validation_data: tuple | None = None,
) -> AdaptedModel:
    """Learns a task from a few examples.

    Args:
        learner: The learner to adapt; it stays as it is.
        support_x: As in `Learner.adapt`.
        support_y: As in `Learner.adapt`.
        steps: As in `Learner.adapt`.
        validation_data: As in `Learner.adapt`.

    Returns:
        An `AdaptedModel`.

    Raises:
        InputError: An argument cannot be used.
        DivergenceError: Predictions became NaN or infinite.
    """
    if not learner.algorithm.has_inner_loop:
        raise nothing_adapts(learner.algorithm)
    steps = learner.steps if steps is None else steps
    if not isinstance(steps, int | np.integer):
        raise refusal("steps", steps, "give a whole number")
    if steps < 0:
        raise refusal("steps", steps, "it must be 0 or more")
    x = learner.prepare(support_x, "support_x")
    labels, y = _labels(learner, support_y, _length(x))
    algorithm = learner.with_outputs(
        _outputs(learner, labels), **_statistics(learner)
    )
    loop = algorithm.inner_loop
    raw = units.raw_windows(learner, support_x, "support_x")
    goals = _targets(learner, loop.loss, labels, y, raw)
    begun = [
        loop.begin(theta, x, goals, tf.constant([0, 0], tf.int64))
        for theta in thetas(learner, algorithm)
    ]
    keras_model, networks, to_units = _keras_model(
        learner, algorithm.model, len(begun)
    )
    adapted = AdaptedModel(keras_model, labels)
    judged = {"": (x, y, raw)}
    if validation_data is not None:
        judged["val_"] = _validation(learner, validation_data, labels)
    # Steps one by one: two sets of weights are kept, not those of all steps.
    for step in range(steps + 1):
        for member, network in enumerate(networks):
            phi, slots, state = begun[member]
            if step:
                phi, slots, state, _ = loop.step(phi, slots, state, x, goals)
                begun[member] = phi, slots, state
            if loop.batch_norm == "inductive":
                state = loop.support_statistics(phi, state, x)
            _assign(network, algorithm.model, phi, state)
        for prefix, (inputs, true, raw) in judged.items():
            outputs = mean_values(
                [
                    units.restored(
                        learner, to_units, network(inputs, training=False), raw
                    )
                    for network in networks
                ]
            ).numpy()
            if not np.isfinite(outputs).all():
                raise DivergenceError(
                    "Predictions became NaN or infinite; fewer steps, or a"
                    " learner with a smaller inner learning rate, may help."
                )
            for name, value in judge(outputs, true).items():
                adapted.history.setdefault(prefix + name, []).append(value)
    return adapted


def _validation(learner, validation_data, labels):
    """Returns `(inputs, targets, raw windows)` of raw validation data."""
    if not isinstance(validation_data, tuple) or len(validation_data) != 2:
        raise InputError(
            "validation_data: give a pair of raw examples and labels, (x, y)."
        )
    x, y = validation_data
    raw = units.raw_windows(learner, x, "validation_data")
    x = learner.prepare(x, "validation_data")
    return x, targets(y, _length(x), labels, "validation_data"), raw


def _statistics(learner):
    """Returns the option for the batch statistics of an adapted model."""
    moving = learner.algorithm.inner_loop.batch_norm == "moving"
    return {"batch_norm": "moving" if moving else "inductive"}


def _labels(learner, support_y, examples):
    """Returns `(names of the classes or None, class numbers or values)`."""
    if learner.task == "regression":
        values = targets(support_y, examples, argument="support_y")
        if values.shape[1] != learner.outputs:
            raise InputError(
                f"support_y: it has {values.shape[1]} targets an example;"
                f" the model has {learner.outputs}."
            )
        return None, values
    labels = sorted(set(class_names(support_y, "support_y")))
    numbers = targets(support_y, examples, labels, "support_y")
    if len(labels) < 2:
        raise InputError(
            f"support_y: it names one class alone, {labels[0]!r}; give"
            " examples of two or more."
        )
    return labels, numbers.astype(np.int32)


def _outputs(learner, labels):
    """Returns the number of outputs for classes of these names."""
    if labels is None:
        return learner.outputs
    if learner.outputs == 1:
        if len(labels) > 2:
            raise InputError(
                f"support_y: it names {len(labels)} classes; a model with one"
                " logit tells two apart."
            )
        return 1
    return len(labels)


def _targets(learner, loss, labels, y, raw):
    """Returns the targets in the form that the loss takes."""
    if labels is None:
        return tf.convert_to_tensor(units.standardised(learner, y, raw))
    one_hot = takes_one_hot(loss, learner.outputs)
    return as_taken(tf.constant(y), one_hot, _outputs(learner, labels))


def _keras_model(learner, network, count):
    """Makes a model from raw inputs, the mean of untrained copies of a network.

    Returns:
        `(model, copies, the layer to a user's units)`.
    """
    names = [f"network_{n + 1}" for n in range(count)]
    networks = [
        head.copied(network, name if count > 1 else "network") for name in names
    ]
    inputs = keras.tree.map_structure(
        lambda t: keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name),
        learner.raw_input,
    )
    prepared = learner.preparation(inputs) if learner.preparation else inputs
    to_units = learner.to_units()
    outputs = [
        units.restored(learner, to_units, network(prepared), inputs)
        for network in networks
    ]
    mean = keras.layers.Average(name="mean", dtype="float32")
    model = keras.Model(
        inputs, mean(outputs) if count > 1 else outputs[0], name="adapted_model"
    )
    classifies = learner.task == "classification"
    model.compile(
        # SGD has no slots, so the file holds the weights only once.
        keras.optimizers.SGD(1e-2),
        loss="sparse_categorical_crossentropy" if classifies else "mse",
        metrics=["accuracy" if classifies else "mae"],
    )
    return model, networks, to_units


def _length(x):
    """Returns the number of examples in a tensor or a structure of them."""
    return tf.nest.flatten(x)[0].shape[0]


def _assign(network, source, phi, state):
    """Gives a copy of `source` adapted weights and its other state."""
    values = {
        id(variable): value
        for variables, tensors in (
            (source.trainable_variables, phi),
            (source.non_trainable_variables, state),
        )
        for variable, value in zip(variables, tensors, strict=True)
    }
    for new, old in zip(network.variables, source.variables, strict=True):
        new.assign(values[id(old)])
    derive_again(network)
