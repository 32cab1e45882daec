"""Discounted returns, and how much better than expected an action was."""

import tensorflow as tf


def discounted_sums(rewards, discount):
    """Σ_k γᵏ r_{t+k} for each t, in one product with a triangular matrix.

    Args:
        rewards: `[..., horizon]`, 0 after a rollout's end.
        discount: Γ, a number in [0, 1].

    Returns:
        Of the same shape.
    """
    time = tf.range(rewards.shape[-1], dtype=rewards.dtype)
    delay = time[:, tf.newaxis] - time
    weights = tf.where(
        delay >= 0,
        tf.pow(tf.constant(discount, rewards.dtype), tf.maximum(delay, 0)),
        0,
    )
    return tf.tensordot(rewards, weights, 1)


def generalized_advantages(rewards, values, mask, discount, gae_lambda):
    """Generalised advantage estimates (Schulman et al. 2016, equation 16).

    Σ_k (γλ)ᵏ δ_{t+k} with δ_t = r_t + γ V(s_{t+1}) − V(s_t). What comes after
    the horizon counts as worth nothing, as in rllab's and the MAML code.

    Args:
        rewards: `[..., horizon]`.
        values: V(s_t), likewise.
        mask: Likewise, 1.0 within the rollout and 0.0 after its end.
        discount: Γ.
        gae_lambda: Λ; at 1 the discounted return less the value.

    Returns:
        `[..., horizon]`, 0 after a rollout's end.
    """
    values = values * mask
    following = tf.concat([values[..., 1:], tf.zeros_like(values[..., :1])], -1)
    residuals = rewards * mask + discount * following - values
    return discounted_sums(residuals, discount * gae_lambda)


def normalized(advantages, mask):
    """Advantages of mean 0 and standard deviation 1 over each task's rollouts.

    Args:
        advantages: `[tasks, rollouts, horizon]`.
        mask: Likewise; what it leaves out counts nothing and stays 0.
    """
    number = tf.reduce_sum(mask, [-2, -1], keepdims=True)
    mean = tf.reduce_sum(advantages * mask, [-2, -1], keepdims=True) / number
    centred = (advantages - mean) * mask
    variance = tf.reduce_sum(centred**2, [-2, -1], keepdims=True) / number
    return centred / (tf.sqrt(variance) + 1e-8)
