"""A model that has learned to learn: load it, adapt it, predict, save it."""

from maml_tf.learner.adapted_model import AdaptedModel
from maml_tf.learner.learner import Learner
from maml_tf.learner.loading import load

__all__ = ["AdaptedModel", "Learner", "load"]
