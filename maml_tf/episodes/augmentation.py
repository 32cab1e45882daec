"""Random changes of images, on the device.

These are pure functions of float images `[images, height, width, channels]` and
a stateless seed; every image is changed by itself.
"""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import tensorflow as tf

from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError, refusal
from maml_tf.graph.random_streams import fold_in, random_bits, random_uniform

# The choices of an episode's sets to augment.
Augmented = Literal["both", "support", "query"]
AUGMENTED = get_args(Augmented)


def flip(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirrors half of the images, left to right."""
    bits = random_bits([tf.shape(images)[0], 1, 1, 1], seed)
    return tf.where(bits >= 0, images, tf.reverse(images, axis=[2]))


def crop(images: tf.Tensor, seed: tf.Tensor, padding: int = 4) -> tf.Tensor:
    """Shifts each image by up to `padding` pixels and fills in zeros.

    This is the random crop of the zero-padded image, at the image's own size
    (He et al. 2016, section 4.2).

    Args:
        images: `[images, height, width, channels]`.
        seed: Stateless seed, an integer tensor `[2]`.
        padding: Zeros added on every side, in pixels.
    """
    height, width = images.shape[1:3]
    number = tf.shape(images)[0]
    offsets = tf.math.floormod(random_bits([2, number], seed), 2 * padding + 1)
    around = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    images = tf.pad(images, around)
    rows = offsets[0][:, tf.newaxis] + tf.range(height)
    columns = offsets[1][:, tf.newaxis] + tf.range(width)
    images = tf.gather(images, rows, axis=1, batch_dims=1)
    return tf.gather(images, columns, axis=2, batch_dims=1)


def jitter(
    images: tf.Tensor, seed: tf.Tensor, strength: float = 0.4
) -> tf.Tensor:
    """Changes brightness, contrast and, in colour images, saturation.

    Each changes by a factor uniform in `1 ± strength`, in this order; the
    result is clipped to [0, 1].

    Args:
        images: Images in [0, 1], `[images, height, width, channels]`.
        seed: Stateless seed, an integer tensor `[2]`.
        strength: Largest relative change.
    """
    brightness, contrast, saturation = tf.unstack(
        random_uniform(
            [3, tf.shape(images)[0], 1, 1, 1], seed, 1 - strength, 1 + strength
        )
    )
    images = images * brightness
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    images = mean + (images - mean) * contrast
    if images.shape[-1] == 3:
        grey = tf.reduce_mean(images, axis=3, keepdims=True)
        images = grey + (images - grey) * saturation
    return tf.clip_by_value(images, 0.0, 1.0)


def affine(
    images: tf.Tensor,
    seed: tf.Tensor,
    angle: float = 0.2,
    shear: float = 0.2,
    scale: float = 0.15,
    shift: float = 0.07,
) -> tf.Tensor:
    """Turns, shears, scales and shifts each image a little, about its centre.

    Each amount is uniform between its limits. Pixels are interpolated
    bilinearly, and zeros come in from outside.

    Args:
        images: `[images, height, width, channels]`.
        seed: Stateless seed, an integer tensor `[2]`.
        angle: Largest turn to either side, in radians.
        shear: Largest shift of a row by its distance from the centre.
        scale: Largest relative change of height and of width.
        shift: Largest shift, in heights and widths.
    """
    height, width = images.shape[1:3]
    drawn = random_uniform([6, tf.shape(images)[0]], seed, -1.0, 1.0)
    turn, lean, wider, higher, right, down = tf.unstack(drawn)
    cosine, sine = tf.cos(angle * turn), tf.sin(angle * turn)
    lean *= shear
    # From places in the result to those in the image, (x, y) from the centre.
    a, b = cosine + lean * sine, lean * cosine - sine
    c, d = sine, cosine
    a, c = a * (1 + scale * wider), c * (1 + scale * wider)
    b, d = b * (1 + scale * higher), d * (1 + scale * higher)
    x, y = (width - 1) / 2, (height - 1) / 2
    to_x = x - a * x - b * y + shift * width * right
    to_y = y - c * x - d * y + shift * height * down
    none = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, to_x, c, d, to_y, none, none], axis=1),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


AUGMENTATIONS: dict[str, Callable] = {
    "affine": affine,
    "crop": crop,
    "flip": flip,
    "jitter": jitter,
}
# Their names, as a type.
Augmentation = Literal["affine", "crop", "flip", "jitter"]


def augment_episode(
    episode: Episode, names: Sequence[str], augmented: str, seed: tf.Tensor
) -> Episode:
    """Augments an episode's images.

    Args:
        episode: An `Episode` of images in [0, 1].
        names: Keys of `AUGMENTATIONS`, in the order in which they apply.
        augmented: `"both"`, `"support"` or `"query"`.
        seed: Stateless seed, an integer tensor `[2]`.

    Returns:
        An `Episode`.
    """
    inputs = [episode.support_x, episode.query_x]
    for index, part in enumerate(("support", "query")):
        if augmented in ("both", part):
            for place, name in enumerate(names):
                stream = fold_in(fold_in(seed, index), place)
                inputs[index] = AUGMENTATIONS[name](inputs[index], stream)
    return episode._replace(support_x=inputs[0], query_x=inputs[1])


def check(
    names: Sequence[str], augmented: str, input_shape: Sequence[int]
) -> None:
    """Raises `InputError` if these augmentations cannot be used.

    Args:
        names: As in `augment_episode`.
        augmented: As in `augment_episode`.
        input_shape: Shape of one input.

    Raises:
        InputError: A name is unknown, or the inputs are not images.
    """
    for name in names:
        if name not in AUGMENTATIONS:
            raise refusal(
                "augment", name, f"available: {', '.join(AUGMENTATIONS)}"
            )
    if names and len(input_shape) != 3:
        raise InputError(
            f"augment: {','.join(names)} was given for inputs of shape"
            f" {tuple(input_shape)}; only images [height, width, channels] can"
            " be augmented."
        )
    if augmented not in AUGMENTED:
        raise refusal(
            "augmented", augmented, f"available: {', '.join(AUGMENTED)}"
        )
