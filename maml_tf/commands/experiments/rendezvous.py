"""A meeting of the workers before TensorFlow starts, with a time limit.

TensorFlow waits an hour for a worker that does not come, and cannot be
interrupted meanwhile. So the workers first call on one another: each listens at
its own address until all others were there, and each visits all others.
"""

import json
import socket
import socketserver
import threading
import time
from typing import Any

from maml_tf.errors import InputError

_GREETING = "maml_tf"


def meet(
    addresses: list[str], index: int, message: Any, timeout: float
) -> list:
    """Waits for all workers and exchanges messages.

    Args:
        addresses: `host:port` of each worker.
        index: Number of this one.
        message: What the others get: a value that JSON can hold.
        timeout: Seconds to wait.

    Returns:
        The messages of all workers, by their number.

    Raises:
        InputError: This worker cannot listen at its port, another one did not
            come in time, or something else listens at its address.
    """
    deadline = time.monotonic() + timeout
    messages = {index: json.loads(json.dumps(message))}
    others = set(range(len(addresses))) - {index}
    with _listening(addresses, index, message) as server:
        while others - messages.keys() or others - server.visitors:
            for number in sorted(others - messages.keys()):
                answer = _ask(addresses[number], index)
                if answer is not None:
                    messages[number] = answer
            if time.monotonic() > deadline:
                absent = others - (messages.keys() & server.visitors)
                names = ", ".join(
                    f"{number} at {addresses[number]}"
                    for number in sorted(absent)
                )
                raise InputError(
                    f"workers: worker {index} of {len(addresses)} waited"
                    f" {timeout:g} seconds for worker {names}; start all of"
                    " them with the same cluster, or give a longer"
                    " --worker_timeout."
                )
            time.sleep(0.05)
    return [messages[number] for number in range(len(addresses))]


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address, message):
        self.message = message
        self.visitors = set()
        super().__init__(address, _Visit)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=[0.05]).start()
        return self

    def __exit__(self, *exception):
        self.shutdown()
        self.server_close()


class _Visit(socketserver.StreamRequestHandler):
    timeout = 2
    server: _Server

    def handle(self):
        try:
            greeting, number = self.rfile.readline(100).decode().split()
            if greeting == _GREETING:
                self.wfile.write(json.dumps(self.server.message).encode())
                self.wfile.flush()
                self.server.visitors.add(int(number))
        except (OSError, ValueError):
            pass  # A stranger, or one that has gone.


def _listening(addresses, index, message):
    port = int(addresses[index].rpartition(":")[2])
    try:
        return _Server(("", port), message)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise InputError(
            f"workers: worker {index} cannot listen at {addresses[index]}"
            f" ({reason}); give it another port."
        ) from None


def _ask(address, index):
    """Returns a worker's message, or None if it does not answer."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2) as line:
            line.sendall(f"{_GREETING} {index}\n".encode())
            with line.makefile("rb") as answer:
                return json.loads(answer.read())
    except (OSError, ValueError, OverflowError):
        return None
