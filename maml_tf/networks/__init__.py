"""Networks by name, each a function that builds a Keras model."""

import contextlib

import keras

from maml_tf.networks import layers
from maml_tf.registry import NETWORKS


def names():
    """Returns the names that `create` knows, a sorted tuple of strings."""
    return NETWORKS.names()


def option_names(name):
    """Returns the names of the options that a network takes, a tuple."""
    return tuple(NETWORKS.options(name))


def create(name, input_shape, outputs, seed=None, dtype=None, **options):
    """Returns a new network, built, with its initial weights.

    Example:
    ```python
    model = networks.create("conv4", (28, 28, 1), outputs=5, seed=0)
    model = networks.create("mlp", (1,), outputs=1, widths=(40, 40))
    ```

    Args:
        name: One of `names()`.
        input_shape: Shape of one example, without the batch axis.
        outputs: Number of outputs, such as the number of ways.
        seed: A non-negative integer makes the initial weights reproducible
            without touching any global random state; `None` (the default)
            draws them from Keras's.
        dtype: Keras's name of the layers' precision, such as
            `"mixed_bfloat16"`: they compute in bfloat16 while weights, and what
            inner steps make of them, are float32. None (the default) for
            Keras's own setting.
        **options: What the network's own function takes besides, such as
            `filters` of `conv4`.

    Returns:
        A functional `keras.Model` from `[batch, *input_shape]` to raw outputs
        (logits) `[batch, outputs]`.

    Raises:
        InputError: The network or an option is unknown, or a value cannot be
            used.
    """
    layers.require_integers("input_shape", input_shape)
    layers.require_integer("outputs", outputs)
    with _policy(dtype):
        return NETWORKS.create(
            name, tuple(input_shape), outputs, seed=seed, **options
        )


@contextlib.contextmanager
def _policy(dtype):
    before = keras.config.dtype_policy()
    if dtype is not None:
        keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
