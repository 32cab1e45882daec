"""Settings of the test run."""

import gc
import os
import tempfile

import pytest
from absl import flags

# absl's test cases read flags, which a run by pytest does not parse.
flags.FLAGS.mark_as_parsed()


_CACHE = pytest.StashKey()


def pytest_configure(config):
    """Gives all tests of a run one cache, in place of the user's own."""
    # Workers, and the scripts that tests start, inherit it.
    if "PYTEST_XDIST_WORKER" not in os.environ:
        cache = config.stash[_CACHE] = tempfile.TemporaryDirectory()
        os.environ["XDG_CACHE_HOME"] = cache.name
    else:
        # Workers, and what they start, would take each other's cores.
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


def pytest_unconfigure(config):
    """Removes it."""
    if _CACHE in config.stash:
        config.stash[_CACHE].cleanup()


def pytest_collection_modifyitems(items):
    """Drops `tf.test.TestCase.test_session`, a helper and no test."""
    items[:] = [item for item in items if item.name != "test_session"]


def pytest_collection_finish():
    """Leaves TensorFlow out of garbage collection, and collects less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
