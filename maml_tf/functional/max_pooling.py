"""Max-pooling of windows that do not overlap, cheap to every order."""

import tensorflow as tf


def max_pooling(x: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Returns the largest input of each window.

    Its derivative puts dy where the largest input was; the derivative of that
    picks the same places again. TensorFlow searches for the largest input again
    each time, several times slower, and under XLA compares only 16 of its bits.

    Args:
        x: `[examples, height, width, channels]`.
        size: `(vertical, horizontal)`, the size of the windows and their
            strides. Rows and columns left over at the end are ignored.

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
            """Puts dy at the largest inputs and 0 elsewhere, linear in dy."""

            @tf.custom_gradient
            def placed(dy):
                dx = tf.raw_ops.MaxPoolGrad(
                    orig_input=x, orig_output=y, grad=dy, **window
                )
                return dx, pick

            return placed(dy)

        def pick(dx):
            """Picks the elements at the largest inputs, the adjoint."""

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
