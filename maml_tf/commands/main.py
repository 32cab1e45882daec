"""The command `maml-tf` and the scripts, which run the same commands."""

import importlib
import sys

from absl import flags


def run(command):
    """Runs a command with the flags in `sys.argv`, and exits with its status.

    Args:
        command: Name of a module in `maml_tf.commands`.
    """
    module = importlib.import_module(f"maml_tf.commands.{command}")
    # absl's --help shows the text and the flags of the main module.
    sys.modules["__main__"].__doc__ = module.__doc__
    for flag in flags.FLAGS.get_key_flags_for_module(module.__name__):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    module.run()
