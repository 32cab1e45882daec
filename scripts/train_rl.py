"""Runs `maml-tf train-rl`."""

from maml_tf.commands import main

main.run("train_rl")
