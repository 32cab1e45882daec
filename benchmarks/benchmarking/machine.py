"""The machine that runs the benchmark, and its speed of matrix products."""

import functools
import os
import pathlib
import platform
import shutil
import subprocess
import time
from typing import Any

import numpy as np

_SIZE = 2048


def describe() -> dict[str, Any]:
    """Describes cores, CPU, GPU (None without one) and software."""
    return {
        "cores": _cores(),
        "cpu": _cpu_model(),
        "gpu": _gpu_model(),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def gemm_gflops() -> float:
    """Measures one product of float32 matrices by NumPy, on all cores.

    A product before it, which is not timed, wakes the threads.

    Returns:
        GFLOP/s.
    """
    a, b, product = _matrices()
    np.matmul(a, b, out=product)
    started = time.perf_counter()
    np.matmul(a, b, out=product)
    return 2e-9 * _SIZE**3 / (time.perf_counter() - started)


@functools.cache
def _matrices():
    generator = np.random.default_rng(0)
    a, b = generator.random((2, _SIZE, _SIZE), np.float32)
    return a, b, np.empty_like(a)


def _cores():
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Not on Linux.
        return os.cpu_count()


def _cpu_model():
    information = pathlib.Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _gpu_model():
    if not shutil.which("nvidia-smi"):
        return None
    listed = subprocess.run(
        ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
    )
    return listed.stdout.strip().replace("\n", ", ") or None
