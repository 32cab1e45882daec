"""Runs `maml-tf serve`."""

from maml_tf.commands import main

if __name__ == "__main__":
    main.run("serve")
