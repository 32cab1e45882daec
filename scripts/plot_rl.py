"""Runs `maml-tf plot-rl`."""

from maml_tf.commands import main

main.run("plot_rl")
