"""Runs a script so that bad input ends it with a sentence, not a stack trace.

Without TensorFlow, which `benchmark.py` must not load beside what it times.
"""

import sys
import warnings

from absl import app


def run(main, *errors):
    """Runs `main(argv)` with absl's flags parsed, and exits with its status.

    Args:
        main: function `argv -> exit status`.
        *errors: exceptions whose message is a sentence for the user.
    """

    def with_sentences(argv):
        if len(argv) > 1:
            raise app.UsageError(f"{argv[1]!r} is not a flag; see --help.")
        try:
            return main(argv)
        except errors as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("error: interrupted", file=sys.stderr)
            return 130
        except OSError as error:
            print(
                f"error: {error.strerror or error}: {error.filename}",
                file=sys.stderr,
            )
            return 1

    warnings.formatwarning = _note
    app.run(with_sentences)


def _note(message, *details, **more):
    """A warning as a user wants it: without the line of code it came from."""
    del details, more
    return f"note: {message}\n"
