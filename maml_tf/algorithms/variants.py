"""MAML with one line changed in each: FOMAML, ANIL, BOIL and others."""

from typing import Any

import keras

from maml_tf.algorithms import adapted_weights
from maml_tf.algorithms.beginnings import ZeroContexts
from maml_tf.algorithms.maml import MAML
from maml_tf.algorithms.without_steps import WithoutSteps


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


class CAVIA(MAML):
    """MAML that adapts contexts alone, from zero; θ is fixed in a task.

    "Fast context adaptation via meta-learning" (Zintgraf, Shiarlis, Kurin,
    Hofmann and Whiteson 2019, equations 3 and 4). Meta-training learns all
    other weights. The model has `maml_tf.ContextParameters` layers.

    Args:
        model: As in `MAML`.
        *args: As in `MAML`.
        inner_learning_rate: As in `MAML`. The paper's is 1.
        **options: As in `MAML`.

    Raises:
        InputError: The model has no such layer, or an argument cannot be used.
    """

    settles = ("adapts", "head", "prototype_scale")

    def __init__(
        self,
        model: keras.Model,
        *args: Any,
        inner_learning_rate: float | list = 1.0,
        **options: Any,
    ):
        super().__init__(
            model, *args, inner_learning_rate=inner_learning_rate, **options
        )
        self.inner_loop.adapts = adapted_weights.contexts(model)
        self.inner_loop.beginning = ZeroContexts(model)


class ProtoMAML(MAML):
    """MAML whose head begins as the nearest class mean in each task.

    (Triantafillou et al. 2020, section 3.) The body is learned through the
    means. It has no head to learn, so any number of ways will do.
    """

    settles = ("head",)

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, head="prototypes", **options)


class ProtoNet(WithoutSteps):
    """Prototypical networks: the nearest class mean, without an inner loop.

    p(y = n | x) = softmax_n(−|f(x) − c_n|²), where f are the features that the
    model's head is computed from and c_n the mean of class n's support examples
    (Snell, Swersky and Zemel 2017, equations 1 and 2).

    Args:
        *args: As in `MAML`.
        prototype_scale: Factor of the squared distances; the paper's is 1.
        **options: As in `WithoutSteps`.
    """

    settles = ("head",)

    def __init__(
        self, *args: Any, prototype_scale: float = 1.0, **options: Any
    ):
        super().__init__(
            *args, head="prototypes", prototype_scale=prototype_scale, **options
        )


class MetaSGD(MAML):
    """MAML that learns a rate for each element of its weights.

    φ_{k+1} = φ_k − a ∘ g_k, and meta-training learns a beside θ; it begins at
    the inner learning rate (Li, Zhou, Chen and Li 2017, equation 3).
    """

    settles = ("inner_rates", "inner_optimizer")

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, inner_rates="per_element", **options)
