"""The fingerprint of a data set: its classes by split, and their examples."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from maml_tf.episodes.class_records import ClassRecords

# Most bytes of examples that are read. Of larger sets each class gives some of
# its examples, evenly spaced.
_MOST_BYTES = 2**30


def by_split(
    examples: Any,
    first: np.ndarray,
    size: np.ndarray,
    names: np.ndarray,
    classes: dict[str, np.ndarray],
) -> Callable:
    """Returns a function that computes a data set's fingerprint.

    It depends on the examples alone, and not on their place or on the time of
    their files.

    Args:
        examples: As in `LabelledExamples`, or a variable.
        first: As in `LabelledExamples`.
        size: As in `LabelledExamples`.
        names: As in `LabelledExamples`.
        classes: Dict of split to indices of its classes.

    Returns:
        A function without arguments that returns a dict of split to a dict of
        class to `[number of examples, digest]`.
    """

    def fingerprint():
        return {
            split: {
                str(names[index]): [
                    int(size[index]),
                    _digest(examples, int(first[index]), int(size[index])),
                ]
                for index in chosen
            }
            for split, chosen in classes.items()
        }

    return fingerprint


def of_texts(texts: Sequence[str]) -> np.ndarray:
    """Returns a number for each text, uint64 `[texts]`."""
    digests = (
        hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
        for text in texts
    )
    return np.frombuffer(b"".join(digests), np.uint64)


def _digest(examples, first, size):
    """Returns the digest of a class's examples, 12 hexadecimal digits."""
    rows = np.arange(first, first + size)
    # Examples are bytes, except for small tables and texts.
    step = -(-int(np.prod(examples.shape)) // _MOST_BYTES)
    rows = rows[:: max(1, step)]
    if isinstance(examples, ClassRecords):
        values = examples.read(tf.constant(rows, tf.int64)).numpy()
    elif isinstance(examples, tf.Variable):
        values = tf.gather(examples, rows).numpy()
    else:
        values = examples[rows]
    return hashlib.blake2b(
        np.ascontiguousarray(values).tobytes(), digest_size=6
    ).hexdigest()
