"""Images of any size and number of channels, brought to one.

Images are uint8 `[height, width, channels]`. Channels are grey, grey and
alpha, red-green-blue, or red-green-blue and alpha.
"""

import tensorflow as tf

# As in mini-ImageNet, for images that have no common size of their own.
DEFAULT_SIZE = 84


def to_channels(image, channels):
    """Converts an image to grey or to colour.

    What has an alpha channel is laid over white, as where it is looked at;
    an image that is transparent everywhere is taken as opaque, which is what
    32-bit BMP files mean by it.

    Args:
        image: uint8 `[height, width, 1 ... 4]`; the channels may be unknown
            until the graph runs.
        channels: 1 or 3.

    Returns:
        uint8 `[height, width, channels]`.
    """
    given = image.shape[-1]
    if given is None:
        branches = [
            lambda n=n: to_channels(
                tf.ensure_shape(image, [None, None, n]), channels
            )
            for n in (1, 2, 3, 4)
        ]
        return tf.switch_case(tf.shape(image)[-1] - 1, branches)
    if given in (2, 4):
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


def square(image, size):
    """Crops the middle square and resizes it, antialiased.

    Args:
        image: uint8 `[height, width, channels]`.
        size: Height and width of the result in pixels.

    Returns:
        uint8 `[size, size, channels]`.
    """
    if image.shape[0] is None or image.shape[0] != image.shape[1]:
        side = tf.minimum(tf.shape(image)[0], tf.shape(image)[1])
        image = tf.image.resize_with_crop_or_pad(image, side, side)
    return resize(image, size, "bilinear")


def resize(image, size, method):
    """Resizes an image to a square, antialiased, without regard to its aspect.

    Args:
        image: uint8 `[height, width, channels]`.
        size: Height and width of the result in pixels.
        method: As in `tf.image.resize`.

    Returns:
        uint8 `[size, size, channels]`.
    """
    channels = image.shape[-1]
    image = tf.image.resize(image, [size, size], method, antialias=True)
    image = tf.saturate_cast(tf.round(image), tf.uint8)
    return tf.ensure_shape(image, [size, size, channels])
