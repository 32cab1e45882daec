"""Raw inputs as a user has them, made into batches that a Keras model takes."""

import keras
import numpy as np
import tensorflow as tf

from maml_tf.datasets.image_sizes import to_channels
from maml_tf.errors import InputError

# Examples in one call of a model.
_BATCH = 128


def model_input(model):
    """The Keras input of a model, or a structure of several."""
    if isinstance(model, keras.Sequential):
        return model.inputs[0]  # Which alone is there before its first call.
    return model.input


def batches(model, x, argument="x"):
    """Makes batches of raw inputs.

    Args:
        model: a Keras model whose input says what is wanted: uint8 images
            `[images, height, width, 1 or 3]`, whose height and width may be
            open, strings `[texts]`, or numbers `[examples, ...]`.
        x: examples, an array or a list. Images may differ in size, and be grey,
            colour or have an alpha channel; grey ones may do without the axis
            of channels.
        argument: what messages call `x`.

    Returns:
        A list of tensors; their examples, one after the other, are those of
        `x`. Several only where images differ in size, or are many.

    Raises:
        InputError: `x` is empty or of another kind.
    """
    wanted = model_input(model)
    if not isinstance(wanted, keras.KerasTensor):
        # Several inputs, which the user must bring as the model takes them.
        return [tf.nest.map_structure(tf.convert_to_tensor, x)]
    if len(x) == 0:
        raise InputError(f"{argument}: it is empty; give one example or more.")
    if wanted.dtype == "uint8" and len(wanted.shape) == 4:
        return _images(wanted, x, argument)
    if wanted.dtype == "string":
        if not all(isinstance(text, str) for text in np.ravel(x)):
            raise InputError(f"{argument}: it must hold strings, the texts.")
        array = np.asarray(x, object)
    else:
        array = _numbers(wanted, x, argument)
    _check_shape(wanted, array.shape, argument)
    return [
        tf.convert_to_tensor(array[first : first + _BATCH], wanted.dtype)
        for first in range(0, len(array), _BATCH)
    ]


def _numbers(wanted, x, argument):
    try:
        array = np.asarray(x, wanted.dtype)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{argument}: it cannot be read as an array of numbers ({error})."
        ) from error
    if len(wanted.shape) == 2 and array.ndim == 1 and wanted.shape[1] == 1:
        array = array[:, np.newaxis]
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(
            f"{argument}: it has numbers that are NaN or infinite; leave those"
            " examples out."
        )
    return array


def _check_shape(wanted, shape, argument):
    if len(shape) != len(wanted.shape) or any(
        size is not None and size != given
        for size, given in zip(wanted.shape[1:], shape[1:])
    ):
        form = ", ".join("any" if n is None else str(n) for n in wanted.shape)
        raise InputError(
            f"{argument}: it has the shape {tuple(shape)}; the model takes"
            f" [{form}]."
        )


def _images(wanted, images, argument):
    together = []
    for number, image in enumerate(images):
        image = np.asarray(image)
        if image.ndim == 2:
            image = image[..., np.newaxis]
        if image.dtype != np.uint8 or image.ndim != 3:
            raise InputError(
                f"{argument}: image {number} is {image.dtype} of the shape"
                f" {image.shape}; give images as uint8 from 0 to 255,"
                " [height, width, channels]."
            )
        if not 1 <= image.shape[-1] <= 4 or 0 in image.shape:
            raise InputError(
                f"{argument}: image {number} has the shape {image.shape};"
                " [height, width, channels] with 1 to 4 channels will do."
            )
        image = to_channels(tf.constant(image), wanted.shape[-1])
        _check_shape(wanted, (len(images), *image.shape), argument)
        if (
            together
            and together[-1][0].shape == image.shape
            and len(together[-1]) < _BATCH
        ):
            together[-1].append(image)
        else:
            together.append([image])
    return [tf.stack(batch) for batch in together]
