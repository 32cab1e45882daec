"""Episodes of a user's own Python generator, in the form training takes."""

import threading
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError, refusal


class GeneratedEpisodes:
    """Gives a generator's episodes, one after the other, to a compiled step.

    Python draws them, so XLA cannot compile the drawing, and a resumed training
    starts the generator again. A TensorFlow function `number -> Episode` has
    neither limit.

    Args:
        iterable: Iterable of `(support_x, support_y, query_x, query_y)`, arrays
            of shapes that stay the same. Best endless.
        check: Function of an `Episode` of arrays that raises `InputError` for
            one that cannot be used.

    Attributes:
        error: The error that ended it, an `InputError` or the generator's own,
            or None.

    Raises:
        InputError: The iterable is empty or does not give episodes.
    """

    def __init__(
        self, iterable: Iterable, check: Callable = lambda episode: None
    ) -> None:
        try:
            self._iterator = iter(iterable)
        except TypeError as error:
            raise refusal(
                "episodes",
                iterable,
                "give a generator, or a function number -> Episode",
            ) from error
        self._check = check
        self._lock = threading.Lock()
        self._given = 0
        self.error: Exception | None = None
        self._first: list | None = self._next()
        self._specs = [
            tf.TensorSpec(array.shape, array.dtype) for array in self._first
        ]

    def __call__(self, number: tf.Tensor) -> Episode:
        """Returns the next episode, whatever the number."""
        arrays = tf.numpy_function(
            self._draw,
            [number],
            [spec.dtype for spec in self._specs],
            stateful=True,
        )
        return Episode(
            *(
                tf.ensure_shape(array, spec.shape)
                for array, spec in zip(arrays, self._specs, strict=True)
            )
        )

    def peek(self) -> Episode:
        """Returns the episode that the next call will give."""
        with self._lock:
            if self._first is None:
                self._first = self._checked(self._next())
            return Episode(*map(tf.constant, self._first))

    def _draw(self, number):
        del number
        with self._lock:
            try:
                if self._first is None:
                    return self._checked(self._next())
                first, self._first = self._first, None
                return first
            except Exception as error:  # The user's generator may raise any.
                self.error = error
                raise

    def _next(self):
        try:
            item = next(self._iterator)
        except StopIteration:
            raise InputError(
                f"episodes: the generator ended after {self._given} episodes;"
                " give an endless one, or fewer iterations or tasks."
            ) from None
        self._given += 1
        try:
            arrays = [_array(part) for part in item]
        except (TypeError, ValueError) as error:
            raise InputError(
                f"episodes: an episode cannot be read as arrays ({error})."
            ) from error
        if len(arrays) != 4:
            raise InputError(
                f"episodes: {len(arrays)} arrays were given as an episode; give"
                " support_x, support_y, query_x and query_y."
            )
        self._check(Episode(*arrays))
        return arrays

    def _checked(self, arrays):
        for name, array, spec in zip(Episode._fields, arrays, self._specs):
            if array.shape != tuple(spec.shape):
                raise InputError(
                    f"episodes: {name} has the shape {array.shape} in episode"
                    f" {self._given}, and had {tuple(spec.shape)} in the first;"
                    " shapes must stay the same."
                )
        return [
            array.astype(spec.dtype.as_numpy_dtype)
            for array, spec in zip(arrays, self._specs)
        ]


def _array(part):
    """Returns an array with numbers of 64 bits reduced to 32."""
    array = np.asarray(part)
    if array.dtype == object:
        raise TypeError(f"{type(part).__name__} is not an array of numbers")
    narrower = {"float64": np.float32, "int64": np.int32}
    return array.astype(narrower.get(array.dtype.name, array.dtype))
