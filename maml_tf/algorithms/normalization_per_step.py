"""Batch normalisation whose scale and offset differ from step to step."""

from typing import Any

import keras
import tensorflow as tf

from maml_tf.algorithms.wrapped import Wrapped
from maml_tf.functional.layers import batch_norms


class NormalizationPerStep(Wrapped):
    """An inner optimizer that gives each φ_k a scale and an offset of its own.

    (Antoniou et al. 2019, section 4.) Meta-training learns them; inner steps do
    not adapt them. φ_0 has those of the model. After step k, φ_k has the k-th
    set of `variables`, and further steps at test keep the last.

    Args:
        model: The model.
        optimizer: The inner optimizer that adapts the other weights.
        steps: Steps with a scale and an offset of their own, 1 or more.

    Attributes:
        variables: The optimizer's own, then for each scale and offset a
            variable `[steps, channels]`. They begin as the model's.
        changes: Which trainable weights are scales or offsets, a list of bools.
    """

    def __init__(self, model: keras.Model, optimizer: Any, steps: int) -> None:
        super().__init__(optimizer)
        self.steps = steps
        ours = {
            id(variable)
            for layer in batch_norms(model)
            for variable in layer.trainable_variables
        }
        weights = model.trainable_variables
        self.changes = [id(variable) in ours for variable in weights]
        self._learned = [
            keras.Variable(
                tf.repeat(tf.convert_to_tensor(weight)[tf.newaxis], steps, 0),
                dtype=weight.dtype,
                name="normalization_per_step",
            )
            for weight, changes in zip(weights, self.changes)
            if changes
        ]

    @property
    def variables(self) -> list:
        """The variables that meta-training learns."""
        return [*super().variables, *self._learned]

    def start(self, phi: list, *learned: list) -> tuple:
        """Returns the slots: the next step's number, the sets, the optimizer's.

        Args:
            phi: The weights.
            *learned: A list of θ's tensors for `variables`, if there are any.
        """
        tensors = [tensor for part in learned for tensor in part]
        number = len(super().variables)
        rates, sets = tensors[:number], tensors[number:]
        slots = super().start(phi, *([rates] if rates else []))
        return tf.constant(0), sets, slots

    def update(
        self, phi: list, gradients: list, slots: tuple
    ) -> tuple[list, tuple]:
        """Takes one step; see `GradientDescent.update`."""
        step, sets, slots = slots
        gradients = [
            None if changes else gradient
            for gradient, changes in zip(gradients, self.changes)
        ]
        phi, slots = self.optimizer.update(phi, gradients, slots)
        place = tf.minimum(step, self.steps - 1)
        following = iter([tf.gather(values, place) for values in sets])
        phi = [
            next(following) if changes else weight
            for weight, changes in zip(phi, self.changes)
        ]
        return phi, (step + 1, sets, slots)
