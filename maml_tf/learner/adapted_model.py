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

from maml_tf.errors import InputError
from maml_tf.files import replacing
from maml_tf.learner import raw_inputs
from maml_tf.learner.labels import judge, targets

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
