"""Decodes image files by their content, whatever their names."""

import concurrent.futures
import io
import os
import pathlib
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import PIL.Image
import tensorflow as tf

# Larger images are refused: they could take all memory.
MOST_PIXELS = 200_000_000
# Threads that silence Pillow at the same time would leave all warnings silent.
_QUIET = threading.Lock()
# Files that are read before the first of them is used.
_AHEAD = 64
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
# EXIF's tag of how the camera was held, and what brings the stored picture
# upright: whether to transpose it, then to flip it up-down, left-right.
_ORIENTATION = 0x0112
_PNG_NOTES = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
_UPRIGHT = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


class Header(NamedTuple):
    """Facts from the first bytes of an image.

    Attributes:
        pixels: Its height times its width.
        orientation: EXIF's number from 1 (upright) to 8.
    """

    pixels: int
    orientation: int


def decode(path: str | os.PathLike) -> tf.Tensor | None:
    """Decodes an image file: JPEG, PNG, GIF, BMP or WebP.

    It takes the first frame of an animation and the upper 8 of 16 bits a
    channel. It turns a picture upright if the camera has noted that it was held
    otherwise (EXIF orientation).

    Args:
        path: The file.

    Returns:
        A uint8 tensor `[height, width, channels]` on the CPU; None if the file
        cannot be read or has more than `MOST_PIXELS`.
    """
    return decode_content(_content(path))


def decode_content(
    content: bytes, header: Header | None = None
) -> tf.Tensor | None:
    """Decodes the bytes of an image file as `decode` does.

    Args:
        content: The bytes.
        header: Their header, if it has been read.

    Returns:
        As in `decode`.
    """
    header = header or read_header(content)
    if header is not None and header.pixels > MOST_PIXELS:
        return None
    # TensorFlow's decoder of WebP writes beyond its memory for some files.
    image = (_webp if _is_webp(content) else _decoded)(content)
    if image is None or header is None or header.orientation == 1:
        return image
    with tf.device("CPU"):
        return _upright(image, header.orientation)


def shape(path: str | os.PathLike) -> tuple[int, ...] | None:
    """Returns the shape of `decode`'s image, or None if it is not an image.

    Decoding a JPEG takes long, so only its header is read; the rest may be
    damaged.

    Args:
        path: The file.
    """
    content = _content(path)
    header = read_header(content)
    try:
        with tf.device("CPU"):
            if header is not None and tf.io.is_jpeg(content):
                if header.pixels > MOST_PIXELS:
                    return None
                size = tf.io.extract_jpeg_shape(content).numpy().tolist()
                if header.orientation >= 5:
                    size[:2] = size[1::-1]
                # Cyan, magenta, yellow and black are decoded to three colours.
                return (*size[:2], min(size[2], 3))
    except tf.errors.InvalidArgumentError:
        return None
    image = decode(path)
    return None if image is None else tuple(image.shape)


def _is_webp(content):
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP"


def read_header(content: bytes) -> Header | None:
    """Reads the first bytes of an image file.

    Args:
        content: The file's bytes.

    Returns:
        A `Header`, with more pixels than `MOST_PIXELS` for any image that is
        far too large; None if Pillow knows nothing of it.
    """
    try:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with PIL.Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                pixels = image.width * image.height
                if not _may_be_turned(content):
                    return Header(pixels, 1)
                try:
                    orientation = image.getexif().get(_ORIENTATION)
                except Exception:  # Damaged notes do not make a bad picture.
                    orientation = 1
    except PIL.Image.DecompressionBombError:
        return Header(MOST_PIXELS + 1, 1)
    except Exception:  # Pillow raises errors of many kinds for damaged files.
        return None
    return Header(pixels, orientation if orientation in _UPRIGHT else 1)


def _may_be_turned(content):
    """Returns false for a PNG without a note of its orientation.

    Pillow would decode all of it to look for one behind the picture.
    """
    is_png = content.startswith(b"\x89PNG")
    return not is_png or any(note in content for note in _PNG_NOTES)


def _upright(image, orientation):
    transposed, up_down, left_right = _UPRIGHT[orientation]
    if transposed:
        image = tf.transpose(image, [1, 0, 2])
    axes = [axis for axis, flip in ((0, up_down), (1, left_right)) if flip]
    return tf.reverse(image, axes) if axes else image


def _decoded(content):
    try:
        with tf.device("CPU"):
            return tf.io.decode_image(content, expand_animations=False)
    except tf.errors.InvalidArgumentError:
        return None


def _webp(content):
    try:
        with (
            _QUIET,
            warnings.catch_warnings(),
            PIL.Image.open(io.BytesIO(content), formats=("WEBP",)) as image,
        ):
            warnings.simplefilter("ignore")
            has_alpha = (
                image.mode in ("RGBA", "RGBX") or image.has_transparency_data
            )
            pixels = np.asarray(image.convert("RGBA" if has_alpha else "RGB"))
    except Exception:  # As in `read_header`.
        return None
    with tf.device("CPU"):
        return tf.constant(pixels)


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
