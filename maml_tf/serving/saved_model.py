"""A learner as a SavedModel: the server itself adapts to a request's examples.

    maml_tf.export(learner, "omniglot")

    model = tf.saved_model.load("omniglot")
    model.signatures["adapt_and_predict"](
        support_x=..., support_y=..., query_x=...
    )["probabilities"]

What is written needs TensorFlow and none of our code.
"""

import contextlib
import copy
import os
import pathlib

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from maml_tf.algorithms import NearestCentroid
from maml_tf.errors import InputError, check_at_least_one
from maml_tf.files import partial_folder
from maml_tf.functional.model import FunctionalModel, leaf_layers
from maml_tf.learner.learner import Learner
from maml_tf.serving.document import document

# Where TensorFlow Serving lets a SavedModel's documents be.
README = pathlib.Path("assets.extra", "README.md")


def export(
    learner: Learner,
    folder: str | os.PathLike,
    *,
    batch_norm: str | None = None,
    max_classes: int = 50,
    steps: int | None = None,
) -> pathlib.Path:
    """Writes a learner as a SavedModel.

    Its signatures, all but the last of which have a request's own examples
    adapt the model, in the graph:

    - `adapt_and_predict(support_x, support_y, query_x)`;
    - `adapt_and_predict_with_steps`, the same with `steps`;
    - `adapt(support_x, support_y)`: what is to be kept of a user, for
      `predict_adapted(weights, num_classes, query_x)`;
    - `adapt_with_steps`, the same with `steps`;
    - `serving_default(x)`: the model as it is, not adapted.

    Steps have signatures of their own because what `tf.saved_model.load`
    returns knows no defaults of a signature's arguments.

    Inputs are raw, as `learner.raw_input` says: uint8 images of any one size,
    strings, numbers. `support_y` holds class numbers from 0, int32
    `[examples]`, the largest of which says how many classes there are; or
    values in their own units, `[examples, targets]`. There may be any number of
    examples. A request that cannot be used is refused with a sentence. The same
    is told in `assets.extra/README.md` there.

    Args:
        learner: a `maml_tf.Learner`.
        folder: where to; made here, and refused if it holds anything.
        batch_norm: whose statistics the queries of `adapt_and_predict` are
            normalised by. `"transductive"`: their own, all queries of a
            request together; `"inductive"`: the support set's, for a server
            that gets one query at a time; `"moving"`. None: as in the
            training, which gives the accuracy of `scripts/evaluate.py`.
            `predict_adapted` always uses the support set's.
        max_classes: most classes of a request. There are at least as many as
            in training; and no more where the network cannot be given another
            head, and with BOIL.
        steps: inner gradient steps; None: the learner's.

    Returns:
        The folder, a `pathlib.Path`.

    Raises:
        InputError: an argument that cannot be used.
    """
    steps = learner.steps if steps is None else steps
    if steps < 0:
        raise InputError(f"steps: {steps} was given; it must be 0 or more.")
    check_at_least_one(max_classes=max_classes)
    with _new_folder(folder) as partial:
        servable = _Servable(learner, batch_norm, max_classes)
        signatures = servable.signatures(steps)
        tf.saved_model.save(
            servable,
            str(partial),
            signatures,
            # Whoever serves does not differentiate.
            tf.saved_model.SaveOptions(experimental_custom_gradients=False),
        )
        _forget_gradients(partial)
        (partial / README).parent.mkdir()
        (partial / README).write_text(
            document(learner, servable, signatures, steps, folder),
            encoding="utf-8",
        )
    return pathlib.Path(folder)


