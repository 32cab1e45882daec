"""The baseline that has learned nothing before it sees the task."""

from maml_tf.algorithms.maml import MAML


class Scratch(MAML):
    """Fine-tunes the network's random initial weights; no meta-training."""

    meta_trains = False
