"""Policy-gradient losses of one task's rollouts.

They are pure functions `(y, outputs) -> scalar`, as all losses of this package.
`y` are `PolicyTargets`, and `outputs` `[rollouts * horizon, outputs]` are the
outputs of the policy to improve: a categorical one if the actions are integers,
otherwise a Gaussian one. Means are over the steps within rollouts.
"""

from collections.abc import Callable

import tensorflow as tf

from maml_tf.rl import distribution
from maml_tf.rl.trajectories import PolicyTargets


def reinforce(y: PolicyTargets, outputs: tf.Tensor) -> tf.Tensor:
    """Returns −mean of log π(a|s) · A.

    (Williams 1992; Finn et al. 2017, equation 4.)

    Args:
        y: `PolicyTargets`.
        outputs: The policy's outputs.

    Returns:
        A scalar.
    """
    return -_mean(y, _log_probabilities(y, outputs) * y.advantages)


def dice(y: PolicyTargets, outputs: tf.Tensor) -> tf.Tensor:
    """Returns the surrogate with unbiased derivatives of every order.

    It is −mean of (□_{≤t} − □_{<t}) · A_t, where □ = exp(τ − stop(τ)) and τ
    sums the rollout's log π up to step t, or before it (Foerster et al. 2018,
    with a baseline as in Farquhar et al. 2019, equation 14). Its gradient is
    the gradient of `reinforce`; its second derivative accounts for the effect
    of earlier actions on later states.

    Args:
        y: `PolicyTargets`.
        outputs: The policy's outputs.

    Returns:
        A scalar.
    """
    log_probabilities = _log_probabilities(y, outputs) * y.mask
    before = tf.cumsum(log_probabilities, -1, exclusive=True)
    difference = _magic_box(before + log_probabilities) - _magic_box(before)
    return -_mean(y, difference * y.advantages)


def low_variance(y: PolicyTargets, outputs: tf.Tensor) -> tf.Tensor:
    """Returns −mean of the ratio to the policy that acted, times A.

    Its gradient at that policy is the gradient of `reinforce`; its second
    derivative adds the outer product of ∇ log π (the low variance curvature
    estimator of ProMP, Rothfuss et al. 2019, equation 8). Outside of the inner
    loop it is the surrogate of TRPO (Schulman et al. 2015, equation 14).

    Args:
        y: `PolicyTargets`.
        outputs: The policy's outputs.

    Returns:
        A scalar.
    """
    return -_mean(y, _ratios(y, outputs) * y.advantages)


def clipped(clip: float) -> Callable:
    """Makes PPO's loss (Schulman et al. 2017, equation 7).

    Args:
        clip: The bound ε: a ratio gains nothing beyond 1 ± ε.

    Returns:
        A function `(y, outputs) -> scalar`.
    """

    def loss(y, outputs):
        ratios = _ratios(y, outputs)
        limited = tf.clip_by_value(ratios, 1.0 - clip, 1.0 + clip)
        return -_mean(
            y, tf.minimum(ratios * y.advantages, limited * y.advantages)
        )

    return loss


def kl_divergence(y: PolicyTargets, outputs: tf.Tensor) -> tf.Tensor:
    """Returns the mean KL(π that acted ‖ π of the outputs), in nats.

    Args:
        y: `PolicyTargets`.
        outputs: The policy's outputs.

    Returns:
        A scalar.
    """
    kind = distribution.of_actions(y.actions)
    divergence = kind.kl_divergence(y.outputs, outputs)
    return _mean(y, tf.reshape(divergence, y.mask.shape))


def fisher_product(y: PolicyTargets, vectors: tf.Tensor) -> tf.Tensor:
    """Multiplies the Hessian of `kl_divergence` by the outputs with vectors.

    The Hessian is taken at the policy that acted; the divergence is 0 there.

    Args:
        y: `PolicyTargets`.
        vectors: Vectors `[rollouts * horizon, outputs]`.

    Returns:
        A tensor of the same shape.
    """
    weight = tf.reshape(y.mask, [-1, 1]) / tf.reduce_sum(y.mask)
    kind = distribution.of_actions(y.actions)
    return kind.fisher_product(y.outputs, vectors) * weight


# Losses for the inner loop, by name.
INNER = {"reinforce": reinforce, "dice": dice, "low_variance": low_variance}


def _log_probabilities(y, outputs):
    """Returns log π of the actions taken, `[rollouts, horizon]`."""
    by_step = tf.reshape(outputs, [*y.mask.shape, -1])
    kind = distribution.of_actions(y.actions)
    return kind.log_probability(by_step, y.actions)


def _ratios(y, outputs):
    return tf.exp(
        _log_probabilities(y, outputs) - _log_probabilities(y, y.outputs)
    )


def _magic_box(logarithms):
    """Returns 1, with the derivatives of exp(logarithms) / its value."""
    return tf.exp(logarithms - tf.stop_gradient(logarithms))


def _mean(y, values):
    return tf.reduce_sum(values * y.mask) / tf.reduce_sum(y.mask)
