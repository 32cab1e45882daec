"""Decodes image files by their content, whatever their names."""

import concurrent.futures
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

# Files that are read before the first of them is used.
_AHEAD = 64


def decode(path: str | os.PathLike) -> tf.Tensor | None:
    """Decodes a file that TensorFlow reads: JPEG, PNG, GIF, BMP or WebP.

    It takes the first frame of a GIF, and the upper 8 of 16 bits a channel. An
    orientation that a camera has noted (EXIF) is not applied.

    Args:
        path: The file.

    Returns:
        A uint8 tensor `[height, width, channels]` on the CPU; None if the file
        cannot be read.
    """
    content = _content(path)
    try:
        with tf.device("CPU"):
            return tf.io.decode_image(content, expand_animations=False)
    except tf.errors.InvalidArgumentError:
        return None


def shape(path: str | os.PathLike) -> tuple[int, ...] | None:
    """Returns the shape of `decode`'s image, or None if it is not an image.

    Decoding a JPEG takes long, so only its header is read; the rest may be
    damaged.

    Args:
        path: The file.
    """
    content = _content(path)
    try:
        with tf.device("CPU"):
            if tf.io.is_jpeg(content):
                size = tf.io.extract_jpeg_shape(content).numpy()
                # Cyan, magenta, yellow and black are decoded to three colours.
                return (*size[:2].tolist(), min(int(size[2]), 3))
    except tf.errors.InvalidArgumentError:
        return None
    image = decode(path)
    return None if image is None else tuple(image.shape)


def _content(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""  # Empty content is not an image.


def in_parallel(function: Callable, items: Sequence) -> Iterator:
    """Yields `function(item)` of each item in order, computed in parallel."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for begin in range(0, len(items), _AHEAD):
            yield from pool.map(function, items[begin : begin + _AHEAD])
