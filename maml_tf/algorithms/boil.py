"""BOIL, body only update in the inner loop (Oh, Yoo, Kim and Yun 2021)."""

from maml_tf.algorithms.adapted_weights import body
from maml_tf.algorithms.maml import MAML


class BOIL(MAML):
    """MAML that adapts the body alone; the head is learned outside."""

    def __init__(self, model, *args, **options):
        super().__init__(model, *args, adapts=body(model), **options)
