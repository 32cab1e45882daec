"""Runs `maml-tf share`."""

from maml_tf.commands import main

main.run("share")
