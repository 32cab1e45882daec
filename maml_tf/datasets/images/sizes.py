"""Brings images of any size and number of channels to one.

Images are uint8 `[height, width, channels]`. Channels are grey, grey and
alpha, red-green-blue, or red-green-blue and alpha.
"""

import tensorflow as tf

# As in mini-ImageNet, for images that do not have a common size.
DEFAULT_SIZE = 84


def to_channels(image: tf.Tensor, channels: int) -> tf.Tensor:
    """Converts an image to grey or to colour.

    An image with an alpha channel is laid over white, as viewers do; an image
    that is transparent everywhere is taken as opaque, which is its meaning in
    32-bit BMP files.

    Args:
        image: A uint8 tensor `[height, width, 1 ... 4]`; the channels may be
            unknown until the graph runs.
        channels: 1 or 3.

    Returns:
        A uint8 tensor `[height, width, channels]`.
    """
    image_channels = image.shape[-1]
    if image_channels is None:
        branches = [
            lambda n=n: to_channels(
                tf.ensure_shape(image, [None, None, n]), channels
            )
            for n in (1, 2, 3, 4)
        ]
        return tf.switch_case(tf.shape(image)[-1] - 1, branches)
    if image_channels in (2, 4):
        image = _over_white(image[..., :-1], image[..., -1:])
    if image.shape[-1] == channels:
        return image
    if channels == 3:
        return tf.image.grayscale_to_rgb(image)
    return tf.image.rgb_to_grayscale(image)


def _over_white(colours, alpha):
    alpha = tf.cast(alpha, tf.float32) / 255.0
    alpha = tf.where(tf.reduce_any(alpha > 0.0), alpha, 1.0)
    over = alpha * tf.cast(colours, tf.float32) + (1.0 - alpha) * 255.0
    return tf.saturate_cast(tf.round(over), tf.uint8)


def square(image: tf.Tensor, size: int) -> tf.Tensor:
    """Crops the middle square and resizes it, antialiased.

    Args:
        image: A uint8 tensor `[height, width, channels]`.
        size: Height and width of the result in pixels.

    Returns:
        A uint8 tensor `[size, size, channels]`.
    """
    if image.shape[0] is None or image.shape[0] != image.shape[1]:
        side = tf.minimum(tf.shape(image)[0], tf.shape(image)[1])
        image = tf.image.resize_with_crop_or_pad(image, side, side)
    return resize(image, size, "bilinear")


def resize(image: tf.Tensor, size: int, method: str) -> tf.Tensor:
    """Resizes an image to a square, antialiased, without regard to its aspect.

    Args:
        image: A uint8 tensor `[height, width, channels]`.
        size: Height and width of the result in pixels.
        method: As in `tf.image.resize`.

    Returns:
        A uint8 tensor `[size, size, channels]`.
    """
    channels = image.shape[-1]
    image = tf.image.resize(image, [size, size], method, antialias=True)
    image = tf.saturate_cast(tf.round(image), tf.uint8)
    return tf.ensure_shape(image, [size, size, channels])
