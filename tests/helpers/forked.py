"""Runs scripts as a user does, without waiting for TensorFlow's import."""

import atexit
import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

_SECONDS = 300


@functools.cache
def _server():
    process = subprocess.Popen(
        [sys.executable, pathlib.Path(__file__).with_name("fork_server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # What TensorFlow says of itself.
        stderr=subprocess.DEVNULL,
        text=True,
    )
    # It ends when there are no more requests to read; waits for it.
    atexit.register(process.__exit__, None, None, None)
    return process


def run(script, *flags, cwd):
    """Runs a script to its end.

    Args:
        script: its path.
        *flags: strings.
        cwd: the folder to run it in.

    Returns:
        `(exit status, stdout, stderr)`.
    """
    server = _server()
    with tempfile.TemporaryDirectory() as folder:
        outputs = {
            name: os.path.join(folder, name) for name in ("stdout", "stderr")
        }
        request = {
            "command": [str(script), *map(str, flags)],
            "folder": str(cwd),
            "environment": dict(os.environ),
            **outputs,
        }
        too_long = threading.Timer(_SECONDS, server.kill)
        too_long.start()
        try:
            server.stdin.write(json.dumps(request) + "\n")
            server.stdin.flush()
            status = server.stdout.readline()
        finally:
            too_long.cancel()
        if not status:
            _server.cache_clear()
            raise RuntimeError(f"{script} took over {_SECONDS} s, or forks end")
        return int(status), *(
            pathlib.Path(path).read_text("utf-8") for path in outputs.values()
        )
