"""Runs `maml-tf evaluate-rl`."""

from maml_tf.commands import main

if __name__ == "__main__":
    main.run("evaluate_rl")
