"""The body of a loop within a compiled function, optimised by itself."""

from collections.abc import Callable

import tensorflow as tf


def loop_body(
    function: Callable,
) -> tf.types.experimental.PolymorphicFunction:
    """Makes a function that a loop's graph calls rather than contains.

    It should not read variables: iterations whose functions do overlap less.

    If TensorFlow expects a graph to need more than 200 MB, its memory optimiser
    (2.21) turns sums of three and more tensors into variables of its own. A
    loop has a last, dead iteration in which such a variable is made and never
    given back, so the next call fails: "TmpVar already exists". A function that
    is called has no dead iteration, and anything that loops within it leave
    behind goes with the call.

    Args:
        function: A function of tensors or structures of tensors; it may be
            traced again with every call to `loop_body`.

    Returns:
        The same function.
    """
    return tf.function(
        function,
        autograph=False,
        experimental_attributes={"_noinline": True},
    )
