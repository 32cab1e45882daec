"""A small residual network, for comparing MAML with BOIL."""

import keras

from maml_tf.networks import layers


def resnet(
    input_shape: tuple[int, ...],
    outputs: int,
    filters: tuple[int, ...] = (32, 64, 64),
    last_skip: bool = True,
    seed: int | None = None,
) -> keras.Model:
    """Returns residual blocks, a mean over height and width, and a head.

    It is a small version of the ResNet-12 of Oh et al. 2021 (BOIL): a block has
    two convolutions in place of three, the blocks are fewer and narrower, and
    the first convolution has a stride of 2. A 28 x 28 image costs about twice
    the multiplications of the `conv4` with 64 filters. A block is

        relu(norm(conv3x3(relu(norm(conv3x3(x))))) + norm(conv1x1(x)))

    followed by a 2x2 max-pool without padding. If the first convolution has a
    stride, the 1x1 one sees the 2x2 means of x. The convolutions do not have a
    bias: the batch normalisation after each has a centre.

    Args:
        input_shape: `(height, width, channels)` of one image.
        outputs: Number of outputs, the number of ways.
        filters: Filters of each block, first to last.
        last_skip: Whether the last block has its skip connection. The paper
            leaves it out to let BOIL change the high-level features freely.
        seed: Integer of 0 or more that makes the initial weights reproducible.
            By default they are drawn from Keras's own random state.

    Returns:
        A functional `keras.Model` from `[batch, height, width, channels]` to
        logits `[batch, outputs]`.

    Raises:
        InputError: An argument cannot be used, or the image is too small to
            be pooled once a block.
    """
    layers.require_integers("filters", filters)
    # The stride halves rounding up, each pool rounding down.
    layers.require_image("resnet", input_shape, 2 ** (len(filters) + 1) - 1)
    initializers = layers.kernel_initializers(seed)
    inputs = keras.Input(input_shape)
    hidden = inputs
    for number, width in enumerate(filters, start=1):
        is_last = number == len(filters)
        hidden = _residual_block(
            hidden,
            width,
            stride=2 if number == 1 else 1,
            skip=last_skip or not is_last,
            initializers=initializers,
            name=f"block{number}",
        )
    hidden = keras.layers.GlobalAveragePooling2D(name="mean")(hidden)
    head = keras.layers.Dense(
        outputs, kernel_initializer=next(initializers), name="head"
    )
    return keras.Model(inputs, head(hidden), name="resnet")


def _residual_block(inputs, filters, stride, skip, initializers, name):
    """Applies one block to `[batch, height, width, channels]`."""
    hidden = _conv_norm(
        inputs, filters, 3, stride, next(initializers), f"{name}_conv1"
    )
    hidden = keras.layers.ReLU(name=f"{name}_relu1")(hidden)
    hidden = _conv_norm(
        hidden, filters, 3, 1, next(initializers), f"{name}_conv2"
    )
    if skip:
        shortcut = inputs
        if stride > 1:
            # The 1x1 convolution has no stride: on CPUs with oneDNN, the filter
            # gradient would then corrupt memory in TensorFlow 2.21.
            shortcut = keras.layers.AveragePooling2D(
                stride, padding="same", name=f"{name}_shortcut_pool"
            )(shortcut)
        shortcut = _conv_norm(
            shortcut, filters, 1, 1, next(initializers), f"{name}_shortcut"
        )
        hidden = keras.layers.Add(name=f"{name}_add")([hidden, shortcut])
    hidden = keras.layers.ReLU(name=f"{name}_relu2")(hidden)
    return keras.layers.MaxPooling2D(2, name=f"{name}_pool")(hidden)


def _conv_norm(inputs, filters, size, stride, initializer, name):
    """Applies a convolution without bias, then batch normalisation."""
    hidden = keras.layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer=initializer,
        name=name,
    )(inputs)
    return layers.batch_norm(f"{name}_norm")(hidden)
