"""Imports TensorFlow without its start-up notes, which would bury our lines.

No setting silences what is logged before its logging is set up. If the import
fails, what it said is shown.
"""

import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.stderr.flush()
_stderr = os.dup(2)
with tempfile.TemporaryFile() as _notes:
    os.dup2(_notes.fileno(), 2)
    try:
        import tensorflow as tf

        # Two tasks at a time, each on one core, beat one task on both; to be
        # said before the devices start.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(
            max(1, os.cpu_count() or 1)
        )
        tf.config.list_logical_devices()
    except BaseException:
        _notes.seek(0)
        os.write(_stderr, _notes.read())
        raise
    finally:
        os.dup2(_stderr, 2)
        os.close(_stderr)
