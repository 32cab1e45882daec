"""A model that has been adapted to a task, to predict with."""

import json
import pathlib
import zipfile
from collections.abc import Iterable
from os import PathLike
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from maml_tf.errors import InputError, refusal
from maml_tf.files import replacing
from maml_tf.learner import raw_inputs
from maml_tf.learner.labels import judge, targets

# A member of the .keras file, a zip archive, beside Keras's own.
_LABELS = "labels.json"


class AdaptedModel:
    """A Keras model of one task, with the names of its classes.

    `keras_model` is an ordinary one, from raw inputs (images of any size,
    texts, numbers in their own units) to probabilities `[examples, classes]` or
    to values in their own units; it can be called, saved and fitted further.
    If it has batch normalisation, its moving averages are the statistics of
    the support set, so one prediction does not depend on the others.

    Args:
        keras_model: The model.
        labels: Names of the classes, by output; None for regression.
        history: The record of `Learner.adapt`. Defaults to an empty dict.

    Attributes:
        keras_model: As given.
        labels: As given, a list; None for regression.
        history: Dict of lists, from before the first step to after the last:
            `"loss"` and `"accuracy"` (or `"mse"` and `"mae"`) of the support
            set, and the same of the validation data with `val_` before the
            names. Empty if the model was loaded.
    """

    def __init__(
        self,
        keras_model: keras.Model,
        labels: Iterable | None = None,
        history: dict | None = None,
    ) -> None:
        self.keras_model = keras_model
        self.labels = None if labels is None else list(labels)
        self.history = history or {}

    @classmethod
    def load(cls, path: str | PathLike) -> "AdaptedModel":
        """Loads a model that `save` wrote.

        Args:
            path: A .keras file.

        Returns:
            An `AdaptedModel` without a history.

        Raises:
            InputError: The file is missing or cannot be read.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                labels = None
                if _LABELS in archive.namelist():
                    labels = json.loads(archive.read(_LABELS))
            return cls(keras.saving.load_model(path), labels)
        except Exception as error:  # From Keras, zipfile or json.
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise InputError(
                f"path: {str(path)!r} cannot be read as an adapted model"
                f" ({reason})."
            ) from error

    def save(self, path: str | PathLike) -> None:
        """Writes the model and the names of its classes, atomically.

        `keras.models.load_model` reads it too, with or without this package.

        Args:
            path: A file name that ends in .keras.

        Raises:
            InputError: The name ends in something else.
        """
        if pathlib.Path(path).suffix != ".keras":
            raise refusal("path", str(path), "its name must end in .keras")
        with replacing(path) as partial:
            self.keras_model.save(partial)
            if self.labels is not None:
                with zipfile.ZipFile(partial, "a") as archive:
                    archive.writestr(_LABELS, json.dumps(self.labels))

    def outputs(self, x: Any) -> np.ndarray:
        """Computes the outputs of the Keras model for raw inputs.

        Args:
            x: Examples, as `maml_tf.raw_inputs.batches` takes them.

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
        """Predicts each example's class by name, or its values in regression.

        Args:
            x: As in `outputs`.

        Returns:
            An array `[examples]` of class names from the support set, or
            `[examples, targets]` of values.

        Raises:
            InputError: `x` cannot be used.
        """
        outputs = self.outputs(x)
        if self.labels is None:
            return outputs
        return np.array(self.labels)[outputs.argmax(-1)]

    def evaluate(self, x: Any, y: ArrayLike) -> dict[str, float]:
        """Measures the predictions of labelled examples.

        Args:
            x: As in `outputs`.
            y: The names of the true classes `[examples]`, or the true values
                `[examples, targets]`.

        Returns:
            A dict: `"loss"` (cross-entropy in nats) and `"accuracy"`, or
            `"mse"` and `"mae"`, in the values' own units.

        Raises:
            InputError: `x` cannot be used, an example has no label, or its
                class is unknown.
        """
        outputs = self.outputs(x)
        return judge(outputs, targets(y, len(outputs), self.labels))
