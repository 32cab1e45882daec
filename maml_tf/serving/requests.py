"""Requests to a served model: their signatures and what is refused."""

import tensorflow as tf


def signature(function, inputs):
    """A concrete function whose arguments bear the names of `inputs`.

    It refuses other shapes itself: whoever calls it need not look at them.
    """

    def of_these_shapes(**given):
        return function(
            **{
                name: tf.ensure_shape(given[name], spec.shape, name=name)
                for name, spec in inputs.items()
            }
        )

    return tf.function(of_these_shapes, autograph=False).get_concrete_function(
        **{
            name: tf.TensorSpec(spec.shape, spec.dtype, name=name)
            for name, spec in inputs.items()
        }
    )


def checked(tensor, *requirements):
    """The tensor, once it is known that all requirements hold.

    Args:
        tensor: Whatever is used from there on.
        *requirements: `(condition, sentence, tensors to show)` each, looked at
            one after the other.
    """
    done = []
    for condition, *message in requirements:
        with tf.control_dependencies(done):
            done = [tf.Assert(condition, message, summarize=10)]
    with tf.control_dependencies(done):
        return tf.identity(tensor)


def all_finite(tensor):
    """Returns whether no element is NaN or infinite, a boolean scalar."""
    return tf.reduce_all(tf.math.is_finite(tensor))


def finite(tensor):
    """Returns the tensor; the graph refuses a NaN or an infinite element."""
    return checked(
        tensor,
        (
            all_finite(tensor),
            "steps: the model's outputs or weights became NaN or infinite;"
            " fewer steps may help.",
        ),
    )
