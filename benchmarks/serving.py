r"""Times `maml-tf serve`, and tries it with many clients.

    python benchmarks/serving.py
    python benchmarks/serving.py --load=10000

The server has one core, and the clients have the others. A request adapts to
five classes, one drawing of each, and predicts five queries: PNG files of
105 × 105 pixels. The table has one client, whose requests follow one another,
and several. The last column is the server's processor time for a request, which
depends less on what else the machine does.

With --load, 16 threads send that many requests, a tenth of them malformed. Each
answer is compared with that of a single client, and the server's memory before
and after is printed, in megabytes. The exit status is 1 if an answer is wrong
or missing, or the memory grew by more than 5 %.
"""

import base64
import concurrent.futures
import http.client
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

import numpy as np
import PIL.Image
from absl import flags

from maml_tf.commands import sentences
from maml_tf.commands.experiments import quiet_tensorflow  # noqa: F401
from maml_tf.errors import InputError
from maml_tf.reports.tables import columns

FLAGS = flags.FLAGS
flags.DEFINE_integer("requests", 500, "Requests of each row.", lower_bound=10)
flags.DEFINE_integer("load", 0, "Requests of the trial with 16 threads.")
flags.DEFINE_integer("core", 0, "The server's core.")
_ROOT = pathlib.Path(__file__).resolve().parents[1]
_MODEL = "omniglot_5way_1shot"
_PREDICT = f"/v1/models/{_MODEL}:predict"
_CLIENTS = (1, 4)
_THREADS = 16
_TASKS = 20
_WARM = 500
_MALFORMED = (
    b"{",
    b'{"inputs": {"x": "text"}}',
    b'{"signature_name": "adapt", "inputs": {}}',
    b'{"instances": [[[[300]]]]}',
)


def main(argv: list[str]) -> int:
    """Runs what the flags say; returns the exit status."""
    del argv
    own = os.sched_getaffinity(0)
    if FLAGS.core not in own:
        raise InputError(f"core: {FLAGS.core} was given; there are {own}.")
    server = subprocess.Popen(
        [sys.executable, str(_ROOT / "scripts" / "serve.py"), "--port=0"]
        + [f"--model={_MODEL}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {FLAGS.core}),
    )
    os.sched_setaffinity(0, own - {FLAGS.core} or own)
    with server:
        try:
            found = re.search(r"http://(\S+)/", server.stdout.readline())
            if not found:
                raise InputError("serve: the server did not start.")
            return _measure(found[1])
        finally:
            server.terminate()


def run() -> None:
    """Runs the benchmark with the flags in `sys.argv`."""
    sentences.run(main, InputError)


def _measure(address):
    bodies = [_body(seed) for seed in range(_TASKS)]
    client = _Client(address)
    for _ in range(3):
        expected = [client.send(body) for body in bodies]
    rows = []
    for number in _CLIENTS:
        before = _figure(address, "cpu_seconds_total")
        times, seconds = _timed(address, bodies, number)
        cpu = _figure(address, "cpu_seconds_total") - before
        p50, p99 = np.percentile(times, [50, 99]) * 1000
        rows.append(
            [
                str(number),
                f"{len(times) / seconds:.0f}",
                f"{p50:.1f}",
                f"{p99:.1f}",
                f"{1000 * cpu / len(times):.1f}",
            ]
        )
    head = ["clients", "requests a second", "p50, ms", "p99, ms", "CPU, ms"]
    print(columns([head, *rows]))
    print(f"load average of the machine: {os.getloadavg()[0]:.1f}")
    return _try(address, bodies, expected) if FLAGS.load else 0


def _timed(address, bodies, clients):
    """Returns the seconds of each request, and of all."""

    def send(number):
        client = _Client(address)
        times = []
        for place in range(number, FLAGS.requests, clients):
            begin = time.perf_counter()
            status, _ = client.send(bodies[place % len(bodies)])
            times.append(time.perf_counter() - begin)
            if status != 200:
                raise InputError(f"serve: it answered with status {status}.")
        return times

    begin = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        times = [t for part in pool.map(send, range(clients)) for t in part]
    return times, time.perf_counter() - begin


def _try(address, bodies, expected):
    """Sends requests from many threads; returns the exit status."""
    own = threading.local()

    def is_right(number):
        if not hasattr(own, "client"):
            own.client = _Client(address)
        if number % 10 == 7:
            body = _MALFORMED[number // 10 % len(_MALFORMED)]
            status, answer = own.client.send(body)
            return status == 400 and list(answer) == ["error"]
        place = number % len(bodies)
        status, answer = own.client.send(bodies[place])
        return status == 200 and np.allclose(
            answer["outputs"], expected[place][1]["outputs"], atol=1e-5
        )

    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(is_right, range(_WARM)))
        before = _figure(address, "resident_memory_bytes") / 2**20
        begin = time.perf_counter()
        right = sum(pool.map(is_right, range(FLAGS.load)))
        seconds = time.perf_counter() - begin
        after = _figure(address, "resident_memory_bytes") / 2**20
    growth = after / before - 1
    print(
        f"{right} of {FLAGS.load} answers right from {_THREADS} threads,"
        f" {FLAGS.load / seconds:.0f} a second; memory {before:.0f} MB, then"
        f" {after:.0f} MB ({growth:+.1%})"
    )
    return int(right != FLAGS.load or growth > 0.05)


class _Client:
    """A client with one connection."""

    def __init__(self, address):
        host, port = address.split(":")
        self._connection = http.client.HTTPConnection(host, int(port))

    def send(self, body):
        self._connection.request("POST", _PREDICT, body)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def figures(self):
        self._connection.request("GET", "/metrics")
        return self._connection.getresponse().read().decode()


def _figure(address, name):
    text = _Client(address).figures()
    return float(re.search(rf"^process_{name} (\S+)", text, re.M)[1])


def _body(seed):
    generator = np.random.default_rng(seed)
    request = {
        "signature_name": "adapt_and_predict",
        "inputs": {
            "support_x": [_drawing(generator) for _ in range(5)],
            "support_y": [0, 1, 2, 3, 4],
            "query_x": [_drawing(generator) for _ in range(5)],
        },
    }
    return json.dumps(request).encode()


def _drawing(generator):
    """Draws three thick strokes, as a PNG file in base64."""
    pixels = np.full((105, 105), 255, np.uint8)
    for _ in range(3):
        ends = generator.uniform(10, 95, (2, 2))
        for part in np.linspace(0, 1, 150):
            y, x = np.int32(ends[0] + part * (ends[1] - ends[0]))
            pixels[y - 1 : y + 2, x - 1 : x + 2] = 0
    content = io.BytesIO()
    PIL.Image.fromarray(pixels).save(content, "PNG")
    return {"b64": base64.b64encode(content.getvalue()).decode()}


if __name__ == "__main__":
    run()
