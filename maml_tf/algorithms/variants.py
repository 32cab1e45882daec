"""FOMAML, ANIL and BOIL: MAML with a line changed each."""

from maml_tf.algorithms.adapted_weights import body, head
from maml_tf.algorithms.maml import MAML


class FOMAML(MAML):
    """First-order MAML: inner gradients count as constants.

    The meta-gradient is ∇_φ L_query(φ_K), taken as if φ_K were θ (Finn et al.
    2017, section 5.2; Nichol et al. 2018).
    """

    settles = ("second_order",)

    def __init__(self, *args, **options):
        super().__init__(*args, second_order=False, **options)


class ANIL(MAML):
    """MAML that adapts the head alone; the body is learned outside.

    "Almost no inner loop" (Raghu, Raghu, Bengio and Vinyals 2020).
    """

    settles = ("adapts",)

    def __init__(self, model, *args, **options):
        super().__init__(model, *args, adapts=head(model), **options)


class BOIL(MAML):
    """MAML that adapts the body alone; the head is learned outside.

    "Body only update in the inner loop" (Oh, Yoo, Kim and Yun 2021).
    """

    settles = ("adapts",)

    def __init__(self, model, *args, **options):
        super().__init__(model, *args, adapts=body(model), **options)
