"""A smaller conv4, for tests where graphs are traced many times over."""

from unittest import mock

from maml_tf import networks


def two_blocks():
    """A context within which `conv4` is made of two blocks, not of four."""
    return mock.patch.object(networks.conv4, "BLOCKS", 2)
