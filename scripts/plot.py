"""Runs `maml-tf plot`."""

from maml_tf.commands import main

main.run("plot")
