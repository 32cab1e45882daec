"""Meta-training: the loop, its checkpoints, its log and its interruption."""

from maml_tf.training.checkpoints import Checkpoints
from maml_tf.training.loop import Training, meta_train

__all__ = ["Checkpoints", "Training", "meta_train"]
