"""The expected return of rollouts, as a linear function of some features.

It is the baseline of the MAML paper (Duan et al. 2016, section 5).
"""

import tensorflow as tf

_CLIP = 10.0
_REGULARIZATION = 1e-5


def features(observations: tf.Tensor) -> tf.Tensor:
    """Returns the features that a value is a linear function of.

    Args:
        observations: Observations `[..., horizon, observation_size]`.

    Returns:
        A float64 tensor `[..., horizon, 2 * observation_size + 4]`:
        observations clipped to ±10, their squares, time in hundreds of steps,
        its square and cube, and 1.
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


def fitted_values(
    observations: tf.Tensor, returns: tf.Tensor, mask: tf.Tensor
) -> tf.Tensor:
    """Fits values to the returns of each task's own rollouts.

    The fit is regularised least squares: (ΦᵀΦ + 1e-5 I) w = Φᵀ R.

    Args:
        observations: `[tasks, rollouts, horizon, observation_size]`.
        returns: Discounted returns from each step on,
            `[tasks, rollouts, horizon]`.
        mask: `[tasks, rollouts, horizon]`, 0.0 for steps that do not count.

    Returns:
        A float32 tensor `[tasks, rollouts, horizon]`.
    """
    all_features = features(observations)
    tasks, rollouts, horizon, number = all_features.shape
    rows = tf.reshape(all_features, [tasks, rollouts * horizon, number])
    weight = tf.cast(tf.reshape(mask, [tasks, -1, 1]), tf.float64)
    targets = tf.cast(tf.reshape(returns, [tasks, -1, 1]), tf.float64)
    weighted = rows * weight
    normal = tf.linalg.matmul(weighted, rows, transpose_a=True)
    solution = tf.linalg.solve(
        normal + _REGULARIZATION * tf.eye(number, dtype=tf.float64),
        tf.linalg.matmul(weighted, targets, transpose_a=True),
    )
    values = tf.reshape(rows @ solution, [tasks, rollouts, horizon])
    return tf.cast(values, tf.float32)
