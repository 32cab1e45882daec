"""Notices layers that were frozen or unfrozen meanwhile."""

import keras

from maml_tf.errors import InputError


class Trainability:
    """The trainable weights that a compiled function was made for.

    Args:
        model: A built `keras.Model`.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._weights = self._trainable()

    def check(self, made: str) -> None:
        """Refuses other trainable weights than at the start.

        Args:
            made: Name of the object that must be made again.

        Raises:
            InputError: A layer was frozen or unfrozen.
        """
        if self._trainable() != self._weights:
            raise InputError(
                "model: layers were frozen or unfrozen after this"
                f" {made} was made; make another one, with a new optimizer."
            )

    def _trainable(self):
        return [id(v) for v in self._model.trainable_variables]
