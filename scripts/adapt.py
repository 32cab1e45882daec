"""Runs `maml-tf adapt`."""

from maml_tf.commands import main

main.run("adapt")
