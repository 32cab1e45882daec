"""Episodes that Python draws, in the form that training takes."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from maml_tf.episodes.array_form import ArrayForm
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError, refusal
from maml_tf.graph.python_calls import call_method


class PythonEpisodes:
    """Gives the episodes of a Python function to a compiled step.

    Python draws each of them, so XLA cannot compile the drawing. A TensorFlow
    function `number -> Episode` has not this limit.

    Args:
        function: Function from a number, an int, to the four arrays of an
            episode, of shapes that stay the same.
        form: The `ArrayForm` of the episodes; by default that of the first.

    Attributes:
        error: The error that ended it, an `InputError` or the function's own,
            or None.

    Raises:
        InputError: The first episode cannot be used.
    """

    def __init__(self, function: Callable, form: ArrayForm | None = None):
        self._function = function
        self._form = form or ArrayForm()
        self._lock = threading.Lock()
        self.error: Exception | None = None
        # The first episode tells the shapes. It is kept until it is asked for.
        self._first: list[np.ndarray] | None = self._draw(0)

    def __call__(self, number: tf.Tensor) -> Episode:
        """Returns the episode of this number, drawn as the graph runs."""
        specs = self._form.specs
        arrays = call_method(
            self._give,
            [number],
            [spec.dtype for spec in specs],
            stateful=True,
        )
        return self._form.packed(
            [
                tf.ensure_shape(array, spec.shape)
                for array, spec in zip(arrays, specs, strict=True)
            ]
        )

    def peek(self) -> Episode:
        """Returns the first episode; if it was given already, the next."""
        with self._lock:
            if self._first is None:
                self._first = self._draw(0)
            return self._form.packed(list(map(tf.constant, self._first)))

    def _draw(self, number):
        return self._form(self._function(number))

    def _is_first(self, number):
        """Returns whether the kept episode is the one of this number."""
        return self._first is not None and number == 0

    def _give(self, number):
        with self._lock:
            try:
                if self._is_first(number):
                    first, self._first = self._first, None
                    return first
                return self._draw(int(number))
            except Exception as error:  # The user's function may raise any.
                self.error = error
                raise


class GeneratedEpisodes(PythonEpisodes):
    """Gives a generator's episodes, one after the other, to a compiled step.

    A resumed training starts the generator again.

    Args:
        iterable: Iterable of `(support_x, support_y, query_x, query_y)`, arrays
            of shapes that stay the same; or a `tf.data.Dataset` of them. It may
            end: it must have as many episodes as are asked for.
        form: As in `PythonEpisodes`.

    Raises:
        InputError: The iterable is empty or does not give episodes.
    """

    def __init__(self, iterable: Any, form: ArrayForm | None = None) -> None:
        if isinstance(iterable, tf.data.Dataset):
            iterable = iterable.as_numpy_iterator()
        try:
            self._iterator = iter(iterable)
        except TypeError as error:
            raise refusal(
                "episodes",
                iterable,
                "give a generator, a tf.data.Dataset, a keras.utils.PyDataset"
                " or a function number -> Episode",
            ) from error
        self._given = 0
        super().__init__(self._next, form)

    def _is_first(self, number):
        del number  # Episodes come in their order.
        return self._first is not None

    def _next(self, number):
        del number
        try:
            item = next(self._iterator)
        except StopIteration:
            raise InputError(
                f"episodes: the generator ended after {self._given} episodes;"
                " give an endless one, or fewer iterations or tasks."
            ) from None
        self._given += 1
        return item


def items(dataset: Any, epochs: bool) -> Iterator:
    """Yields the items of a `keras.utils.PyDataset`.

    Args:
        dataset: The data set.
        epochs: Whether it begins again at its end, as in Keras's `fit`.
    """
    while True:
        is_empty = True
        dataset.on_epoch_begin()
        for item in dataset:
            is_empty = False
            yield item
        dataset.on_epoch_end()
        if is_empty or not epochs:
            return
