"""Adaptation as a service: SavedModels and TensorFlow Lite files."""

from maml_tf.serving.saved_model import export

__all__ = ["export"]
