"""Runs `maml-tf make-series`."""

from maml_tf.commands import main

main.run("make_series")
