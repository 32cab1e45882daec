"""Experiments made from flags: their data, model and algorithm."""

# First, because importing TensorFlow is noisy.
from maml_tf.commands.experiments import quiet_tensorflow  # noqa: F401
