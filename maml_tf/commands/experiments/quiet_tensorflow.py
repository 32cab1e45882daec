"""Imports and starts TensorFlow without its notes, which would bury our lines.

TensorFlow logs before its logging is set up, and no setting silences that. If
the import fails, its notes are shown. If TensorFlow has been imported already,
as in tests, this changes nothing.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keeps what is written to stderr to itself, unless an error is raised."""
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            yield
        except BaseException:
            notes.seek(0)
            os.write(stderr, notes.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


if "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with quietly():
        import tensorflow as tf

        # Otherwise absl's app.run does this, because a part of TensorFlow asks
        # it to, and the notes are seen. It does not fix the threads.
        tf.config.list_physical_devices()
else:
    import tensorflow as tf


def set_threads(intra_op_threads: int = 1, inter_op_threads: int = 0) -> None:
    """Sets the threads of TensorFlow's devices, before they are started.

    Args:
        intra_op_threads: Threads that share one operation; 0: one a core.
            Defaults to 1: two tasks at a time, each on a core, are 2 to 4 times
            faster than one task on both, with networks of few-shot size.
        inter_op_threads: Operations, and so tasks, at a time; 0: one a core.
            Defaults to 0.
    """
    with contextlib.suppress(RuntimeError):
        cores = os.cpu_count() or 1
        tf.config.threading.set_intra_op_parallelism_threads(
            intra_op_threads or cores
        )
        tf.config.threading.set_inter_op_parallelism_threads(
            inter_op_threads or cores
        )


def initialize() -> None:
    """Starts TensorFlow's devices."""
    with quietly():
        tf.config.list_logical_devices()
