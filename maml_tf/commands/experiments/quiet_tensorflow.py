"""Imports and starts TensorFlow without its notes, which would bury our lines.

No setting silences what is logged before its logging is set up. If the import
fails, what it said is shown. Where TensorFlow is running already, as in tests,
this changes nothing.
"""

import contextlib
import os
import sys
import tempfile


@contextlib.contextmanager
def _quietly():
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
    with _quietly():
        import tensorflow as tf

        # absl's app.run would do it, within sight: a part of TensorFlow asks
        # to. It fixes no threads.
        tf.config.list_physical_devices()
else:
    import tensorflow as tf


def start(intra_op_threads=1, inter_op_threads=0):
    """Starts TensorFlow's devices, whose threads cannot be changed later.

    Args:
        intra_op_threads: threads that share one operation; 0 for one a core.
            One is the default: two tasks at a time on a core each beat one task
            on both, 2 to 4 times on networks of few-shot size.
        inter_op_threads: operations, and so tasks, at a time; 0 for one a core.
    """
    with _quietly(), contextlib.suppress(RuntimeError):
        cores = os.cpu_count() or 1
        tf.config.threading.set_intra_op_parallelism_threads(
            intra_op_threads or cores
        )
        tf.config.threading.set_inter_op_parallelism_threads(
            inter_op_threads or cores
        )
        tf.config.list_logical_devices()
