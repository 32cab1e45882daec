"""Image files, decoded by their content whatever their names end in."""

import concurrent.futures
import os
import pathlib

import tensorflow as tf

# Files that are read before the first of them is used.
_AHEAD = 64


def decode(path):
    """Decodes a file that TensorFlow reads: JPEG, PNG, GIF, BMP or WebP.

    Of a GIF the first frame, of 16 bits a channel the upper 8. An orientation
    that a camera has noted (EXIF) is not applied.

    Args:
        path: The file.

    Returns:
        uint8 `[height, width, channels]`, on the CPU; None if it cannot be
        read.
    """
    content = _content(path)
    try:
        with tf.device("CPU"):
            return tf.io.decode_image(content, expand_animations=False)
    except tf.errors.InvalidArgumentError:
        return None


def shape(path):
    """Returns what shape `decode` gives, or None where it is no image.

    Of a JPEG, whose decoding takes long, the header alone is read; what comes
    after it may be damaged.

    Args:
        path: The file.
    """
    content = _content(path)
    try:
        with tf.device("CPU"):
            if tf.io.is_jpeg(content):
                size = tf.io.extract_jpeg_shape(content).numpy()
                # Four are cyan, magenta, yellow and black: decoded to colour.
                return (*size[:2].tolist(), min(int(size[2]), 3))
    except tf.errors.InvalidArgumentError:
        return None
    image = decode(path)
    return None if image is None else tuple(image.shape)


def _content(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""  # Which is no image.


def in_parallel(function, items):
    """Yields `function(item)` of each item in their order, some ahead."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for begin in range(0, len(items), _AHEAD):
            yield from pool.map(function, items[begin : begin + _AHEAD])
