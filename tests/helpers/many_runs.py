"""Runs a command many times in one process, each with other flags.

Run by `tests/helpers/forked.py` with a file of JSON, an object of

- command: its name;
- base: flags of all runs, {} in them being replaced by the run's number;
- runs: a list of lists of further flags; or
- values: each flag of the command is given each of these values in turn, and
  none; a flag that `base` has is replaced;
- most, seed: the number of runs to draw from all of them, and the seed;
- seconds: the most that a run may take.

Prints a line of JSON for each: its flags, the exit status, stderr, seconds.
"""

import contextlib
import importlib
import io
import json
import pathlib
import random
import signal
import sys
import time

from absl import flags

FLAGS = flags.FLAGS


class TooLong(BaseException):
    """A run goes on for too long."""


def too_long(number, frame):
    """Ends a run, on a signal."""
    raise TooLong


def run(module, arguments, seconds):
    """Returns `(exit status, stderr)` of a run."""
    stderr = io.StringIO()
    status = "none"
    sys.argv = [module.__name__, *arguments]
    signal.alarm(seconds)
    try:
        with (
            contextlib.redirect_stderr(stderr),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            module.run()
    except SystemExit as error:
        status = error.code or 0
    except TooLong:
        status = "too long"
    except BaseException as error:  # A stack trace, if it were by itself.
        status = f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    for name in FLAGS:
        FLAGS[name].unparse()
    FLAGS.unparse_flags()
    return status, stderr.getvalue()


def variations(base, values):
    """Returns the flags of runs in which one flag is varied."""
    names = sorted(
        flag.name
        for module, defined in FLAGS.flags_by_module_dict().items()
        if module.startswith("maml_tf")
        for flag in defined
    )
    runs = [base]
    for name in dict.fromkeys(names):
        others = [f for f in base if f.partition("=")[0] != f"--{name}"]
        # Without some, a training runs for as long as it does by default.
        if others != base and name not in ("iterations", "num_tasks"):
            runs.append(others)
        runs += [[*others, f"--{name}={value}"] for value in values]
    return runs


def main(path):
    """Makes all runs of a file."""
    asked = json.loads(pathlib.Path(path).read_text("utf-8"))
    signal.signal(signal.SIGALRM, too_long)
    module = importlib.import_module(
        f"maml_tf.commands.{asked['command'].replace('-', '_')}"
    )
    if "runs" in asked:
        runs = [[*asked["base"], *more] for more in asked["runs"]]
    else:
        runs = variations(asked["base"], asked["values"])
    if len(runs) > asked.get("most", len(runs)):
        runs = random.Random(asked["seed"]).sample(runs, asked["most"])
    for number, arguments in enumerate(runs):
        arguments = [text.replace("{}", str(number)) for text in arguments]
        started = time.monotonic()
        status, stderr = run(module, arguments, asked["seconds"])
        seconds = time.monotonic() - started
        print(json.dumps([arguments, status, stderr, seconds]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
