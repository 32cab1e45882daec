"""Tests of maml_tf/datasets/images/cache.py; more in omniglot_test.py."""

import pathlib
import tempfile

import numpy as np
import pytest
import tensorflow as tf

from maml_tf.datasets.images import cache
from tests.helpers.killed import killed_when_ready


@pytest.mark.slow
class KilledTest(tf.test.TestCase):
    def test_what_a_killed_process_left_is_removed_by_the_next(self):
        cache_dir = self.enter_context(tempfile.TemporaryDirectory())
        killed_when_ready(f"""
            import time
            import numpy as np
            from maml_tf.datasets.images import cache

            def blocking(file, **arrays):
                file.write(b"half")
                file.flush()
                print("ready", flush=True)
                time.sleep(600)

            np.savez = blocking
            cache.cached_arrays(
                "some", lambda: {{"images": np.arange(3)}}, {cache_dir!r}
            )
        """)
        (left,) = pathlib.Path(cache_dir).iterdir()
        self.assertStartsWith(left.name, ".partial-")
        self.assertEqual(left.read_bytes(), b"half")
        made = {"images": np.arange(5)}
        for _ in range(2):
            arrays = cache.cached_arrays("some", lambda: made, cache_dir)
            self.assertAllEqual(arrays["images"], np.arange(5))
        self.assertEqual(
            [path.name for path in pathlib.Path(cache_dir).iterdir()],
            ["some.npz"],
        )


if __name__ == "__main__":
    tf.test.main()
