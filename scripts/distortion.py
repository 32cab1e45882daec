"""Runs `maml-tf distortion`."""

from maml_tf.commands import main

if __name__ == "__main__":
    main.run("distortion")
