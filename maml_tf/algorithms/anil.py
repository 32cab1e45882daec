"""ANIL, almost no inner loop (Raghu, Raghu, Bengio and Vinyals 2020)."""

from maml_tf.algorithms.adapted_weights import head
from maml_tf.algorithms.maml import MAML


class ANIL(MAML):
    """MAML that adapts the head alone; the body is learned outside."""

    def __init__(self, model, *args, **options):
        super().__init__(model, *args, adapts=head(model), **options)
