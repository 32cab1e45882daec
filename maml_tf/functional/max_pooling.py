"""Max-pooling of windows that do not overlap, cheap to every order."""

import tensorflow as tf


def max_pooling(x, size):
    """The largest input of each window.

    Its derivative puts dy where the largest input was; the derivative of that
    picks the same places again. TensorFlow looks for the largest input anew
    each time, several times slower, and under XLA compares 16 of its bits.

    Args:
        x: `[examples, height, width, channels]`.
        size: `(vertical, horizontal)`, of the windows and of their strides.
            What is left over at the end is in no window.

    Returns:
        `[examples, height // size[0], width // size[1], channels]`.
    """
    window = {
        "ksize": [1, *size, 1],
        "strides": [1, *size, 1],
        "padding": "VALID",
    }

    @tf.custom_gradient
    def pool(x):
        y = tf.raw_ops.MaxPool(input=x, **window)

        def place(dy):
            """Linear in dy: its elements at the largest inputs, else 0."""

            @tf.custom_gradient
            def placed(dy):
                dx = tf.raw_ops.MaxPoolGrad(
                    orig_input=x, orig_output=y, grad=dy, **window
                )
                return dx, pick

            return placed(dy)

        def pick(dx):
            """The adjoint: the elements at the largest inputs."""

            @tf.custom_gradient
            def picked(dx):
                largest = tf.raw_ops.MaxPoolGrad(
                    orig_input=x, orig_output=y, grad=tf.ones_like(y), **window
                )
                means = tf.nn.avg_pool2d(largest * dx, size, size, "VALID")
                return means * float(size[0] * size[1]), place

            return picked(dx)

        return y, place

    return pool(x)
