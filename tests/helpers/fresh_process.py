"""Calls SavedModels in a process that has TensorFlow and none of our code."""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

# Run with -I: neither the working folder nor PYTHONPATH is looked into.
_PROGRAM = """
import sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("maml_tf", "tests"):
            raise ImportError(name + " is refused here")

sys.meta_path.insert(0, Refused())

import concurrent.futures, json, pathlib
import numpy as np
import tensorflow as tf

folder = pathlib.Path(sys.argv[1])
calls = json.loads((folder / "calls.json").read_text())
models = {path: tf.saved_model.load(path) for path, *_ in calls}

def read(path):
    with np.load(path) as arrays:
        return {name: tf.constant(arrays[name]) for name in arrays}

def answer(place):
    path, signature, before = calls[place % len(calls)]
    inputs = read(folder / f"{place % len(calls)}.npz")
    if before is not None:
        inputs |= read(folder / f"answer{before}.npz")
    try:
        outputs = models[path].signatures[signature](**inputs)
        outputs = {name: output.numpy() for name, output in outputs.items()}
    except (TypeError, ValueError, tf.errors.OpError) as error:
        outputs = {"error": np.array(str(error))}
    np.savez(folder / f"answer{place}.npz", **outputs)

places = range(len(calls) * int(sys.argv[2]))
with concurrent.futures.ThreadPoolExecutor(int(sys.argv[3])) as pool:
    list(pool.map(answer, places))
assert "maml_tf" not in sys.modules
"""


def call(calls, repeats=1, threads=1):
    """Loads models and calls their signatures.

    Args:
        calls: list of `(folder of the model, signature, inputs)`, the inputs a
            dict of arrays, strings as bytes. A number may follow: the place of
            an earlier call, whose outputs are inputs too.
        repeats: how often to make them all, one list after the other.
        threads: how many at a time.

    Returns:
        A list of dicts, one for each call: arrays by the outputs' names, or
        `"error"` and what was raised.
    """
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        names = []
        for number, (path, signature, inputs, *before) in enumerate(calls):
            names.append((str(path), signature, before[0] if before else None))
            np.savez(folder / f"{number}.npz", **inputs)
        (folder / "calls.json").write_text(json.dumps(names))
        done = subprocess.run(
            [
                *(sys.executable, "-I", "-c", _PROGRAM, str(folder)),
                *(str(repeats), str(threads)),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise AssertionError(done.stderr[-3000:])
        answers = []
        for place in range(len(calls) * repeats):
            with np.load(folder / f"answer{place}.npz") as answer:
                answers.append({name: answer[name] for name in answer})
        return answers
