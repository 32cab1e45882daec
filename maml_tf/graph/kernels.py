"""Kernels that TensorFlow keeps of functions that are gone."""

import contextlib
from collections.abc import Iterator

from tensorflow.python.eager import context


@contextlib.contextmanager
def kernels_forgotten() -> Iterator[None]:
    """Empties TensorFlow's cache of kernels after a `with` block.

    The cache keeps the kernel of each function that was ever called, about a
    megabyte for an outer step, also when the function itself is gone. Functions
    that still live get a new kernel when they are called next.
    """
    try:
        yield
    finally:
        context.context().clear_kernel_cache()
