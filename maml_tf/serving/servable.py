"""The functions and variables of a learner that is served."""

from typing import Any

import keras
import tensorflow as tf

from maml_tf.algorithms.algorithm import nothing_adapts
from maml_tf.algorithms.steps_in_a_loop import take_steps
from maml_tf.errors import InputError
from maml_tf.functional.layers import leaf_layers
from maml_tf.functional.mean_predictions import mean_values
from maml_tf.functional.model import FunctionalModel
from maml_tf.learner import units
from maml_tf.learner.learner import Learner
from maml_tf.serving.outputs import on_first_outputs, with_most_outputs
from maml_tf.serving.requests import all_finite, checked, finite, signature
from maml_tf.serving.served_members import ServedMembers, equal
from maml_tf.serving.state_to_keep import state_to_keep


class Servable(tf.Module):
    """The signatures as functions over tensors, and their variables.

    A network of `outputs` outputs serves tasks of any fewer classes: outputs
    of a linear head are independent of one another, so the first N of them are
    the head of N that `Learner.with_outputs` makes.

    Args:
        learner: The `maml_tf.Learner`.
        batch_norm: As in `maml_tf.export`.
        max_classes: As in `maml_tf.export`.

    Raises:
        InputError: The learner cannot be served.
    """

    def __init__(
        self, learner: Learner, batch_norm: str | None, max_classes: int
    ) -> None:
        super().__init__(name="maml_tf")
        if not learner.algorithm.has_inner_loop:
            raise nothing_adapts(learner.algorithm)
        if not isinstance(learner.raw_input, keras.KerasTensor):
            raise InputError(
                "learner: its model has several inputs, for which there are no"
                " signatures; give one with a single input."
            )
        self.classifies = learner.task == "classification"
        algorithm = with_most_outputs(learner, max_classes, batch_norm)
        self.loop = on_first_outputs(algorithm.inner_loop, self.classifies)
        self.outputs = algorithm.model.output_shape[-1]
        self._one_logit = self.classifies and self.outputs == 1
        if self._one_logit:
            self.outputs = 2
        self.input = tf.TensorSpec(
            [None, *learner.raw_input.shape[1:]], learner.raw_input.dtype
        )
        self._trained = FunctionalModel(learner.model)
        self._learner, self._to_units = learner, learner.to_units()
        # Only attributes of TensorFlow's own kinds are saved.
        self._own_variables = [v.value for v in algorithm.own_variables]
        self._preparation = learner.preparation
        self._tables = _tables(learner.model) + _tables(algorithm.model)
        self._trained_variables = [v.value for v in learner.model.variables]
        self._variables = [
            # One variable for both networks if their values are equal.
            trained.value if equal(served, trained) else served.value
            for served, trained in zip(
                algorithm.model.variables, learner.model.variables, strict=True
            )
        ]
        self.members = ServedMembers(learner, algorithm, self._variables)
        self._state_kept = state_to_keep(self.loop)

    def signatures(self, steps: int) -> dict[str, Any]:
        """Makes the concrete functions.

        Args:
            steps: Inner steps of a request that does not say.

        Returns:
            Dict of name to concrete function.
        """
        labels = tf.TensorSpec([None], tf.int32)
        if not self.classifies:
            labels = tf.TensorSpec([None, self.outputs], tf.float32)
        support = {"support_x": self.input, "support_y": labels}
        number_of_steps = {"steps": tf.TensorSpec([], tf.int32)}
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
                {**support, **query, **number_of_steps},
            ),
            "adapt": signature(
                lambda **inputs: adapt(**inputs, steps=tf.constant(steps)),
                support,
            ),
            "adapt_with_steps": signature(
                lambda **inputs: adapt(**inputs), {**support, **number_of_steps}
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

    def adapt_and_predict(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        query_x: tf.Tensor,
        steps: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Adapts to a support set and predicts its queries.

        Args:
            support_x: Raw inputs `[examples, ...]`.
            support_y: Class numbers `[examples]`, or values
                `[examples, targets]`.
            query_x: Raw inputs `[queries, ...]`.
            steps: Inner steps, an int32 scalar.

        Returns:
            A dict of `"probabilities"` or of `"values"`.
        """
        x, y = self._support(support_x, support_y)
        prepared = self._prepared(query_x, "query_x")
        with self._variables_in_place():
            outputs = [
                self.loop.predict(phi, state, prepared, x)
                for phi, state in self._adapted(x, y, steps)
            ]
        return self._answer(outputs, query_x, self._classes(y))

    def adapt(
        self, support_x: tf.Tensor, support_y: tf.Tensor, steps: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Adapts to a support set.

        Args:
            support_x: As in `adapt_and_predict`.
            support_y: As in `adapt_and_predict`.
            steps: As in `adapt_and_predict`.

        Returns:
            A dict of `"weights"`, all that the task changed in one vector, and
            for a classifier of `"num_classes"`.
        """
        x, y = self._support(support_x, support_y)
        with self._variables_in_place():
            parts = []
            for phi, state in self._adapted(x, y, steps):
                if self.loop.batch_norm != "moving":
                    state = self.loop.support_statistics(phi, state, x)
                parts += [tf.reshape(t, [-1]) for t in self._kept(phi, state)]
        kept = {"weights": finite(tf.concat([tf.zeros([0]), *parts], 0))}
        if self.classifies:
            kept["num_classes"] = self._classes(y)
        return kept

    def predict_adapted(
        self,
        query_x: tf.Tensor,
        weights: tf.Tensor,
        num_classes: Any = None,
    ) -> dict[str, tf.Tensor]:
        """Predicts with the result of `adapt`, each query by itself.

        Args:
            query_x: Raw inputs `[queries, ...]`.
            weights: As `adapt` returned them.
            num_classes: As `adapt` returned it.

        Returns:
            As in `adapt_and_predict`.
        """
        prepared = self._prepared(query_x, "query_x")
        weights = checked(
            weights,
            (
                all_finite(weights),
                "weights: some are NaN or infinite; give the weights that adapt"
                " returned.",
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
            outputs = []
            for theta, own in zip(
                self.members.thetas(), self.members.shares(weights)
            ):
                phi, state = self._restored(own, theta, model.state())
                one, _ = model(
                    phi, state, prepared, training=False, batch_statistics=False
                )
                outputs.append(one)
        return self._answer(outputs, query_x, num_classes)

    def predict_unadapted(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Predicts with the trained model, all its outputs.

        Args:
            x: Raw inputs `[examples, ...]`.

        Returns:
            As in `adapt_and_predict`.
        """
        model, prepared = self._trained, self._prepared(x, "x")
        outputs = [
            model(
                theta,
                model.state(),
                prepared,
                training=False,
                # Moving averages are of use only if they were trained.
                batch_statistics=self.loop.batch_norm != "moving",
            )[0]
            for theta in self.members.trained(model)
        ]
        return self._answer(outputs, x, None)

    def _adapted(self, x, y, steps):
        """Returns each member's `(phi, state)` after a tensor of steps."""
        loop = self.loop
        steps = checked(
            steps, (steps >= 0, "steps: it must be 0 or more; given was", steps)
        )
        adapted = []
        for theta in self.members.thetas():
            # As in Learner.adapt.
            start = loop.begin(theta, x, y, tf.constant([0, 0], tf.int64))
            phi, _, state = take_steps(loop, start, x, y, steps)
            adapted.append((phi, state))
        return adapted

    def _support(self, x, y):
        """Checks the support set and prepares it for network and loss."""
        y = checked(
            y,
            (
                tf.shape(x)[0] == tf.shape(y)[0],
                "support_y: there must be one label for each example of"
                " support_x; the numbers given of labels and of examples are",
                tf.shape(y)[0],
                tf.shape(x)[0],
            ),
        )
        raw, x = x, self._prepared(x, "support_x")
        if not self.classifies:
            y = checked(
                y,
                (
                    all_finite(y),
                    "support_y: some numbers are NaN or infinite; leave those"
                    " examples out.",
                ),
            )
            return x, units.standardised(self._learner, y, raw)
        largest = tf.reduce_max(y)
        classes = tf.range(self.outputs)
        is_there = tf.reduce_any(y[:, tf.newaxis] == classes, 0)
        y = checked(
            y,
            (
                # An empty support set is refused because of x.
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
                " missing are",
                tf.boolean_mask(classes, ~is_there & (classes < largest)),
            ),
            (
                largest != 0,
                "support_y: it has only one class; give examples of two or"
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
                    f"{argument}: some numbers are NaN or infinite; leave those"
                    " examples out.",
                )
            )
        x = checked(x, *requirements)
        return x if self._preparation is None else self._preparation(x)

    def _answer(self, outputs, raw, classes):
        if classes is not None and not self._one_logit:
            outputs = [one[:, :classes] for one in outputs]
        answer = mean_values(
            [
                units.restored(self._learner, self._to_units, one, raw)
                for one in outputs
            ]
        )
        name = "probabilities" if self.classifies else "values"
        return {name: finite(answer)}

    def _kept(self, phi, state):
        """Selects the weights and state elements that differ among tasks."""
        return [
            tensor
            for tensor, kept in zip(
                (*phi, *state),
                (*self.loop.changes, *self._state_kept),
                strict=True,
            )
            if kept
        ]

    def _restored(self, weights, theta, state):
        """Returns `(phi, state)` with `_kept`'s elements from a vector."""
        phi, _ = self.loop.split(theta)
        names = (*self.loop.changes, *self._state_kept)
        # A memory has any number of rows; there is one at most.
        sizes = [t.shape.num_elements() or -1 for t in self._kept(phi, state)]
        # TensorFlow does not split off a single part of unknown size.
        parts = iter(tf.split(weights, sizes) if sizes[1:] else [weights])
        values = [
            tf.reshape(next(parts), [n or -1 for n in t.shape]) if kept else t
            for t, kept in zip((*phi, *state), names, strict=True)
        ]
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


def _tables(model):
    """Returns the tables of layers that look words up."""
    return [
        layer.lookup_table
        for layer in leaf_layers(model)
        if hasattr(layer, "lookup_table")
    ]
