"""Runs `maml-tf train-rl`."""

from maml_tf.commands import main

if __name__ == "__main__":
    main.run("train_rl")
