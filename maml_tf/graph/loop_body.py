"""The body of a loop within a compiled function, optimised by itself."""

import tensorflow as tf


def loop_body(function):
    """The function, called by a loop's graph rather than made part of it.

    It should read no variable: iterations whose functions do overlap less.

    Where TensorFlow expects a graph to need more than 200 MB, its memory
    optimiser (2.21) turns sums of three and more tensors into variables of its
    own. A loop has a last, dead iteration in which such a variable is made and
    never given back, so that the next call fails: "TmpVar already exists". A
    function that is called has no dead iteration, and what loops within it
    leave behind goes with the call.

    Args:
        function: Of tensors or structures of such; it may be traced anew with
            every call to `loop_body`.

    Returns:
        The same function.
    """
    return tf.function(
        function,
        autograph=False,
        experimental_attributes={"_noinline": True},
    )
