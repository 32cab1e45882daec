"""A smaller conv4, for tests where graphs are traced many times over."""

from unittest import mock

from maml_tf.networks import conv4


def two_blocks():
    """A context within which `conv4` is made of two blocks, not of four."""
    return mock.patch.object(conv4, "BLOCKS", 2)
