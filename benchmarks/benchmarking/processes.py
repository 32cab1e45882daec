"""The benchmark's side of a worker's process."""

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
from typing import IO, Any, cast

_SCRIPT = pathlib.Path(__file__).with_name("worker.py")


class WorkerError(Exception):
    """A worker could not carry out a command, and has ended."""


class Worker:
    """A process that runs one implementation; `with` ends it.

    Args:
        module: Name of a module of `benchmarking`, such as `"ours"`.
        implementation: A key of its `IMPLEMENTATIONS`.
        workload: As in `workloads.find`.
        seed: Seed of weights and data.

    Attributes:
        version: Version of the framework.

    Raises:
        WorkerError: The module cannot be imported.
    """

    def __init__(
        self, module: str, implementation: str, workload: str, seed: int
    ) -> None:
        # Libraries log there. It is shown only if the worker dies.
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
        self._stdin = cast(IO[str], self._process.stdin)
        self._stdout = cast(IO[str], self._process.stdout)
        try:
            self.version = self._answer()["version"]
        except BaseException:
            self.close()
            raise

    def ask(self, *command: str) -> dict[str, Any]:
        """Returns the answer to a command.

        Args:
            *command: A command of `worker.py` and its arguments.

        Raises:
            WorkerError: The worker has ended; the message is its last line.
        """
        # A process that has ended has already answered why.
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(" ".join(command) + "\n")
            self._stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Ends the process, even in the middle of a command."""
        self._process.kill()
        self._process.wait()
        self._stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        self._stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _answer(self):
        line = self._stdout.readline()
        if not line:
            status = self._process.wait()
            self._stderr.seek(0)
            lines = self._stderr.read().split("\n")
            last = next((text for text in reversed(lines) if text.strip()), "")
            raise WorkerError(f"the process ended with status {status}: {last}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer
