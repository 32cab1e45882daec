"""Examples that stay in TFRecord files, one file a class.

They are for sets that do not fit into memory. All examples have one shape, so
all records have one length, and any of them is read by its number, without an
index and without reading the others.
"""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from maml_tf.errors import InputError
from maml_tf.files import partial_folder, partial_name
from maml_tf.files.arrays import read_arrays
from maml_tf.graph.python_calls import call_method

_INDEX = "index.npz"
# TFRecord: length (8 bytes) and its checksum (4), the data, their checksum (4).
_HEADER, _FOOTER = 12, 4
# Most files that are written at the same time.
_OPEN_FILES = 200


class ClassRecords:
    """The uint8 examples in a folder that `write` has made.

    Args:
        folder: The folder of the files.

    Attributes:
        shape: `[examples, ...]`, a `tf.TensorShape`.
        first: Row of each class's first example, int64 `[classes]`.
        size: Number of each class's examples, int64 `[classes]`.
        names: Name of each class, `[classes]`.
        more: The further arrays that were written, by name.

    Raises:
        InputError: The folder is not as `write` made it.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = pathlib.Path(folder)
        try:
            self.more = read_arrays(self.folder / _INDEX)
            self.size, self.names = (
                self.more.pop("size"),
                self.more.pop("names"),
            )
            example_shape = tuple(self.more.pop("example_shape").tolist())
            self._length = int(np.prod(example_shape))
            for number, size in enumerate(self.size):
                path = self._path(number)
                if path.stat().st_size != size * self._stride:
                    raise ValueError(f"{path.name} has another length")
        except Exception as error:  # zipfile and NumPy raise many kinds.
            raise InputError(
                f"cache_dir: {self.folder} is damaged ({error})."
            ) from error
        self.first = np.cumsum(self.size) - self.size
        self.shape = tf.TensorShape([int(self.size.sum()), *example_shape])

    @property
    def _stride(self):
        return _HEADER + self._length + _FOOTER

    def _path(self, number):
        return self.folder / f"{number:05d}.tfrecord"

    def read(self, rows: tf.Tensor) -> tf.Tensor:
        """Reads examples within a TensorFlow graph.

        Args:
            rows: Indices of the examples, int64 `[number]`.

        Returns:
            A uint8 tensor `[number, ...]`.
        """
        examples = call_method(self._read, [rows], tf.uint8, stateful=False)
        return tf.ensure_shape(examples, [*rows.shape, *self.shape[1:]])

    def _read(self, rows):
        classes = np.searchsorted(self.first, rows, side="right") - 1
        examples = np.empty([len(rows), self._length], np.uint8)
        for number in np.unique(classes):
            file = os.open(self._path(number), os.O_RDONLY)
            try:
                for place in np.flatnonzero(classes == number):
                    record = int(rows[place] - self.first[number])
                    start = record * self._stride + _HEADER
                    data = os.pread(file, self._length, start)
                    examples[place] = np.frombuffer(data, np.uint8)
            finally:
                os.close(file)
        return examples.reshape([len(rows), *self.shape[1:]])


def write(
    folder: str | os.PathLike,
    names: Sequence,
    example_shape: Sequence[int],
    examples_of: Callable,
    more: dict | None = None,
) -> None:
    """Writes examples by class, the folder whole or not at all.

    An earlier folder is replaced. If two processes write the same content at
    once, one of them wins.

    Args:
        folder: The folder to write.
        names: Name of each class.
        example_shape: Shape of one example.
        examples_of: Function from a set of class indices to an iterable of
            `(class index, example)`, the examples uint8; it is called with some
            of the classes at a time.
        more: Further arrays to keep, by name.
    """
    folder = pathlib.Path(folder)
    with partial_folder(folder) as partial:
        partial.mkdir()
        size = np.zeros(len(names), np.int64)
        for begin in range(0, len(names), _OPEN_FILES):
            classes = range(begin, min(begin + _OPEN_FILES, len(names)))
            writers = {
                number: tf.io.TFRecordWriter(
                    str(partial / f"{number:05d}.tfrecord")
                )
                for number in classes
            }
            for number, example in examples_of(set(classes)):
                writers[number].write(np.asarray(example, np.uint8).tobytes())
                size[number] += 1
            for writer in writers.values():
                writer.close()
        np.savez(
            partial / _INDEX,
            size=size,
            names=np.asarray(names),
            example_shape=np.asarray(example_shape, np.int64),
            **(more or {}),
        )
        _put_in_place(partial, folder)


def _put_in_place(partial, folder):
    """Renames `partial` to `folder`, which may exist already."""
    # A folder that is not empty cannot be renamed over, and removing it in
    # place would show a reader half of it.
    replaced = partial_name(folder.with_name(f"old-{folder.name}"))
    with contextlib.suppress(FileNotFoundError):
        os.replace(folder, replaced)
    try:
        os.replace(partial, folder)
    except OSError:
        # Another process was faster, with the same examples.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(replaced, ignore_errors=True)
