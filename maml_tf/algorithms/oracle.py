"""The bound of a network that is told what the task is."""

from maml_tf.algorithms.pretrain import Pretrain


class Oracle(Pretrain):
    """Joint training on inputs that name the task; nothing to adapt at test.

    Its curve is flat: the same loss after every step (Finn et al. 2017,
    section 5.1).
    """

    def __init__(self, *args, **options):
        super().__init__(*args, adapts=lambda variable: False, **options)