@contextlib.contextmanager
def _new_folder(folder):
    """Gives a folder to fill, which takes the name at the end."""
    folder = pathlib.Path(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(
            f"output: {str(folder)!r} exists and is not empty; give another"
            " folder."
        )
    with partial_folder(folder) as partial:
        yield partial
        os.replace(partial, folder)


def _forget_gradients(saved):
    """Takes out the names of derivatives that are not there.

    TensorFlow would warn of each, whenever the model is loaded.
    """
    path = saved / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in model.meta_graphs:
        for function in meta_graph.graph_def.library.function:
            for node in function.node_def:
                node.attr.pop("_gradient_op_type", None)
    path.write_bytes(model.SerializeToString(deterministic=True))
    # Which has the sum of the file as it was.
    (saved / "fingerprint.pb").unlink(missing_ok=True)


class _Servable(tf.Module):
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
            steps: inner steps where a request does not say.
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
            "adapt_and_predict": _signature(
                lambda **inputs: adapt_and_predict(
                    **inputs, steps=tf.constant(steps)
                ),
                {**support, **query},
            ),
            "adapt_and_predict_with_steps": _signature(
                lambda **inputs: adapt_and_predict(**inputs),
                {**support, **query, **given},
            ),
            "adapt": _signature(
                lambda **inputs: adapt(**inputs, steps=tf.constant(steps)),
                support,
            ),
            "adapt_with_steps": _signature(
                lambda **inputs: adapt(**inputs), {**support, **given}
            ),
        }
        kept = {
            name: tf.TensorSpec(tensor.shape, tensor.dtype)
            for name, tensor in signatures["adapt"].structured_outputs.items()
        }
        return {
            **signatures,
            "predict_adapted": _signature(
                self.predict_adapted, {**kept, **query}
            ),
            "serving_default": _signature(
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
        kept = {"weights": _finite(tf.concat([tf.zeros([0]), *kept], 0))}
        if self.classifies:
            kept["num_classes"] = self._classes(y)
        return kept

    def predict_adapted(self, query_x, weights, num_classes=None):
        """Predicts by what `adapt` returned, each query by itself."""
        query_x = self._prepared(query_x, "query_x")
        weights = _checked(
            weights,
            (
                _all_finite(weights),
                "weights: it has numbers that are NaN or infinite; give what"
                " adapt returned.",
            ),
        )
        if self.classifies:
            num_classes = _checked(
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

        steps = _checked(
            steps, (steps >= 0, "steps: it must be 0 or more; given was", steps)
        )
        _, (phi, _, state) = tf.while_loop(
            lambda k, _: k < steps, step, (tf.constant(0), start)
        )
        return phi, state

    def _support(self, x, y):
        """The support set as the network and the loss take it, checked."""
        y = _checked(
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
            y = _checked(
                y,
                (
                    _all_finite(y),
                    "support_y: it has numbers that are NaN or infinite; leave"
                    " those examples out.",
                ),
            )
            scale, offset = self._to_units.scale, self._to_units.offset
            return x, (y - offset) / scale
        largest = tf.reduce_max(y)
        classes = tf.range(self.outputs)
        is_there = tf.reduce_any(y[:, tf.newaxis] == classes, 0)
        y = _checked(
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
                    _all_finite(x),
                    f"{argument}: it has numbers that are NaN or infinite;"
                    " leave those examples out.",
                )
            )
        x = _checked(x, *requirements)
        return x if self._preparation is None else self._preparation(x)

    def _answer(self, outputs, classes):
        if not self.classifies:
            return {"values": _finite(self._to_units(outputs))}
        if classes is not None:
            outputs = outputs[:, :classes]
        return {"probabilities": _finite(self._to_units(outputs))}

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


def _signature(function, inputs):
    """A concrete function whose arguments bear the names of `inputs`.

    It refuses other shapes itself: whoever calls it need not look at them.
    """

    def of_these_shapes(**given):
        return function(
            **{
                name: tf.ensure_shape(given[name], spec.shape, name=name)
                for name, spec in inputs.items()
            }
        )

    return tf.function(of_these_shapes, autograph=False).get_concrete_function(
        **{
            name: tf.TensorSpec(spec.shape, spec.dtype, name=name)
            for name, spec in inputs.items()
        }
    )


def _checked(tensor, *requirements):
    """The tensor, once it is known that all requirements hold.

    Args:
        tensor: whatever is used from there on.
        *requirements: `(condition, sentence, tensors to show)` each, looked at
            one after the other.
    """
    done = []
    for condition, *message in requirements:
        with tf.control_dependencies(done):
            done = [tf.Assert(condition, message, summarize=10)]
    with tf.control_dependencies(done):
        return tf.identity(tensor)


def _all_finite(tensor):
    return tf.reduce_all(tf.math.is_finite(tensor))


def _finite(tensor):
    return _checked(
        tensor,
        (
            _all_finite(tensor),
            "steps: the model's outputs or weights became NaN or infinite;"
            " fewer steps may help.",
        ),
    )
