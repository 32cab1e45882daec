"""Turns a user's raw inputs into batches that a Keras model takes."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maml_tf.datasets.images.sizes import to_channels
from maml_tf.errors import InputError

# Most examples in one call of a model.
_BATCH = 128

# Most bytes of the uint8 images in one call; they become float32.
_BYTES = 2**24


def model_input(model: keras.Model) -> Any:
    """Returns the Keras input of a model, or a structure of several."""
    if isinstance(model, keras.Sequential):
        # `model.input` exists only after the first call.
        return model.inputs[0]
    inputs = model.input
    if isinstance(inputs, list | tuple) and len(inputs) == 1:
        return inputs[0]
    return inputs


def batches(model: keras.Model, x: Any, argument: str = "x") -> list:
    """Makes batches of raw inputs.

    Args:
        model: A Keras model. Its input gives the form: uint8 images
            `[images, height, width, 1 or 3]` with any height and width if
            these are None, strings `[texts]`, or numbers `[examples, ...]`.
        x: Examples, an array or a list. Images may differ in size, and be grey,
            in colour or have an alpha channel; grey ones need no axis of
            channels.
        argument: Name of `x` in messages.

    Returns:
        A list of tensors; their examples, one after the other, are those of
        `x`. There are several only if images differ in size, or examples are
        many.

    Raises:
        InputError: `x` is empty or of another kind.
    """
    wanted = model_input(model)
    if not isinstance(wanted, keras.KerasTensor):
        return [_several(wanted, x, argument)]
    try:
        number = len(x)
    except TypeError:
        raise InputError(
            f"{argument}: {type(x).__name__} was given; give an array or a list"
            " of examples."
        ) from None
    if number == 0:
        raise InputError(f"{argument}: it is empty; give one example or more.")
    if wanted.dtype == "uint8" and len(wanted.shape) == 4:
        return _images(wanted, x, argument)
    array = _array(wanted, x, argument)
    return [
        tf.convert_to_tensor(array[first : first + _BATCH], wanted.dtype)
        for first in range(0, number, _BATCH)
    ]


def check(model: keras.Model, array: np.ndarray, argument: str) -> None:
    """Refuses an array that is not a batch of a model's inputs.

    Args:
        model: A Keras model.
        array: Inputs as the model takes them.
        argument: Name of the array in messages.

    Raises:
        InputError: Its shape or kind is another.
    """
    wanted = model_input(model)
    if not isinstance(wanted, keras.KerasTensor):
        raise InputError(
            f"{argument}: an array was given, but the model has several inputs."
        )
    _check_shape(wanted, array.shape, argument)
    if array.dtype.kind in "OSU" and wanted.dtype != "string":
        raise InputError(f"{argument}: it must hold numbers.")


def _several(wanted, x, argument):
    """Makes one batch of a model's several inputs, in their structure."""
    try:
        arrays = keras.tree.map_structure_up_to(
            wanted, lambda one, part: _array(one, part, argument), wanted, x
        )
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        names = keras.tree.map_structure(lambda one: one.name, wanted)
        raise InputError(
            f"{argument}: the model has several inputs; give one array for each"
            f" of {names}."
        ) from error
    numbers = [len(array) for array in keras.tree.flatten(arrays)]
    if len(set(numbers)) > 1:
        raise InputError(
            f"{argument}: its inputs have {numbers} examples; each must have as"
            " many."
        )
    return keras.tree.map_structure(
        lambda one, array: tf.convert_to_tensor(array, one.dtype),
        wanted,
        arrays,
    )


def _array(wanted, x, argument):
    """Makes an array, of any number of examples, for one input."""
    if wanted.dtype == "string":
        array = np.asarray(x, object)
        if not all(isinstance(text, str | bytes) for text in array.flat):
            raise InputError(f"{argument}: it must hold strings, the texts.")
    else:
        array = _numbers(wanted, x, argument)
    _check_shape(wanted, array.shape, argument)
    return array


def _numbers(wanted, x, argument):
    """Makes an array of finite numbers in the dtype of an input."""
    try:
        given = np.asarray(x)
        with np.errstate(invalid="ignore", over="ignore"):
            array = given.astype(wanted.dtype)
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
    if array.dtype.kind in "iu" and not np.array_equal(array.flat, given.flat):
        raise InputError(
            f"{argument}: it must hold whole numbers that fit {wanted.dtype}."
        )
    return array


def _check_shape(wanted, shape, argument):
    """Refuses a shape that an input does not take."""
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
    """Makes batches of images; those in a batch are of one size."""
    groups: list[list[tf.Tensor]] = []
    for number, image in enumerate(images):
        # In other PIL modes (palette, CMYK) numbers are not intensities.
        mode = getattr(image, "mode", "RGB")
        if mode not in ("L", "LA", "RGB", "RGBA"):
            raise InputError(
                f"{argument}: image {number} is of the mode {mode!r}; give"
                " image.convert('RGBA')."
            )
        try:
            image = np.asarray(image)
        except ValueError as error:
            raise InputError(
                f"{argument}: image {number} cannot be read as an array"
                f" ({error})."
            ) from error
        if image.ndim == 2 and image.shape[1] <= 4:
            raise InputError(
                f"{argument}: image {number} has the shape {image.shape}; one"
                " image goes into a list, and a grey one that is so narrow"
                " needs its axis of channels."
            )
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
        most = min(_BATCH, _BYTES // image.shape.num_elements())
        if (
            groups
            and groups[-1][0].shape == image.shape
            and len(groups[-1]) < most
        ):
            groups[-1].append(image)
        else:
            groups.append([image])
    return [tf.stack(group) for group in groups]
