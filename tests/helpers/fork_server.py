"""Runs scripts in forks of one process, which has imported TensorFlow.

Started by `tests/helpers/forked.py`. A script finds all as when it is started
by itself, but for the seconds that importing TensorFlow takes. Requests and
answers are lines of JSON on stdin and stdout.
"""

import gc
import importlib
import json
import os
import pkgutil
import runpy
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf  # noqa: E402

import maml_tf  # noqa: E402

# Nothing is computed before the fork. Commands are left out: each defines its
# own flags.
for found in pkgutil.walk_packages(maml_tf.__path__, "maml_tf."):
    if not found.name.startswith("maml_tf.commands"):
        importlib.import_module(found.name)

# Forks need not look through all that when they collect garbage and end.
gc.collect()
gc.freeze()


def next_request():
    """Forks for every request; returns it in the child, never in the parent."""
    requests = os.fdopen(os.dup(0), "r")
    answers = os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    for line in requests:
        child = os.fork()
        if child == 0:
            os.close(requests.fileno())
            os.close(answers.fileno())
            return json.loads(line)
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()
    sys.exit()


request = next_request()
# As `quiet_tensorflow` has it, before anybody looks at stderr.
tf.config.list_physical_devices()
for descriptor, name in ((1, "stdout"), (2, "stderr")):
    os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT), descriptor)
os.chdir(request["folder"])
os.environ.clear()
os.environ.update(request["environment"])
sys.argv = request["command"]
sys.path[0] = os.path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
