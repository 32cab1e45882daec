"""Runs `maml-tf evaluate`."""

from maml_tf.commands import main

main.run("evaluate")
