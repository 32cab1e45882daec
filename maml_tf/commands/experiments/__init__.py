"""Experiments that flags describe: their data, model and algorithm."""

# Before anything else of these imports TensorFlow, which is noisy.
from maml_tf.commands.experiments import quiet_tensorflow  # noqa: F401
