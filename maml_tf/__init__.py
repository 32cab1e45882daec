"""Meta-learning for TensorFlow 2 and Keras 3.

From tasks with a handful of examples each, learns an initialisation from which
any Keras model adapts to a new task in a few gradient steps (MAML, Finn et al.
2017, and its family).
"""

from maml_tf import (
    adapted_weights,
    algorithms,
    datasets,
    inner_optimizers,
    losses,
    networks,
    rl,
)
from maml_tf.adapted_model import AdaptedModel
from maml_tf.checkpoints import Checkpoints
from maml_tf.episodes import ClassPool, Episode, draw_episode
from maml_tf.errors import DivergenceError, InputError
from maml_tf.evaluation import Curve, MetaTest, meta_test
from maml_tf.export import export
from maml_tf.functional import FunctionalModel
from maml_tf.inner_loop import Adaptation, InnerLoop
from maml_tf.learner import Learner, load
from maml_tf.outer_step import OuterStep
from maml_tf.training import Training, meta_train

__version__ = "0.1.0"

__all__ = [
    "AdaptedModel",
    "Adaptation",
    "Checkpoints",
    "ClassPool",
    "Curve",
    "DivergenceError",
    "Episode",
    "FunctionalModel",
    "InnerLoop",
    "InputError",
    "Learner",
    "MetaTest",
    "OuterStep",
    "Training",
    "adapted_weights",
    "algorithms",
    "datasets",
    "draw_episode",
    "export",
    "inner_optimizers",
    "load",
    "losses",
    "meta_test",
    "meta_train",
    "networks",
    "rl",
]
