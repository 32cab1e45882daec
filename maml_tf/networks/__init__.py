"""Networks by name, each a function that builds a Keras model."""

import contextlib
from collections.abc import Sequence
from typing import Any

import keras

from maml_tf.networks import layers
from maml_tf.registry import NETWORKS


def names() -> tuple[str, ...]:
    """Returns the names that `create` knows, sorted."""
    return NETWORKS.names()


def option_names(name: str) -> tuple[str, ...]:
    """Returns the names of the options that a network takes."""
    return tuple(NETWORKS.options(name))


def create(
    name: str,
    input_shape: Sequence[int],
    outputs: int,
    seed: int | None = None,
    dtype: str | None = None,
    **options: Any,
) -> keras.Model:
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
        seed: Integer of 0 or more that makes the initial weights reproducible
            without global random state. By default they are drawn from Keras's
            own random state.
        dtype: Keras's name of the layers' precision. With `"mixed_bfloat16"`
            they compute in bfloat16, while weights, also adapted ones, are
            float32. Defaults to Keras's own setting.
        **options: Options of the network's own function, such as `filters` of
            `conv4`.

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
