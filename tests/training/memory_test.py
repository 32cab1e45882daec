"""Memory that trainings leave behind, in a process of its own."""

import json
import subprocess
import sys

import pytest
from absl.testing import absltest

_PROGRAM = """
import ctypes, gc, json
import keras, numpy as np
import maml_tf

model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
learner = maml_tf.Learner(model, inner_steps=1)
generator = np.random.default_rng(0)


def episodes():
    while True:
        x, y = generator.normal(size=(12, 8)), np.tile(np.arange(3), 2)
        yield x[:6], y, x[6:], y


def resident():
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20


sizes = []
for number in range(61):
    learner.meta_train(episodes(), 1, tasks=2, progress=False)
    if number in (15, 60):
        sizes.append(resident())
print(json.dumps(sizes))
"""


@pytest.mark.slow
class MemoryTest(absltest.TestCase):
    def test_trainings_leave_little(self):
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            stdout=subprocess.PIPE,
            timeout=300,
            check=True,
        )
        before, after = json.loads(done.stdout.splitlines()[-1])
        # Some 10 MB at most; without emptying the cache of kernels it would be
        # more than 50.
        self.assertLess(after - before, 30)


if __name__ == "__main__":
    absltest.main()
