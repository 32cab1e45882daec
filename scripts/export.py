"""Runs `maml-tf export`."""

from maml_tf.commands import main

main.run("export")
