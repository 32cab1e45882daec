"""Two classes told apart by one logit."""

import keras


def probabilities(outputs: int) -> keras.layers.Layer:
    """Makes the layer from logits to probabilities of classes.

    Args:
        outputs: Number of the network's outputs; one is the logit of the second
            class against the first.

    Returns:
        A layer from `[examples, outputs]` to `[examples, classes]`, in float32.
    """
    if outputs > 1:
        return keras.layers.Softmax(name="probabilities", dtype="float32")
    logit = keras.Input((1,), dtype="float32")
    # The sigmoid of a logit is the softmax of 0 and the logit.
    zero = keras.layers.Rescaling(0.0, dtype="float32")(logit)
    both = keras.layers.Concatenate(dtype="float32")([zero, logit])
    softmax = keras.layers.Softmax(dtype="float32")
    return keras.Model(logit, softmax(both), name="probabilities")
