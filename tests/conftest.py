"""Settings of the test run."""

from absl import flags

# absl's test cases read flags, which a run by pytest does not parse.
flags.FLAGS.mark_as_parsed()


def pytest_collection_modifyitems(items):
    """Drops `tf.test.TestCase.test_session`, a helper and no test."""
    items[:] = [item for item in items if item.name != "test_session"]
