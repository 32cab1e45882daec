"""A model that has been adapted to a task: what one predicts with."""

import json
import pathlib
import zipfile
from collections.abc import Iterable
from os import PathLike
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from maml_tf import raw_inputs
from maml_tf.errors import InputError
from maml_tf.files import replacing

# Beside Keras's own members of a .keras file, which is a zip archive.
_LABELS = "labels.json"


class AdaptedModel:
    """A Keras model of one task, with the names of its classes.

    `keras_model` is an ordinary one, from raw inputs (images of any size,
    texts, numbers in their own units) to probabilities `[examples, classes]` or
    to values in their own units; it can be called, saved and fitted further.
    Where it has batch normalisation, its moving averages are the statistics of
    the support set, so that a prediction does not depend on what else is
    predicted.

    Args:
        keras_model: the model.
        labels: names of the classes, by output; None for regression.
        history: what `Learner.adapt` recorded.

    Attributes:
        keras_model: as given.
        labels: as given, a list.
        history: dict of lists, from before the first step to after the last:
            `"loss"` and `"accuracy"` (or `"mse"` and `"mae"`) of the support
            set, and with `val_` before their names those of validation data.
            Empty where the model was loaded.
    """

    def __init__(
        self,
        keras_model: keras.Model,
        labels: Iterable | None = None,
        history: dict | None = None,
    ):
        self.keras_model = keras_model
        self.labels = None if labels is None else list(labels)
        self.history = history or {}

    @classmethod
    def load(cls, path: str | PathLike) -> "AdaptedModel":
        """Loads what `save` wrote.

        Args:
            path: a .keras file.

        Raises:
            InputError: the file is missing or cannot be read.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                labels = None
                if _LABELS in archive.namelist():
                    labels = json.loads(archive.read(_LABELS))
            return cls(keras.saving.load_model(path), labels)
        except Exception as error:  # Of Keras, of zip archives, of JSON.
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise InputError(
                f"path: {str(path)!r} cannot be read as an adapted model"
                f" ({reason})."
            ) from error

    def save(self, path: str | PathLike) -> None:
        """Writes the model and the names of its classes, atomically.

        `keras.models.load_model` reads it too, with or without this package.

        Args:
            path: a file name that ends in .keras.

        Raises:
            InputError: it ends in something else.
        """
        if pathlib.Path(path).suffix != ".keras":
            raise InputError(
                f"path: {str(path)!r} was given; its name must end in .keras."
            )
        with replacing(path) as partial:
            self.keras_model.save(partial)
            if self.labels is not None:
                with zipfile.ZipFile(partial, "a") as archive:
                    archive.writestr(_LABELS, json.dumps(self.labels))

    def outputs(self, x: Any) -> np.ndarray:
        """What the Keras model makes of raw inputs.

        Args:
            x: examples, as `maml_tf.raw_inputs.batches` takes them.

        Returns:
            A float array `[examples, classes]` of probabilities, or
            `[examples, targets]` of values.

        Raises:
            InputError: `x` cannot be used.
        """
        return np.concatenate(
            [
                self.keras_model(batch, training=False).numpy()
                for batch in raw_inputs.batches(self.keras_model, x)
            ]
        )

    def predict(self, x: Any) -> np.ndarray:
        """The name of each example's class; of regression, its values.

        Args:
            x: as in `outputs`.

        Returns:
            An array `[examples]` of the names that the support set had, or
            `[examples, targets]` of values.
        """
        outputs = self.outputs(x)
        if self.labels is None:
            return outputs
        return np.array(self.labels)[outputs.argmax(-1)]

    def evaluate(self, x: Any, y: ArrayLike) -> dict[str, float]:
        """How well it predicts.

        Args:
            x: as in `outputs`.
            y: the true classes' names, or values `[examples, targets]`.

        Returns:
            A dict: `"loss"` (cross-entropy in nats) and `"accuracy"`, or
            `"mse"` and `"mae"`, in the values' own units.

        Raises:
            InputError: an example has no label, or one of an unknown class.
        """
        outputs = self.outputs(x)
        return judge(outputs, targets(y, len(outputs), self.labels))


def targets(y, examples, labels=None, argument="y"):
    """Class numbers of labels, or numbers as they are.

    Args:
        y: labels `[examples]`, or values `[examples]` or `[examples, targets]`.
        examples: how many there must be.
        labels: names of the classes; None for values.
        argument: what messages call `y`.

    Returns:
        An int array `[examples]`, or float32 `[examples, targets]`.

    Raises:
        InputError: they are fewer or more, or of an unknown class, or no
            numbers.
    """
    if labels is not None:
        plain = class_names(y, argument)
        _check_number(len(plain), examples, argument)
        index = {label: number for number, label in enumerate(labels)}
        for label in plain:
            if label not in index:
                raise InputError(
                    f"{argument}: {label!r} is none of the model's classes,"
                    f" {', '.join(map(repr, labels))}."
                )
        return np.array([index[label] for label in plain])
    try:
        values = np.asarray(y, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{argument}: it cannot be read as numbers ({error})."
        ) from error
    _check_number(len(np.atleast_1d(values)), examples, argument)
    values = values.reshape(examples, -1)
    if not np.isfinite(values).all():
        raise InputError(
            f"{argument}: it has numbers that are NaN or infinite; leave those"
            " examples out."
        )
    return values


def class_names(y, argument="y"):
    """The names of examples' classes as Python has them.

    Args:
        y: labels `[examples]`, an array or a list: all strings, all whole
            numbers, all other numbers or all truth values.
        argument: what messages call `y`.

    Returns:
        A list of str, int, float or bool.

    Raises:
        InputError: they are something else.
    """
    # A list that has strings and numbers would become one of strings.
    array = np.asarray(y, object) if isinstance(y, list | tuple) else y
    array = np.asarray(array)
    if array.ndim != 1:
        raise InputError(
            f"{argument}: it has the shape {array.shape}; give a list with the"
            " name of each example's class."
        )
    plain = [
        label.item() if isinstance(label, np.generic) else label
        for label in array.tolist()
    ]
    # TensorFlow's strings are bytes.
    plain = [
        label.decode() if isinstance(label, bytes) else label for label in plain
    ]
    kinds = {type(label) for label in plain}
    known = len(kinds) == 1 and kinds <= {str, int, float, bool}
    # What differs from itself is NaN.
    if plain and not known or any(label != label for label in plain):
        raise InputError(
            f"{argument}: labels must be all strings or all whole numbers;"
            f" {', '.join(sorted(kind.__name__ for kind in kinds))} were given,"
            " or NaN."
        )
    return plain


def _check_number(given, examples, argument):
    if given != examples:
        raise InputError(
            f"{argument}: {given} were given for {examples} examples; give one"
            " for each."
        )


def judge(outputs, y):
    """Loss and accuracy of probabilities, or errors of values.

    Args:
        outputs: `[examples, classes]` or `[examples, targets]`.
        y: as `targets` returns them.

    Returns:
        A dict of floats; see `AdaptedModel.evaluate`.
    """
    if y.ndim == 1:
        likelihoods = outputs[np.arange(len(y)), y]
        return {
            # What float32 has rounded to nothing counts as very little.
            "loss": float(-np.log(np.maximum(likelihoods, 1e-38)).mean()),
            "accuracy": float((outputs.argmax(-1) == y).mean()),
        }
    if y.shape != outputs.shape:
        raise InputError(
            f"y: it has the shape {y.shape}, but predictions have"
            f" {outputs.shape}; the shapes must be equal."
        )
    errors = outputs - y
    return {
        "mse": float(np.square(errors).mean()),
        "mae": float(np.abs(errors).mean()),
    }
