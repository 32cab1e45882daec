"""A model that is served: its signatures, called with a request's values."""

import contextlib
import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from maml_tf.errors import InputError
from maml_tf.serving import facts
from maml_tf.serving.http import checks, saved_models, tensors
from maml_tf.serving.http.kinds import describe
from maml_tf.serving.http.limits import Limits
from maml_tf.serving.http.pictures import Pictures, are_files, takes_pictures
from maml_tf.serving.http.refusals import bad, busy
from maml_tf.serving.http.saved_models import Place

# Signatures of `maml_tf.export`.
ADAPT, ADAPT_WITH_STEPS = "adapt", "adapt_with_steps"
PREDICT_ADAPTED = "predict_adapted"
_WARM = "adapt_and_predict"


class Model:
    """A SavedModel in memory.

    Args:
        place: Its `Place`, for its name and version.
        folder: The SavedModel's folder, which may go afterwards.
        limits: The server's limits.

    Raises:
        InputError: The folder holds no SavedModel that can be loaded.
    """

    def __init__(
        self, place: Place, folder: pathlib.Path, limits: Limits
    ) -> None:
        self.name, self.version = place.name, place.version
        self._limits = limits
        self.metadata = saved_models.metadata(folder)
        try:
            self.fingerprint = saved_models.fingerprint(folder)
            # The functions need the object, which holds their variables.
            self._loaded = tf.saved_model.load(str(folder))
        except Exception as error:  # TensorFlow raises errors of many kinds.
            reason = next(iter(str(error).splitlines()), "no reason given")
            raise InputError(
                f"model: {folder} cannot be loaded ({reason})."
            ) from error
        self._signatures = dict(self._loaded.signatures)
        self.inputs = {
            name: dict(function.structured_input_signature[1])
            for name, function in self._signatures.items()
        }
        told = facts.read(folder)
        self.description = describe(
            self.name,
            self.inputs,
            {
                name: list(function.structured_outputs)
                for name, function in self._signatures.items()
            },
            told,
            limits,
        )
        classes = told["classes"]
        self._most_classes = classes["most"] if classes else None
        self._pictures = {
            channels: Pictures(channels, told["pictures"], limits.max_pixels)
            for channels in (1, 3)
        }

    @property
    def adapts(self) -> bool:
        """Whether it has the signatures for users' weights."""
        return {ADAPT, PREDICT_ADAPTED} <= set(self._signatures)

    def arrays(
        self,
        signature: str,
        values: Mapping[str, Any],
        only: Sequence[str] | None = None,
    ) -> dict[str, np.ndarray]:
        """Makes the arrays of a signature from JSON values.

        Args:
            signature: The signature's name.
            values: JSON values by input.
            only: The inputs to make; all if None.

        Returns:
            Arrays by input, checked.

        Raises:
            Refusal: A value cannot be used, or is beyond a limit.
        """
        inputs = {}
        specs = self._specs(signature)
        for name in only or specs:
            spec, value = specs[name], values[name]
            if takes_pictures(spec) and are_files(value):
                if len(value) > self._limits.max_examples:
                    # Before they are decoded; the check below refuses them.
                    inputs[name] = np.zeros([len(value), 1, 1, 1], np.uint8)
                    continue
                pictures = self._pictures[spec.shape[-1]]
                inputs[name] = pictures.decode(value, name)
                tensors.check_shape(inputs[name].shape, name, spec)
            else:
                inputs[name] = tensors.to_array(value, name, spec)
        checks.check(inputs, self._most_classes, self._limits)
        return inputs

    def names(self, signature: str) -> list[str]:
        """Returns the inputs of a signature.

        Args:
            signature: Its name.

        Raises:
            Refusal: There is no such signature.
        """
        return list(self._specs(signature))

    def call(
        self, signature: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Calls a signature.

        Args:
            signature: Its name.
            inputs: Arrays, as `arrays` makes them.

        Returns:
            The outputs by name.

        Raises:
            Refusal: The model refuses the inputs, or memory is short.
        """
        specs = self._specs(signature)
        try:
            outputs = self._signatures[signature](
                **{
                    name: tf.constant(inputs[name], spec.dtype)
                    for name, spec in specs.items()
                }
            )
            return {name: value.numpy() for name, value in outputs.items()}
        except tf.errors.ResourceExhaustedError as error:
            raise busy(
                "memory: there is too little left; ask later."
            ) from error
        except (
            tf.errors.InvalidArgumentError,
            tf.errors.FailedPreconditionError,
            tf.errors.OutOfRangeError,
        ) as error:
            raise bad(_sentence(error)) from error

    def warm_up(self) -> None:
        """Adapts once, so that the first request need not wait for it."""
        if _WARM not in self._signatures:
            return
        values = {
            name: _example(name, spec)
            for name, spec in self.inputs[_WARM].items()
        }
        with contextlib.suppress(Exception):
            self.call(_WARM, values)

    def _specs(self, signature):
        if signature not in self.inputs:
            raise bad(
                f"signature_name: {signature[:60]!r} is unknown; the model has"
                f" {', '.join(sorted(self.inputs))}."
            )
        return self.inputs[signature]


def _example(name, spec):
    """Makes two examples of an input."""
    sizes = [32 if size is None else size for size in spec.shape[1:]]
    if spec.dtype == tf.string:
        return np.full([2, *sizes], b"text", object)
    if name == "support_y" and spec.dtype.is_integer:
        return np.arange(2)
    return np.zeros([2, *sizes], spec.dtype.as_numpy_dtype)


def _sentence(error):
    """Returns the sentence of an assertion in the graph, or the first line."""
    parts = re.search(
        r"assertion failed: ((?:\[.*?\] ?)+)", error.message, re.S
    )
    if parts:
        words = re.findall(r"\[(.*?)\](?= |$)", parts[1].strip(), re.S)
        return " ".join(words)
    return next(iter(error.message.splitlines()), "the request is refused")


def dumps(value: Any) -> bytes:
    """Returns a JSON value as bytes.

    Args:
        value: The answer.

    Raises:
        Refusal: It has a NaN or an infinite number.
    """
    try:
        return json.dumps(value, allow_nan=False).encode()
    except ValueError as error:
        raise bad(
            "outputs: the model's numbers became NaN or infinite."
        ) from error
