"""Refuses models with operations whose derivative TensorFlow lacks."""

import contextlib
import functools
import re
from collections.abc import Callable, Iterator

import tensorflow as tf

from maml_tf.errors import InputError
from maml_tf.functional.testing import check_meta_gradient


class MissingDerivativeError(InputError, LookupError):
    """TensorFlow has no gradient for an operation; no layer is named."""


@contextlib.contextmanager
def missing_derivatives_refused(check: Callable) -> Iterator[None]:
    """Raises a sentence in place of TensorFlow's `LookupError`.

    Args:
        check: Function without arguments that raises an `InputError` which
            names the layer, such as `OuterStep.check_meta_gradient`.

    Raises:
        InputError: TensorFlow has no gradient for an operation.
    """
    try:
        yield
    except LookupError as error:
        found = re.search(
            r"(?:op type|entry for): (\w+)|no gradient for (\w+)", str(error)
        )
        if found is None:
            raise
        check()
        operation = found[1] or found[2]
        raise MissingDerivativeError(
            f"model: TensorFlow has no gradient for {operation}, which a layer"
            " or the loss uses; replace it, or adapt in first order (fomaml)."
        ) from error


def missing_derivatives_named(meta_gradient: Callable) -> Callable:
    """Wraps `Algorithm.meta_gradient` in `missing_derivatives_refused`.

    In a graph the episode has no values with which a layer could be found. The
    one who runs the graph, such as `OuterStep`, then names it.

    Args:
        meta_gradient: The method.

    Returns:
        The method with sentences.
    """

    @functools.wraps(meta_gradient)
    def with_sentences(self, theta, episode, *arguments, **options):
        def check():
            if tf.executing_eagerly():
                check_meta_gradient(
                    self.model,
                    self.loss,
                    episode.support_x,
                    episode.support_y,
                )

        with missing_derivatives_refused(check):
            return meta_gradient(self, theta, episode, *arguments, **options)

    return with_sentences
