"""The query set after some inner steps, in a graph of the size of one step."""

from collections.abc import Sequence

import tensorflow as tf

from maml_tf.algorithms import MAML, Algorithm
from maml_tf.algorithms.steps_in_a_loop import take_steps
from maml_tf.episodes.class_pool import Episode


def curve_at(
    algorithm: Algorithm,
    theta: list,
    episode: Episode,
    evaluated: Sequence[int],
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Evaluates one task's query set after some numbers of inner steps.

    `Algorithm.curve` builds each step by itself, so that all can be
    differentiated. Here a loop takes them, and queries are predicted only where
    they are asked for. An algorithm with a `curve` of its own is asked for it.

    Args:
        algorithm: The algorithm that adapts.
        theta: As in `Algorithm.curve`.
        episode: As in `Algorithm.curve`.
        evaluated: Numbers of steps, each 0 or more.
        seed: As in `Algorithm.curve`.

    Returns:
        `(losses, metrics)`, each `[len(evaluated)]`.
    """
    if type(algorithm).curve is not MAML.curve:
        losses, metrics = algorithm.curve(theta, episode, max(evaluated), seed)
        chosen = list(evaluated)
        return tf.gather(losses, chosen), tf.gather(metrics, chosen)
    loop = algorithm.inner_loop
    support = episode.support_x, episode.support_y

    values = loop.begin(theta, *support, seed)
    reached, phi_at = 0, {}
    for number in sorted(set(evaluated)):
        if number > reached:
            values = take_steps(loop, values, *support, number - reached)
        reached, phi_at[number] = number, values[0]
    outputs = [
        loop.predict(phi_at[number], values[2], episode.query_x, support[0])
        for number in evaluated
    ]
    return (
        tf.stack([algorithm.loss(episode.query_y, o) for o in outputs]),
        tf.stack([algorithm.metric(episode.query_y, o) for o in outputs]),
    )
