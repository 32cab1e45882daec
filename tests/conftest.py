"""Settings of the test run."""

from absl import flags

# absl's test cases read flags, which a run by pytest does not parse.
flags.FLAGS.mark_as_parsed()
