import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from absl.testing import absltest

pytest.importorskip("gymnasium")

from maml_tf.rl.environments import vector_worker, worker_pool  # noqa: E402
from tests.helpers import tiny_environments  # noqa: E402

TASKS = np.ones([3, 1], np.float32)
SEEDS = np.arange(3, dtype=np.uint32)
ACTIONS = np.full([3, 1], 1.5, np.float32)

# With packages in place of maml_tf's own, which import TensorFlow.
_PARENT = """
import sys, time, types

for name in ("maml_tf", "maml_tf.rl", "maml_tf.rl.environments"):
    package = types.ModuleType(name)
    package.__path__ = [name.replace(".", "/")]
    sys.modules[name] = package
import numpy as np
from maml_tf.rl.environments.worker_pool import WorkerPool

pool = WorkerPool(sys.argv[1] + "Walk", 2)
pool.reset(np.ones([3, 1], np.float32), np.arange(3, dtype=np.uint32))
print("ready", flush=True)
time.sleep(60)
"""


class WorkerPoolTest(absltest.TestCase):
    def test_is_as_environments_here(self):
        source = f"{tiny_environments.SOURCE}Walk"
        pool = worker_pool.WorkerPool(source, 2)
        here = vector_worker.Environments(source)
        np.testing.assert_array_equal(
            pool.reset(TASKS, SEEDS), here.reset(TASKS, SEEDS)
        )
        # As Ctrl-C in a terminal would, if it reached them.
        processes = pool._processes
        for process in processes:
            os.kill(process.pid, signal.SIGINT)
        for _ in range(8):
            for got, expected in zip(pool.step(ACTIONS), here.step(ACTIONS)):
                self.assertEqual(got.dtype, expected.dtype)
                np.testing.assert_array_equal(got, expected)
        pool.close()
        self.assertEqual([p.returncode for p in processes], [0, 0])

    def test_workers_end_with_the_pool(self):
        pool = worker_pool.WorkerPool(f"{tiny_environments.SOURCE}Walk", 1)
        (process,) = pool._processes
        del pool
        self.assertEqual(process.returncode, 0)

    def test_a_killed_worker_is_told_of(self):
        pool = worker_pool.WorkerPool(f"{tiny_environments.SOURCE}Walk", 2)
        pool.reset(TASKS, SEEDS)
        pool._processes[1].kill()
        pool._processes[1].wait()
        with self.assertRaisesRegex(
            vector_worker.EnvironmentFailure, "worker process with status -9"
        ):
            pool.step(ACTIONS)
        pool.close()

    def test_workers_end_silently_with_their_parent(self):
        for number in (signal.SIGKILL, signal.SIGTERM):
            # The workers have stderr open as long as they run.
            with subprocess.Popen(
                [sys.executable, "-c", _PARENT, tiny_environments.SOURCE],
                cwd=tiny_environments.ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as parent:
                self.assertEqual(parent.stdout.readline(), "ready\n")
                parent.send_signal(number)
                killed = time.monotonic()
                self.assertEqual(parent.stderr.read(), "")
                self.assertLess(time.monotonic() - killed, 20)
            self.assertEqual(parent.returncode, -number)


if __name__ == "__main__":
    absltest.main()
