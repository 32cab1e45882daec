"""Runs `maml-tf evaluate-rl`."""

from maml_tf.commands import main

main.run("evaluate_rl")
