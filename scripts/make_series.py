"""Runs `maml-tf make-series`."""

from maml_tf.commands import main

if __name__ == "__main__":
    main.run("make_series")
