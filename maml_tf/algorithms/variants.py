"""FOMAML, ANIL, BOIL and Meta-SGD: MAML with one line changed in each."""

from typing import Any

import keras

from maml_tf.algorithms.maml import MAML


class FOMAML(MAML):
    """First-order MAML: inner gradients count as constants.

    The meta-gradient is ∇_φ L_query(φ_K), used as if it were the derivative by
    θ (Finn et al. 2017, section 5.2; Nichol et al. 2018).
    """

    settles = ("second_order",)

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, second_order=False, **options)


class ANIL(MAML):
    """MAML that adapts only the head; meta-training learns the body.

    "Almost no inner loop" (Raghu, Raghu, Bengio and Vinyals 2020).
    """

    settles = ("adapts",)

    def __init__(self, model: keras.Model, *args: Any, **options: Any):
        super().__init__(model, *args, adapts="head", **options)


class BOIL(MAML):
    """MAML that adapts only the body; meta-training learns the head.

    "Body only update in the inner loop" (Oh, Yoo, Kim and Yun 2021).
    """

    settles = ("adapts",)

    def __init__(self, model: keras.Model, *args: Any, **options: Any):
        super().__init__(model, *args, adapts="body", **options)


class MetaSGD(MAML):
    """MAML that learns a rate for each element of its weights.

    φ_{k+1} = φ_k − a ∘ g_k, and meta-training learns a beside θ; it begins at
    the inner learning rate (Li, Zhou, Chen and Li 2017, equation 3).
    """

    settles = ("inner_rates", "inner_optimizer")

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, inner_rates="per_element", **options)
