"""Losses and metrics as users give them, as functions of one form.

Keras's names, functions and loss objects and functions of one's own become
`(y, outputs) -> scalar`. Shapes are compared before anything can broadcast.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maml_tf.errors import InputError, refusal
from maml_tf.functional import losses
from maml_tf.functional.broadcasting import broadcasts
from maml_tf.functional.output_graph import ends_in_probabilities

# Names for functions of ours; Keras's accuracies take probabilities.
_OWN_LOSSES: dict[str, Callable] = {
    "binary_cross_entropy": losses.binary_cross_entropy,
    "cross_entropy": losses.cross_entropy,
    "mean_absolute_error": losses.mean_absolute_error,
    "mean_squared_error": losses.mean_squared_error,
}
_OWN_METRICS: dict[str, Callable] = {
    "acc": losses.accuracy,
    "accuracy": losses.accuracy,
    "binary_accuracy": losses.binary_accuracy,
    "categorical_accuracy": losses.accuracy,
    "sparse_categorical_accuracy": losses.accuracy,
}
# Keras's losses whose labels have another shape than the outputs.
_NUMBERS = ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy")
_FREE = ("ctc", "CTC")


class Measure:
    """A loss or metric `(y, outputs) -> scalar`.

    Values of examples are averaged; a scalar stays as it is, to the last bit.

    Args:
        function: Function `(y, outputs)` of a scalar or of examples' values.
        name: Its name in messages.
        argument: `"loss"` or `"metric"`, for messages.
        labels: Shape of `y`: `"numbers"`, without the last axis of `outputs`;
            `"equal"`, that of `outputs`; None: any.
    """

    def __init__(
        self,
        function: Callable,
        name: str,
        argument: str = "loss",
        labels: str | None = None,
    ) -> None:
        self.function = function
        self.name = name
        self.argument = argument
        self.labels = labels
        self._paired: set[tuple] = set()

    def __call__(self, y: Any, outputs: Any) -> tf.Tensor:
        """Computes the scalar.

        Args:
            y: Targets, in the form that the function takes.
            outputs: The model's outputs, `[examples, ...]`.

        Raises:
            InputError: The shapes do not fit together.
        """
        if self.labels is not None:
            y = self._fitting(y, outputs)
        elif _is_array(y) and _is_array(outputs):
            self._check_pairs(y, outputs)
        value = tf.convert_to_tensor(self.function(y, outputs))
        if value.shape.rank == 0:
            return value
        shape = tf.TensorShape(tf.nest.flatten(outputs)[0].shape)
        if value.shape.rank is None or not (
            value.shape.rank <= shape.rank
            and value.shape.is_compatible_with(shape[: value.shape.rank])
        ):
            raise InputError(
                f"{self.argument}: {self.name} returns the shape"
                f" {tuple(value.shape)} for outputs of shape {tuple(shape)}; it"
                " must be a scalar, or have one value for each example."
            )
        if not value.dtype.is_floating:
            value = tf.cast(value, tf.float32)
        return tf.reduce_mean(value)

    def _fitting(self, y, outputs):
        """Returns labels that cannot broadcast against the outputs."""
        y = tf.convert_to_tensor(y)
        shape = tf.convert_to_tensor(outputs).shape
        if y.shape.rank is None or shape.rank is None:
            return y
        wanted = shape
        if self.labels == "numbers":
            wanted = shape[:-1]
            if y.shape.is_compatible_with([*wanted, 1]) and shape[-1] != 1:
                return tf.squeeze(y, -1)
        elif shape[-1] == 1 and y.shape.is_compatible_with(shape[:-1]):
            return y[..., tf.newaxis]
        if not y.shape.is_compatible_with(wanted):
            raise InputError(
                f"{self.argument}: {self.name} was given a y of the shape"
                f" {tuple(y.shape)} for outputs of shape {tuple(shape)}; the"
                f" shape of y must be {tuple(wanted)}."
            )
        return y

    def _check_pairs(self, y, outputs):
        """Refuses a function that broadcasts examples against each other.

        If `[n]` meets `[n, 1]`, each target meets each output. The graph of the
        function shows it.
        """
        key = (*map(_example_shape, (y, outputs)), y.dtype, outputs.dtype)
        if key in self._paired:
            return
        self._paired.add(key)
        of_y, of_outputs = key[:2]
        if of_y is None or of_outputs is None or of_y == of_outputs:
            return
        try:
            both = np.broadcast_shapes(of_y, of_outputs)
        except ValueError:
            return
        if both in (of_y, of_outputs):
            return
        if broadcasts(
            self.function,
            tf.TensorSpec(of_y, y.dtype),
            tf.TensorSpec(of_outputs, outputs.dtype),
        ):
            raise InputError(
                f"{self.argument}: {self.name} compares each target of the"
                f" shape {tuple(y.shape)} with each output of the shape"
                f" {tuple(outputs.shape)}, which broadcast; give both the same"
                " shape."
            )


def as_loss(loss: Any, model: keras.Model | None = None) -> Callable:
    """Returns a loss as a function `(y, outputs) -> scalar`.

    Args:
        loss: A function `(y, outputs)` of a scalar or of examples' values, or a
            loss of Keras: its name, function or object. Names and functions of
            Keras take logits or probabilities, as the model gives.
        model: The model of the outputs, or None.

    Returns:
        The function itself if it is one of this package, or a `Measure`.

    Raises:
        InputError: It is something else, or takes probabilities where the model
            gives logits, or the reverse.
    """
    if isinstance(loss, str) and loss in _OWN_LOSSES:
        return _OWN_LOSSES[loss]
    return _measure(loss, model, "loss", keras.losses.get)


def as_metric(
    metric: Any, loss: Callable, model: keras.Model | None = None
) -> Callable:
    """Returns a metric as a function `(y, outputs) -> scalar`.

    Args:
        metric: As the loss in `as_loss`, or a name of a metric; None: the loss.
        loss: The loss, as `as_loss` returns it.
        model: The model of the outputs, or None.

    Returns:
        The function itself if it is one of this package, or a `Measure`.

    Raises:
        InputError: It is something else.
    """
    if metric is None:
        return loss
    if isinstance(metric, str):
        named = {**_OWN_LOSSES, **_OWN_METRICS}.get(metric)
        if named is not None:
            return named
    if isinstance(metric, keras.metrics.Metric):
        raise refusal(
            "metric",
            type(metric).__name__,
            "an object keeps a state from task to task; give a function"
            " (y, outputs) or a name",
        )
    return _measure(metric, model, "metric", keras.metrics.get)


def _measure(given, model, argument, get):
    function = given
    if isinstance(given, str):
        try:
            function = get(given)
        except ValueError as error:
            raise refusal(
                argument,
                given,
                "Keras has no such name; give a function (y, outputs) or one of"
                f" {', '.join(sorted(_OWN_LOSSES))}",
            ) from error
        # A name of a class gives an object.
        function = getattr(function, "fn", function)
    if isinstance(function, Measure) or _is_own(function):
        return function
    if not callable(function) or inspect.isclass(function):
        raise refusal(
            argument, given, "give a function (y, outputs) or a name of Keras"
        )
    name = _name(function)
    if not _home(function).startswith("keras."):
        return Measure(function, name, argument)
    labels: str | None = "equal"
    if name in _NUMBERS:
        labels = "numbers"
    elif name in _FREE:
        labels = None
    function = _for_outputs_of(model, function, name, argument)
    return Measure(function, name, argument, labels)


def _for_outputs_of(model, function, name, argument):
    """Lets a function of Keras take logits or probabilities."""
    if isinstance(function, keras.losses.Loss):
        from_logits = function.get_config().get("from_logits")
        if from_logits is None or model is None:
            return function
        probabilities = ends_in_probabilities(model)
        if from_logits == probabilities:
            kind = "probabilities" if probabilities else "logits"
            raise refusal(
                argument,
                f"{name}(from_logits={from_logits})",
                f"model {model.name!r} ends in {kind}, so give"
                f" from_logits={not from_logits}",
            )
        return function
    options = {}
    if "from_logits" in inspect.signature(function).parameters:
        probabilities = model is not None and ends_in_probabilities(model)
        options["from_logits"] = not probabilities

    def in_float32(y, outputs):
        return function(y, tf.cast(outputs, tf.float32), **options)

    return in_float32


def _is_own(function):
    """Returns whether this package defines a function."""
    while isinstance(function, functools.partial):
        function = function.func
    home = _home(function)
    return home == "maml_tf" or home.startswith("maml_tf.")


def _home(function):
    if isinstance(function, keras.losses.Loss):
        return type(function).__module__
    return getattr(function, "__module__", None) or ""


def _name(function):
    if isinstance(function, Measure):
        return function.name
    return getattr(function, "__name__", type(function).__name__)


def _is_array(value):
    return tf.is_tensor(value) or isinstance(value, np.ndarray)


def _example_shape(tensor):
    """Returns a shape with four examples, None if it is not known."""
    shape = tf.TensorShape(tensor.shape)
    if not shape.rank or None in shape[1:].as_list():
        return None
    return (4, *shape[1:].as_list())


def is_binary(loss: Callable) -> bool:
    """Returns whether a loss is a sigmoid cross-entropy of each label.

    Args:
        loss: The loss, as `as_loss` returns it.
    """
    known = _is_own(loss) or (isinstance(loss, Measure) and loss.labels)
    return bool(known) and _name(loss).lower().startswith("binary")


def takes_one_hot(loss: Callable, outputs: int) -> bool:
    """Returns whether a classifier's loss takes one-hot labels.

    A function of one's own is tried: class numbers first, then one-hot labels.

    Args:
        loss: The loss, as `as_loss` returns it.
        outputs: Number of the model's outputs; one is the logit of class 1
            against class 0.

    Returns:
        True for labels `[examples, outputs]`, false for `[examples]`.

    Raises:
        InputError: It takes neither, or several labels an example.
    """
    name = _name(loss)
    if outputs > 1 and is_binary(loss):
        raise InputError(
            f"loss: {name} with {outputs} outputs learns several labels an"
            " example, which can be meta-trained and meta-tested, but neither"
            " adapted to named classes nor exported; give a cross-entropy over"
            " classes."
        )
    if not isinstance(loss, Measure):
        return False
    if loss.labels is not None:
        return loss.labels == "equal" and outputs > 1
    random = np.random.RandomState(0)
    classes = max(outputs, 2)
    # One more example than classes, so that these cannot be confused.
    numbers = np.arange(classes + 1) % classes
    logits = tf.constant(random.normal(size=(classes + 1, outputs)), tf.float32)
    failures = []
    for one_hot in (False, True):
        try:
            value = float(
                loss(as_taken(tf.constant(numbers), one_hot, outputs), logits)
            )
        except Exception as error:  # The function is the user's.
            failures.append(str(error).strip().splitlines()[0])
        else:
            if np.isfinite(value):
                return one_hot
            failures.append(f"it is {value}")
    raise InputError(
        f"loss: {name} takes neither class numbers ({failures[0][:80]}) nor"
        f" one-hot labels ({failures[1][:80]}); Learner.adapt and export need"
        " one of them."
    )


def as_taken(numbers: tf.Tensor, one_hot: bool, outputs: Any) -> tf.Tensor:
    """Returns labels in the form that a loss takes.

    Args:
        numbers: Class numbers `[examples]`.
        one_hot: Whether the loss takes one-hot labels; see `takes_one_hot`.
        outputs: Number of outputs, an integer or scalar tensor.
    """
    if not one_hot:
        return tf.cast(numbers, tf.int32)
    if isinstance(outputs, int) and outputs == 1:
        return tf.cast(numbers, tf.float32)[:, tf.newaxis]
    return tf.one_hot(numbers, outputs)
