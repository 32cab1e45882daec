"""Sources of images by class, and the storage of decoded images."""

import functools
import os
import pathlib
import tempfile
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from maml_tf.datasets.building.labelled_examples import LabelledExamples
from maml_tf.datasets.images import cache
from maml_tf.episodes import class_records
from maml_tf.episodes.class_records import ClassRecords
from maml_tf.errors import InputError

# The share of free memory that decoded images may take: they are in memory
# twice while they are handed over to TensorFlow.
_SHARE = 1 / 3


class _CannotWrite(InputError):
    """A folder of the cache that cannot be written."""


class ImageSource(NamedTuple):
    """Images yet to be decoded.

    Attributes:
        names: Name of each class.
        sizes: Number of each class's images, or more if some may turn out to
            be unreadable.
        image_shape: `(height, width, channels)` of the decoded images.
        images: Function from a set of class indices to an iterable of `(class
            index, uint8 image)`, each class's images always in the same order.
        more: Further arrays to keep, `[classes, ...]` each, by name.
    """

    names: list
    sizes: list
    image_shape: tuple
    images: Callable
    more: dict = {}


def load(
    key: str,
    open_source: Callable[[], ImageSource],
    in_memory: bool | None = None,
    cache_dir: str | os.PathLike | None = None,
) -> tuple[LabelledExamples, dict[str, np.ndarray]]:
    """Returns a set's images, decoded on first use and kept in the cache.

    Args:
        key: Name for the cache that identifies all that the images depend on.
        open_source: Function of no arguments that returns the `ImageSource`.
        in_memory: Whether all images are read into memory; otherwise each
            episode reads its own from TFRecord files. Episodes are the same. By
            default as they are in the cache already, otherwise in memory if
            they take at most a third of the free memory.
        cache_dir: As in `cache.folder`.

    Returns:
        `(labelled, more)`: `LabelledExamples`, and the source's `more` of the
        remaining classes: those without an image are dropped.

    Raises:
        InputError: TFRecord files are to be used and cannot be written.
    """
    open_source = functools.cache(open_source)
    folder = cache.folder(cache_dir)
    records, arrays = folder / f"{key}-records", folder / f"{key}.npz"
    if in_memory is None:
        in_memory = not cache.exists(records) and (
            cache.exists(arrays) or _fits(open_source())
        )
    if not in_memory:
        try:
            return _records(records, open_source)
        except _CannotWrite as error:
            if cache_dir is not None:
                raise
            # The user's home need not be one that can be written.
            other = pathlib.Path(tempfile.gettempdir(), "maml_tf")
            warnings.warn(f"{error} {other} is used.", stacklevel=3)
            return _records(other / records.name, open_source)
    kept = cache.cached_arrays(key, lambda: _decode(open_source()), cache_dir)
    labelled = LabelledExamples(
        *(kept.pop(name) for name in ("images", "first", "size", "names"))
    )
    return labelled, kept


def _fits(source):
    bytes_of_all = sum(source.sizes) * int(np.prod(source.image_shape))
    return bytes_of_all <= _SHARE * free_memory()


def free_memory() -> float:
    """Returns the free memory in bytes; infinity if it is unknown."""
    try:
        text = pathlib.Path("/proc/meminfo").read_text()
        (line,) = (x for x in text.splitlines() if x.startswith("MemAvail"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return float("inf")


def _decode(source):
    """Decodes all images into one array; returns the dict of arrays."""
    sizes = np.asarray(source.sizes, np.int64)
    first = np.cumsum(sizes) - sizes
    images = np.empty([int(sizes.sum()), *source.image_shape], np.uint8)
    size = np.zeros_like(sizes)
    for label, image in source.images(set(range(len(sizes)))):
        images[first[label] + size[label]] = image
        size[label] += 1
    present = np.flatnonzero(size)
    first, size = first[present], size[present]
    # Closes the gaps that unreadable images have left, without a copy of all.
    closed = np.cumsum(size) - size
    for old, new, number in zip(first, closed, size, strict=True):
        if new < old:
            images[new : new + number] = images[old : old + number]
    return {
        "images": images[: size.sum()],
        "first": closed,
        "size": size,
        "names": np.asarray(source.names, str)[present],
        **{name: np.asarray(v)[present] for name, v in source.more.items()},
    }


def _records(folder, open_source):
    """Returns the images in their files, which are written if missing."""
    records = None
    if cache.exists(folder):
        try:
            records = ClassRecords(folder)
        except InputError as error:
            warnings.warn(f"{error} It is made again.", stacklevel=2)
    if records is None:
        source = open_source()
        try:
            class_records.write(
                folder,
                source.names,
                source.image_shape,
                source.images,
                source.more,
            )
        except (OSError, tf.errors.OpError) as error:
            reason = getattr(error, "strerror", None) or error
            raise _CannotWrite(
                f"cache_dir: {folder.parent} cannot take the images"
                f" ({reason}); give another folder, or"
                " --in_memory=true."
            ) from error
        records = ClassRecords(folder)
    present = np.flatnonzero(records.size)
    labelled = LabelledExamples(
        records,
        records.first[present],
        records.size[present],
        records.names[present],
    )
    return labelled, {name: v[present] for name, v in records.more.items()}
