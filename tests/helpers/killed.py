"""Processes that are killed at a chosen moment."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap

_ROOT = pathlib.Path(__file__).resolve().parents[2]


def killed_when_ready(program):
    """Runs a Python program until it prints `ready`, then kills it.

    Args:
        program: its text, which may be indented. It finds `maml_tf` and
            `tests`.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=_ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            said = process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGKILL)
    assert said == "ready", said
    assert process.returncode == -signal.SIGKILL
