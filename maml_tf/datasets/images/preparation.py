"""What training does to an image, as a Keras model that goes with the network.

Made of Keras's own operations, so that a saved model needs nothing of ours.
"""

import keras

FITS = ("crop", "pad", "stretch")


def image_preparation(
    input_shape, fit="crop", interpolation="bilinear", ink=False
):
    """Makes the model from raw images to a network's inputs.

    An image of the network's own size is divided by 255 and else untouched;
    others are resized as `maml_tf.datasets.image_sizes` does, antialiased and
    rounded to whole numbers first.

    Args:
        input_shape: The network's, `(size, size, channels)`.
        fit: How another aspect becomes square. `"crop"`: by its middle, as for
            photographs; `"pad"`: by margins, as for drawings, of which nothing
            may be lost; `"stretch"`.
        interpolation: As in `tf.image.resize`.
        ink: Whether raw images are dark ink on white and inputs are 1 where
            there is ink, as for Omniglot.

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
        # With what is no ink, where images are of ink.
        pad_to_aspect_ratio=fit == "pad",
        fill_value=0.0,
        data_format="channels_last",
    )
    pixels = keras.ops.round(keras.ops.clip(pixels, 0.0, 255.0)) / 255.0
    return keras.Model(raw, pixels, name="preparation")
