"""Imports TensorFlow without its start-up notes, which would bury our lines.

No setting silences what is logged before its logging is set up. If the import
fails, what it said is shown. Where TensorFlow is running already, as in tests,
this changes nothing.
"""

import os
import sys
import tempfile


def _start():
    import tensorflow as tf

    # Two tasks at a time, each on one core, beat one task on both. It must be
    # said before the devices start.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(os.cpu_count() or 1)
    tf.config.list_logical_devices()


def _quietly(start):
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            start()
        except BaseException:
            notes.seek(0)
            os.write(stderr, notes.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


if "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    _quietly(_start)
