"""Runs `maml-tf train`."""

from maml_tf.commands import main

main.run("train")
