"""Prints the flags of every command that may hold whole numbers, as JSON.

An object of command to a list of the names of its flags of whole numbers and of
lists. Run by `tests/helpers/forked.py`.
"""

import importlib
import json
import os

from absl import flags

from maml_tf.commands.main import COMMANDS


def names():
    """Returns the names of this package's flags of such a type."""
    return sorted(
        flag.name
        for module, defined in flags.FLAGS.flags_by_module_dict().items()
        if module.startswith("maml_tf")
        for flag in defined
        if isinstance(flag.parser, flags.IntegerParser | flags.BaseListParser)
    )


found = {}
for command in COMMANDS:
    # Two commands cannot define one flag in one process.
    reading, writing = os.pipe()
    if not os.fork():
        importlib.import_module(f"maml_tf.commands.{command.replace('-', '_')}")
        os.write(writing, json.dumps(names()).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as answer:
        found[command] = json.load(answer)
print(json.dumps(found), flush=True)
