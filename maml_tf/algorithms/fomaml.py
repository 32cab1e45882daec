"""First-order MAML (Finn et al. 2017, section 5.2; Nichol et al. 2018)."""

from maml_tf.algorithms.maml import MAML


class FOMAML(MAML):
    """MAML whose inner gradients count as constants.

    The meta-gradient is ∇_φ L_query(φ_K), taken as if φ_K were θ.
    """

    def __init__(self, *args, **options):
        super().__init__(*args, second_order=False, **options)
