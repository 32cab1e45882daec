"""Discounted returns, and advantages of actions over the expected return."""

import tensorflow as tf


def discounted_sums(rewards: tf.Tensor, discount: float) -> tf.Tensor:
    """Returns Σ_k γᵏ r_{t+k} for each t, by one triangular matrix product.

    Args:
        rewards: Rewards `[..., horizon]`, 0 after a rollout's end.
        discount: Discount γ, a number in [0, 1].

    Returns:
        A tensor of the same shape.
    """
    time = tf.range(rewards.shape[-1], dtype=rewards.dtype)
    delay = time[:, tf.newaxis] - time
    weights = tf.where(
        delay >= 0,
        tf.pow(tf.constant(discount, rewards.dtype), tf.maximum(delay, 0)),
        0,
    )
    return tf.tensordot(rewards, weights, 1)


def generalized_advantages(
    rewards: tf.Tensor,
    values: tf.Tensor,
    mask: tf.Tensor,
    discount: float,
    gae_lambda: float,
) -> tf.Tensor:
    """Returns generalised advantage estimates.

    They are Σ_k (γλ)ᵏ δ_{t+k} with δ_t = r_t + γ V(s_{t+1}) − V(s_t) (Schulman
    et al. 2016, equation 16). States after the horizon have the value 0, as in
    rllab's and the MAML code.

    Args:
        rewards: Rewards `[..., horizon]`.
        values: Values V(s_t), `[..., horizon]`.
        mask: `[..., horizon]`, 1.0 within the rollout and 0.0 after its end.
        discount: Discount γ.
        gae_lambda: Parameter λ; at 1 the advantage is the discounted return
            less the value.

    Returns:
        A tensor `[..., horizon]`, 0 after a rollout's end.
    """
    values = values * mask
    following = tf.concat([values[..., 1:], tf.zeros_like(values[..., :1])], -1)
    residuals = rewards * mask + discount * following - values
    return discounted_sums(residuals, discount * gae_lambda)


def normalized(advantages: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Normalises each task's advantages to mean 0 and standard deviation 1.

    Args:
        advantages: Advantages `[tasks, rollouts, horizon]`.
        mask: `[tasks, rollouts, horizon]`, 0.0 for steps that do not count;
            their advantage is 0.

    Returns:
        A tensor of the same shape.
    """
    number = tf.reduce_sum(mask, [-2, -1], keepdims=True)
    mean = tf.reduce_sum(advantages * mask, [-2, -1], keepdims=True) / number
    centred = (advantages - mean) * mask
    variance = tf.reduce_sum(centred**2, [-2, -1], keepdims=True) / number
    return centred / (tf.sqrt(variance) + 1e-8)
