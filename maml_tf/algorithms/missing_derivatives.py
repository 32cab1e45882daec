"""Refuses models with operations whose derivative TensorFlow lacks."""

import contextlib
import re
from collections.abc import Callable, Iterator

from maml_tf.errors import InputError


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
        found = re.search(r"(?:op type|entry for): (\w+)", str(error))
        if found is None:
            raise
        check()
        raise InputError(
            f"model: TensorFlow has no gradient for {found[1]}, which a layer"
            " or the loss uses; replace it, or adapt in first order (fomaml)."
        ) from error
