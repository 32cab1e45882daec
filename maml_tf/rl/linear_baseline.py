"""What rollouts return on average, as a linear function of some features.

(Duan et al. 2016, section 5; the baseline of the MAML paper.)
"""

import tensorflow as tf

_CLIP = 10.0
_REGULARIZATION = 1e-5


def features(observations):
    """What a value is a linear function of.

    Args:
        observations: `[..., horizon, observation_size]`.

    Returns:
        `[..., horizon, 2 * observation_size + 4]` float64: observations clipped
        to ±10, their squares, time in hundreds of steps, its square and cube,
        and 1.
    """
    observations = tf.clip_by_value(
        tf.cast(observations, tf.float64), -_CLIP, _CLIP
    )
    time = tf.range(observations.shape[-2], dtype=tf.float64) / 100.0
    by_time = tf.stack([time, time**2, time**3, tf.ones_like(time)], -1)
    by_time = tf.broadcast_to(
        by_time, tf.concat([tf.shape(observations)[:-1], [4]], 0)
    )
    return tf.concat([observations, observations**2, by_time], -1)


def fitted_values(observations, returns, mask):
    """The values that best explain the returns of each task's own rollouts.

    Regularised least squares: (ΦᵀΦ + 1e-5 I) w = Φᵀ R.

    Args:
        observations: `[tasks, rollouts, horizon, observation_size]`.
        returns: Discounted, from each step on, `[tasks, rollouts, horizon]`.
        mask: Likewise; what it leaves out does not count.

    Returns:
        `[tasks, rollouts, horizon]` float32.
    """
    all_features = features(observations)
    tasks, rollouts, horizon, number = all_features.shape
    rows = tf.reshape(all_features, [tasks, rollouts * horizon, number])
    weight = tf.cast(tf.reshape(mask, [tasks, -1, 1]), tf.float64)
    targets = tf.cast(tf.reshape(returns, [tasks, -1, 1]), tf.float64)
    used = rows * weight
    normal = tf.linalg.matmul(used, rows, transpose_a=True)
    solution = tf.linalg.solve(
        normal + _REGULARIZATION * tf.eye(number, dtype=tf.float64),
        tf.linalg.matmul(used, targets, transpose_a=True),
    )
    values = tf.reshape(rows @ solution, [tasks, rollouts, horizon])
    return tf.cast(values, tf.float32)
