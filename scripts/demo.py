"""Runs `maml-tf demo`."""

from maml_tf.commands import main

main.run("demo")
