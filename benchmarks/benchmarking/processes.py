"""The benchmark's side of a worker's process."""

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile

_SCRIPT = pathlib.Path(__file__).with_name("worker.py")


class WorkerError(Exception):
    """A worker could not do what it was told, and has ended."""


class Worker:
    """A process that runs one implementation; ended by `with`.

    Args:
        module: of `benchmarking`, such as `"ours"`.
        implementation: a key of its `IMPLEMENTATIONS`.
        workload: a name of `workloads.WORKLOADS`.
        seed: of weights and data.

    Attributes:
        version: of the framework.

    Raises:
        WorkerError: the module cannot be imported.
    """

    def __init__(self, module, implementation, workload, seed):
        # What libraries log there is shown only if the worker dies of it.
        self._stderr = tempfile.TemporaryFile(  # noqa: SIM115, close() does.
            "w+", errors="replace"
        )
        self._process = subprocess.Popen(
            [
                sys.executable,
                str(_SCRIPT),
                module,
                implementation,
                workload,
                str(seed),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )
        try:
            self.version = self._answer()["version"]
        except BaseException:
            self.close()
            raise

    def ask(self, *command):
        """Waits for the answer to a command, a dict.

        Raises:
            WorkerError: with what the worker said last.
        """
        # A process that has ended has answered why.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(" ".join(command) + "\n")
            self._process.stdin.flush()
        return self._answer()

    def close(self):
        """Ends the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            self._stderr.seek(0)
            said = self._stderr.read().split("\n")
            last = next((text for text in reversed(said) if text.strip()), "")
            raise WorkerError(f"the process ended with status {status}: {last}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer
