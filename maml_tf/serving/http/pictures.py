"""Pictures in a request: PNG or JPEG, decoded and resized as in training."""

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from maml_tf.datasets.images import files
from maml_tf.datasets.images.preparation import image_preparation
from maml_tf.datasets.images.sizes import to_channels
from maml_tf.serving.http.refusals import bad, too_large
from maml_tf.serving.http.tensors import decoded_bytes, is_bytes

# Pictures that together have more numbers are resized one by one. They become
# float32 where the model resizes them.
_MOST_TOGETHER = 2**22
# So many decoded pictures are remembered, each of at most so many pixels and
# bytes: a page sends its examples with every change of the question.
_REMEMBERED, _SMALL = 64, 2**16


def takes_pictures(spec: tf.TensorSpec) -> bool:
    """Returns whether an input is a batch of grey or coloured pictures.

    Args:
        spec: The input's type and shape.
    """
    return (
        spec.dtype == tf.uint8
        and spec.shape.rank == 4
        and spec.shape[-1] in (1, 3)
    )


def are_files(value: Any) -> bool:
    """Returns whether a JSON value is a list of picture files.

    Args:
        value: The JSON value of an input.
    """
    return (
        isinstance(value, list)
        and bool(value)
        and all(is_bytes(item) for item in value)
    )


class Pictures:
    """The decoder of a model's pictures.

    Args:
        channels: 1 for grey pictures, 3 for coloured ones.
        facts: As `maml_tf.serving.facts` describes the model's pictures, or
            None.
        most_pixels: Most pixels of one picture.
    """

    def __init__(
        self, channels: int, facts: dict[str, Any] | None, most_pixels: int
    ) -> None:
        self.channels = channels
        self._facts = facts
        self._most_pixels = most_pixels
        self._remembered = functools.lru_cache(_REMEMBERED)(self._pixels)

    def decode(self, values: list[dict[str, str]], name: str) -> np.ndarray:
        """Decodes the files of one input.

        Files of one size stay as they are. Others are brought to the network's
        size, as the model itself would.

        Args:
            values: A list of `{"b64": ...}`.
            name: The input's name, for messages.

        Returns:
            A uint8 array `[pictures, height, width, channels]`.

        Raises:
            Refusal: A file is no picture, or is too large.
        """
        images = [
            self._decoded(decoded_bytes(value, name), f"{name}: picture {n}")
            for n, value in enumerate(values)
        ]
        together = sum(image.size for image in images)
        one_size = len({image.shape for image in images}) == 1
        if one_size and together <= _MOST_TOGETHER:
            return np.stack(images)
        if self._facts is not None:
            resize = self._resize
            return np.stack([resize(image[np.newaxis])[0] for image in images])
        if not one_size:
            raise bad(f"{name}: its pictures differ in size; resize them.")
        raise too_large(f"{name}: its pictures are too large together.")

    def _decoded(self, content, where):
        header = files.read_header(content)
        if header is None:
            raise bad(f"{where} is not a picture; PNG and JPEG are.")
        if header.pixels > self._most_pixels:
            raise too_large(
                f"{where} has more than {self._most_pixels:,} pixels."
            )
        is_small = max(header.pixels, len(content)) <= _SMALL
        pixels = self._remembered if is_small else self._pixels
        image = pixels(content, header)
        if image is None:
            raise bad(f"{where} is damaged.")
        return image

    def _pixels(self, content, header):
        image = files.decode_content(content, header)
        if image is None:
            return None
        if image.shape[-1] != self.channels:
            image = self._to_channels(image)
        return image.numpy()

    @functools.cached_property
    def _to_channels(self):
        # As a graph: run one by one, its operations take 3 ms a picture.
        @tf.function(
            autograph=False,
            input_signature=[tf.TensorSpec([None, None, None], tf.uint8)],
        )
        def convert(image):
            with tf.device("CPU"):
                return to_channels(image, self.channels)

        return convert

    @functools.cached_property
    def _resize(self):
        facts = self._facts or {}
        ink = bool(facts["ink"])
        prepare = image_preparation(
            (facts["height"], facts["width"], self.channels),
            facts["fit"],
            facts["interpolation"],
            ink,
        )

        @tf.function(
            autograph=False,
            input_signature=[
                tf.TensorSpec([None, None, None, self.channels], tf.uint8)
            ],
        )
        def resize(images):
            pixels = tf.round(prepare(images) * 255.0)
            # The model reads ink as 255 minus this.
            return tf.cast(255.0 - pixels if ink else pixels, tf.uint8)

        return lambda images: resize(tf.constant(images)).numpy()
