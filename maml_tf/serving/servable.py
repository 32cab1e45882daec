"""The functions and variables of a learner that is served."""

import contextlib
import copy

import keras
import numpy as np
import tensorflow as tf

from maml_tf.algorithms import NearestCentroid
from maml_tf.errors import InputError
from maml_tf.functional.model import FunctionalModel, leaf_layers
from maml_tf.serving.requests import all_finite, checked, finite, signature


class Servable(tf.Module):
    """The signatures as functions over tensors, and the variables of them.

    A network of `outputs` outputs serves tasks of any fewer classes: outputs
    of a linear head know nothing of one another, so that the first N of them
    are the head of N that `Learner.with_outputs` makes.
    """

    def __init__(self, learner, batch_norm, max_classes):
        super().__init__(name="maml_tf")
        if isinstance(learner.algorithm, NearestCentroid):
            raise InputError(
                "algorithm: nearest_centroid has no weights that adapt; give"
                " another learner."
            )
        if not isinstance(learner.raw_input, keras.KerasTensor):
            raise InputError(
                "learner: its model has several inputs, for which there are no"
                " signatures; give one with a single input."
            )
        self.classifies = learner.task == "classification"
        algorithm = _with_most_outputs(learner, max_classes, batch_norm)
        self.loop = _on_first_outputs(algorithm.inner_loop, self.classifies)
        self.outputs = algorithm.model.output_shape[-1]
        self.input = tf.TensorSpec(
            [None, *learner.raw_input.shape[1:]], learner.raw_input.dtype
        )
        self._trained = FunctionalModel(learner.model)
        self._to_units = learner.to_units()
        # Attributes of TensorFlow's own kinds are what is saved.
        self._preparation = learner.preparation
        self._trained_variables = [v.value for v in learner.model.variables]
        self._variables = [
            # Once for both networks, where they hold the same.
            trained.value if _equal(own, trained) else own.value
            for own, trained in zip(
                algorithm.model.variables, learner.model.variables, strict=True
            )
        ]
        in_state = _state_to_keep(algorithm.model)
        self._state_kept = [
            id(v) in in_state for v in algorithm.model.non_trainable_variables
        ]

    def signatures(self, steps):
        """Concrete functions by name.

        Args:
            steps: Inner steps where a request does not say.
        """
        labels = tf.TensorSpec([None], tf.int32)
        if not self.classifies:
            labels = tf.TensorSpec([None, self.outputs], tf.float32)
        support = {"support_x": self.input, "support_y": labels}
        given = {"steps": tf.TensorSpec([], tf.int32)}
        query = {"query_x": self.input}
        adapt_and_predict = tf.function(self.adapt_and_predict, autograph=False)
        adapt = tf.function(self.adapt, autograph=False)
        signatures = {
            "adapt_and_predict": signature(
                lambda **inputs: adapt_and_predict(
                    **inputs, steps=tf.constant(steps)
                ),
                {**support, **query},
            ),
            "adapt_and_predict_with_steps": signature(
                lambda **inputs: adapt_and_predict(**inputs),
                {**support, **query, **given},
            ),
            "adapt": signature(
                lambda **inputs: adapt(**inputs, steps=tf.constant(steps)),
                support,
            ),
            "adapt_with_steps": signature(
                lambda **inputs: adapt(**inputs), {**support, **given}
            ),
        }
        kept = {
            name: tf.TensorSpec(tensor.shape, tensor.dtype)
            for name, tensor in signatures["adapt"].structured_outputs.items()
        }
        return {
            **signatures,
            "predict_adapted": signature(
                self.predict_adapted, {**kept, **query}
            ),
            "serving_default": signature(
                self.predict_unadapted, {"x": self.input}
            ),
        }

    def adapt_and_predict(self, support_x, support_y, query_x, steps):
        """What becomes of queries after `steps` steps on a support set."""
        x, y = self._support(support_x, support_y)
        query_x = self._prepared(query_x, "query_x")
        with self._variables_in_place():
            phi, state = self._adapted(x, y, steps)
            outputs = self.loop.predict(phi, state, query_x, x)
        return self._answer(outputs, self._classes(y))

    def adapt(self, support_x, support_y, steps):
        """What a task changed, in one vector, and its number of classes."""
        x, y = self._support(support_x, support_y)
        with self._variables_in_place():
            phi, state = self._adapted(x, y, steps)
            if self.loop.batch_norm != "moving":
                state = self.loop.support_statistics(phi, state, x)
        kept = [tf.reshape(tensor, [-1]) for tensor in self._kept(phi, state)]
        kept = {"weights": finite(tf.concat([tf.zeros([0]), *kept], 0))}
        if self.classifies:
            kept["num_classes"] = self._classes(y)
        return kept

    def predict_adapted(self, query_x, weights, num_classes=None):
        """Predicts by what `adapt` returned, each query by itself."""
        query_x = self._prepared(query_x, "query_x")
        weights = checked(
            weights,
            (
                all_finite(weights),
                "weights: it has numbers that are NaN or infinite; give what"
                " adapt returned.",
            ),
        )
        if self.classifies:
            num_classes = checked(
                num_classes,
                (
                    (num_classes >= 2) & (num_classes <= self.outputs),
                    f"num_classes: it must be 2 to {self.outputs}, as adapt"
                    " returned it; given was",
                    num_classes,
                ),
            )
        with self._variables_in_place():
            model = self.loop.functional_model
            phi, state = self._restored(weights, model.theta(), model.state())
            outputs, _ = model(
                phi, state, query_x, training=False, batch_statistics=False
            )
        return self._answer(outputs, num_classes)

    def predict_unadapted(self, x):
        """What the trained model says, all its outputs."""
        model = self._trained
        outputs, _ = model(
            model.theta(),
            model.state(),
            self._prepared(x, "x"),
            training=False,
            # Moving averages are of use only where they were trained.
            batch_statistics=self.loop.batch_norm != "moving",
        )
        return self._answer(outputs, None)

    def _adapted(self, x, y, steps):
        """`(phi, state)` after as many steps as a tensor says."""
        loop = self.loop
        # As in Learner.adapt.
        state = loop.functional_model.state(tf.constant([0, 0], tf.int64))
        phi = loop.functional_model.theta()
        start = (phi, loop.optimizer.start(phi), state)

        def step(k, carry):
            *after, _ = loop.step(*carry, x, y)
            for tensor, before in zip(
                tf.nest.flatten(after), tf.nest.flatten(carry), strict=True
            ):
                tensor.set_shape(before.shape)
            return k + 1, tuple(after)

        steps = checked(
            steps, (steps >= 0, "steps: it must be 0 or more; given was", steps)
        )
        _, (phi, _, state) = tf.while_loop(
            lambda k, _: k < steps, step, (tf.constant(0), start)
        )
        return phi, state

    def _support(self, x, y):
        """The support set as the network and the loss take it, checked."""
        y = checked(
            y,
            (
                tf.shape(x)[0] == tf.shape(y)[0],
                "support_y: there must be one for each example of support_x;"
                " given were as many labels and examples:",
                tf.shape(y)[0],
                tf.shape(x)[0],
            ),
        )
        x = self._prepared(x, "support_x")
        if not self.classifies:
            y = checked(
                y,
                (
                    all_finite(y),
                    "support_y: it has numbers that are NaN or infinite; leave"
                    " those examples out.",
                ),
            )
            scale, offset = self._to_units.scale, self._to_units.offset
            return x, (y - offset) / scale
        largest = tf.reduce_max(y)
        classes = tf.range(self.outputs)
        is_there = tf.reduce_any(y[:, tf.newaxis] == classes, 0)
        y = checked(
            y,
            (
                # Of no examples at all, which x is refused for.
                (tf.size(y) == 0)
                | ((tf.reduce_min(y) >= 0) & (largest < self.outputs)),
                "support_y: labels must be class numbers from 0 to"
                f" {self.outputs - 1}; given were from, to:",
                tf.reduce_min(y),
                largest,
            ),
            (
                tf.reduce_all(is_there | (classes > largest)),
                "support_y: each class from 0 to the largest needs an example;"
                " there are none of",
                tf.boolean_mask(classes, ~is_there & (classes < largest)),
            ),
            (
                largest != 0,
                "support_y: it names one class alone; give examples of two or"
                " more.",
            ),
        )
        return x, (y, tf.reduce_max(y) + 1)

    def _classes(self, y):
        return y[1] if self.classifies else None

    def _prepared(self, x, argument):
        requirements = [
            (tf.size(x) > 0, f"{argument}: it is empty; give one or more.")
        ]
        if x.dtype.is_floating:
            requirements.append(
                (
                    all_finite(x),
                    f"{argument}: it has numbers that are NaN or infinite;"
                    " leave those examples out.",
                )
            )
        x = checked(x, *requirements)
        return x if self._preparation is None else self._preparation(x)

    def _answer(self, outputs, classes):
        if not self.classifies:
            return {"values": finite(self._to_units(outputs))}
        if classes is not None:
            outputs = outputs[:, :classes]
        return {"probabilities": finite(self._to_units(outputs))}

    def _kept(self, phi, state):
        """The elements that tasks differ in, of weights and state."""
        return [
            tensor
            for tensor, kept in zip(
                (*phi, *state),
                (*self.loop.adapted, *self._state_kept),
                strict=True,
            )
            if kept
        ]

    def _restored(self, weights, phi, state):
        """`(phi, state)`, the elements that `_kept` names from a vector."""
        names = (*self.loop.adapted, *self._state_kept)
        values, first = [], 0
        for tensor, kept in zip((*phi, *state), names, strict=True):
            if kept:
                end = first + tensor.shape.num_elements()
                tensor = tf.reshape(weights[first:end], tensor.shape)
                first = end
            values.append(tensor)
        return values[: len(phi)], values[len(phi) :]

    def _variables_in_place(self):
        return keras.StatelessScope(
            [
                (variable, tf.convert_to_tensor(kept))
                for variable, kept in zip(
                    self.loop.model.variables, self._variables, strict=True
                )
            ]
        )


def _with_most_outputs(learner, max_classes, batch_norm):
    """The algorithm for as many classes as can be asked for."""
    options = {} if batch_norm is None else {"batch_norm": batch_norm}
    if learner.task == "classification":
        outputs = max(max_classes, learner.outputs)
        # With another head it may not go: BOIL, a model of the user's own.
        with contextlib.suppress(InputError):
            return learner.with_outputs(outputs, **options)
    return learner.with_outputs(learner.outputs, **options)


def _on_first_outputs(loop, classifies):
    """The inner loop with `y` a pair: labels, and how many outputs count."""
    if not classifies:
        return loop
    loop = copy.copy(loop)
    loss = loop.loss
    loop.loss = lambda y, outputs: loss(y[0], outputs[:, : y[1]])
    return loop


def _equal(one, other):
    return one.shape == other.shape and np.array_equal(one, other)


def _state_to_keep(model):
    """Identities of the variables that a support set may give values to.

    Statistics and the like; neither frozen weights nor random streams.
    """
    frozen, statistics = set(), set()
    for layer in leaf_layers(model):
        (statistics if layer.trainable else frozen).update(
            id(v)
            for v in layer.non_trainable_variables
            if keras.backend.is_float_dtype(v.dtype)
        )
    return statistics - frozen
