r"""Serves models over HTTP, which adapt to the examples of each request.

    maml-tf serve --model=omniglot_5way_1shot

    curl localhost:8501/v1/models
    curl localhost:8501/v1/models/omniglot_5way_1shot:predict -d '{
        "signature_name": "adapt_and_predict",
        "inputs": {"support_x": ..., "support_y": [0, 1], "query_x": ...}}'

The address in a browser shows a page to try them on. Requests have the form of
TensorFlow Serving's REST interface; pictures may be PNG or JPEG in base64. It
needs pip install "maml_tf[serve]". docs/serving.md tells all.
"""

import contextlib
import importlib.util
import os
import signal
import sys

from absl import flags

from maml_tf import InputError
from maml_tf.commands import flag_help
from maml_tf.commands.experiments import (
    option_flags,
    recorded_flags,
    supervised,
)
from maml_tf.functional.model import BATCH_NORM_MODES
from maml_tf.registry import parameters
from maml_tf.serving.http.limits import Limits

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(supervised)
flags.DEFINE_multi_string(
    "model",
    None,
    "A model: the folder of a training, a SavedModel that maml-tf export wrote,"
    " or the name of one that comes with the package. NAME=FOLDER gives it"
    " another name. Give it several times for several models.",
    required=True,
)
flags.DEFINE_string(
    "host", "127.0.0.1", "Address to listen on; 0.0.0.0 is all of the machine."
)
flags.DEFINE_integer("port", 8501, "Port to listen on; 0 is any free one.")
flags.DEFINE_string(
    "users", None, "File that keeps users' weights; default: in memory."
)
flags.DEFINE_enum(
    "batch_norm",
    "inductive",
    BATCH_NORM_MODES,
    "Statistics that normalise the queries of a request, see maml-tf export."
    " SavedModels have their own.",
)
flags.DEFINE_integer(
    "threads", 0, "Requests that are computed at a time; 0: one a core."
)
option_flags.define(recorded_flags.adder(FLAGS, flag_help.LIMITS), Limits)
for _name in parameters(Limits):
    flags.declare_key_flag(_name)
# Modules of the extra [serve].
_EXTRA = ("fastapi", "uvicorn", "prometheus_client")


def main(argv: list[str]) -> int:
    """Serves as the flags say; returns the exit status."""
    del argv
    # Before the models are loaded, there is nothing to finish.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    missing = [name for name in _EXTRA if not importlib.util.find_spec(name)]
    if missing:
        raise InputError(
            f"serve: {', '.join(missing)} cannot be imported; install what it"
            ' needs with pip install "maml_tf[serve]".'
        )
    from maml_tf.serving.http import server, watch
    from maml_tf.serving.http.app import make_app
    from maml_tf.serving.http.bodies import Bodies
    from maml_tf.serving.http.context import Context
    from maml_tf.serving.http.loading import load_models
    from maml_tf.serving.http.users import Users
    from maml_tf.serving.http.work import Work

    limits = Limits(**option_flags.given_to(Limits, FLAGS))
    users = Users(FLAGS.users, limits)
    with contextlib.closing(users):
        with server.listen(FLAGS.host, FLAGS.port) as listening:
            models = load_models(FLAGS.model, limits, FLAGS.batch_norm)
            threads = FLAGS.threads or os.cpu_count() or 1
            with contextlib.closing(Work(threads, limits)) as work:
                watch.log_to_stderr()
                app = make_app(Context(models, users, work, Bodies(limits)))
                print(
                    f"Serving {', '.join(models)} at {server.url(listening)}",
                    flush=True,
                )
                server.serve(app, listening, limits)
    print("Ended.", flush=True)
    return 0


def run() -> None:
    """Runs the command with the flags in `sys.argv`."""
    supervised.run(main)
