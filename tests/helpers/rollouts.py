"""Rollouts of small policies in environments that run beside TensorFlow."""

import numpy as np
import tensorflow as tf

from maml_tf.graph.random_streams import fold_in, random_bits
from maml_tf.rl.policy import Policy, gaussian_mlp

SEED = tf.constant([5, 7], tf.int64)


def policy_of(environment):
    model = gaussian_mlp(
        environment.observation_size, environment.action_size, (8,), seed=0
    )
    # Moves of 2.4 or so, wherever it is: walks end before long.
    kernel, bias, log_deviation = model.layers[-1].get_weights()
    model.layers[-1].set_weights([0.01 * kernel, bias + 0.2, log_deviation])
    return Policy(model)


def sample(environment, tasks=2, rollouts=3, seed=SEED, policy=None):
    if isinstance(tasks, int):
        tasks = environment.tasks("train", 0, tasks, 0)
    policy = policy or policy_of(environment)
    phi = [
        tf.stack([(1.0 + 0.1 * i) * v for i in range(len(tasks))])
        for v in policy.model.trainable_variables
    ]
    trajectories = environment.sample(policy, phi, tasks, rollouts, seed)
    return type(trajectories)(*(part.numpy() for part in trajectories))


def own_seeds(tasks, rollouts, seed=SEED):
    bits = random_bits([tasks, rollouts], fold_in(seed, 1)).numpy()
    return bits.astype(np.int64) % 2**32
