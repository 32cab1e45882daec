"""The preparation of raw images, as a Keras model beside the network.

It has only Keras's own operations, so a saved model does not need `maml_tf`.
"""

import keras

FITS = ("crop", "pad", "stretch")


def image_preparation(
    input_shape: tuple[int, int, int],
    fit: str = "crop",
    interpolation: str = "bilinear",
    ink: bool = False,
) -> keras.Model:
    """Makes the model from raw images to a network's inputs.

    An image of the network's own size is only divided by 255; others are first
    resized as in `maml_tf.datasets.images.sizes`, antialiased and rounded to
    whole numbers.

    Args:
        input_shape: The network's input shape, `(size, size, channels)`.
        fit: How another aspect becomes square. `"crop"`: by cropping to the
            middle, as for photographs; `"pad"`: by margins, as for drawings,
            which must stay whole; `"stretch"`.
        interpolation: As in `tf.image.resize`.
        ink: Whether raw images are dark ink on white and inputs are 1 for ink,
            as in Omniglot.

    Returns:
        A `keras.Model` from uint8 images `[images, height, width, channels]` of
        any one height and width to float32 `[images, size, size, channels]` in
        [0, 1].
    """
    height, width, channels = input_shape
    raw = keras.Input((None, None, channels), dtype="uint8", name="image")
    pixels = keras.ops.cast(raw, "float32")
    if ink:
        pixels = 255.0 - pixels
    pixels = keras.ops.image.resize(
        pixels,
        (height, width),
        interpolation,
        antialias=True,
        crop_to_aspect_ratio=fit == "crop",
        pad_to_aspect_ratio=fit == "pad",
        fill_value=0.0,  # In images of ink, this is not ink.
        data_format="channels_last",
    )
    pixels = keras.ops.round(keras.ops.clip(pixels, 0.0, 255.0)) / 255.0
    return keras.Model(raw, pixels, name="preparation")
