"""Runs `maml-tf plot-rl`."""

from maml_tf.commands import main

if __name__ == "__main__":
    main.run("plot_rl")
