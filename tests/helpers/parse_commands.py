"""Parses the flags of command lines of one command, without running any.

Takes the command and a JSON list of lists of flags. A line that does not parse
is printed on stderr with its error; the exit status is then 1. Prints the
names of the command's flags.
"""

import importlib
import json
import os
import sys

from absl import flags

from maml_tf.commands import sentences


def main(argv):
    """Stands for the command's own."""
    del argv


command, lines = sys.argv[1], json.loads(sys.argv[2])
module = importlib.import_module(
    f"maml_tf.commands.{command.replace('-', '_')}"
)
# Whose docstring is the help.
main.__module__ = module.__name__
print(*sorted(flags.FLAGS))
sys.stdout.flush()
failed = False
for line in lines:
    child = os.fork()
    if child == 0:
        sys.argv = ["maml-tf", *line]
        try:
            sentences.run(main, arguments="-- COMMAND" * (command == "launch"))
        except SystemExit as end:
            sys.stderr.flush()
            # Without the seconds in which TensorFlow is taken down.
            os._exit(end.code or 0)
    if os.waitpid(child, 0)[1]:
        print(f"in: maml-tf {command} {' '.join(line)}", file=sys.stderr)
        failed = True
sys.stderr.flush()
os._exit(failed)
