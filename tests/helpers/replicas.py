"""Compares trainings on one device with the same on three; prints JSON.

Run as a program of its own: a process has its logical devices from its start.
"""

import functools
import json

import keras
import numpy as np
import tensorflow as tf

import maml_tf
from maml_tf import algorithms, datasets
from maml_tf.functional import losses
from maml_tf.rl import categorical, environments
from maml_tf.rl import losses as policy_losses
from maml_tf.rl.outer_step import PolicyOuterStep
from maml_tf.rl.policy import categorical_mlp, gaussian_mlp
from maml_tf.rl.ppo import ppo
from maml_tf.rl.sampling import Sampling
from maml_tf.rl.trpo import TRPO

REPLICAS = 3
# Not a multiple of the replicas.
TASKS = 5


def episodes(number):
    """Draws an episode of 12 examples with 3 classes."""
    seed = tf.stack([number, tf.constant(3, tf.int64)])
    x = tf.random.stateless_normal([12, 4, 4, 1], seed)
    y = tf.tile(tf.range(3), [4])
    return maml_tf.Episode(x[:6], y[:6], x[6:], y[6:])


def network():
    """Makes a network with a moving average, dropout and a regularizer."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input([4, 4, 1]),
            keras.layers.Conv2D(3, 3, kernel_regularizer="l2"),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Dropout(0.2),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )


def dense():
    """Makes a network whose tasks can be vectorised."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    return keras.Sequential(
        [keras.Input([4, 4, 1]), layers.Flatten(), layers.Dense(3)]
    )


def difference(ones, others):
    """Returns the largest difference, relative to the largest number."""
    return max(
        float(np.abs(one - other).max() / max(np.abs(one).max(), 1e-3))
        for one, other in zip(ones, others)
    )


def copies_differ(variables):
    """Returns whether the copies of a variable differ by a bit."""
    return any(
        not np.array_equal(copy.numpy(), variable.value.values[0].numpy())
        for variable in variables
        for copy in variable.value.values
    )


def trained(strategy, algorithm, make, optimizer, step_options):
    """Trains four iterations; returns the step and its reports."""
    with strategy.scope():
        model = make()
        name, *lasting = algorithm.split()
        made = algorithms.create(
            name,
            model,
            losses.cross_entropy,
            losses.accuracy,
            **{option: True for option in lasting},
        )
    options = dict(optimizer)
    rate = options.pop("rate", 0.01)
    step = maml_tf.OuterStep(
        made,
        episodes,
        keras.optimizers.Adam(rate, **options),
        tasks=TASKS,
        **step_options,
    )
    count = step.iterations_per_call
    reports = [step(i, count) for i in range(0, 4, count)]
    return step, [np.concatenate(values) for values in zip(*reports)]


def compared(strategy, *setting):
    """Returns the difference of one device from many, of weights and loss."""
    one, reports = trained(tf.distribute.get_strategy(), *setting)
    many, same_reports = trained(strategy, *setting)
    weights = [
        [v.numpy() for v in step.algorithm.meta_variables]
        for step in (one, many)
    ]
    variables = [*many.algorithm.meta_variables, *many.optimizer.variables]
    copied = [v for v in variables if hasattr(v.value, "values")]
    return {
        "difference": max(
            difference(*weights), difference(reports[:1], same_reports[:1])
        ),
        "copies_differ": copies_differ(copied),
        "copies": len(copied),
    }


def policies_compared(strategy, update, name="navigation_2d"):
    """As `compared`, for an update of policies."""
    results = []
    for scope in (tf.distribute.get_strategy(), strategy):
        environment = environments.create(name, horizon=5)
        discrete = environment.distribution is categorical
        make = categorical_mlp if discrete else gaussian_mlp
        sizes = environment.observation_size, environment.action_size
        with scope.scope():
            model = make(*sizes, widths=(8,), seed=0)
            algorithm = algorithms.create(
                "maml",
                model,
                policy_losses.INNER["reinforce"],
                inner_learning_rate=0.1,
            )
        step = PolicyOuterStep(
            algorithm, environment, update(), Sampling(3), tasks=TASKS
        )
        loss = [step(i).loss for i in range(2)]
        results.append([*loss, *model.get_weights()])
    return {
        "difference": difference(*results),
        "first_loss": difference(*(result[:1] for result in results)),
        "copies_differ": copies_differ(model.trainable_variables),
        "copies": len(model.trainable_variables),
    }


def used_inside(strategy):
    """Does all that a user does in the scope; returns what comes out."""
    with strategy.scope():
        learner = maml_tf.Learner(network(), inner_learning_rate=0.1)
        learner.meta_train(episodes, 2, tasks=TASKS, progress=False)
        curve = learner.meta_test(episodes, num_tasks=3)
        episode = episodes(tf.constant(9, tf.int64))
        adapted = learner.adapt(
            episode.support_x.numpy(), episode.support_y.numpy()
        )
        return [
            *learner.model.get_weights(),
            curve.losses,
            adapted.outputs(episode.query_x.numpy()),
        ]


def refused(action):
    """Returns the sentence of an `InputError`."""
    try:
        action()
    except maml_tf.InputError as error:
        return str(error)
    return "nothing was refused"


def main():
    """Prints the comparisons and the sentences by name."""
    device = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        device, [tf.config.LogicalDeviceConfiguration()] * REPLICAS
    )
    strategy = tf.distribute.MirroredStrategy(
        [f"CPU:{index}" for index in range(REPLICAS)]
    )
    accumulated = {
        "gradient_accumulation_steps": 2,
        "global_clipnorm": 0.05,
        "use_ema": True,
        "ema_overwrite_frequency": 3,
    }
    clipped = {"clipvalue": 1e-3, "weight_decay": 0.01}
    several = {"iterations_per_call": 2, "vectorize": False}
    compiled = {"vectorize": True, "jit_compile": True}
    settings = {
        "loop": ("maml", network, {}, {}),
        # What optimizers do is the same for a network that is traced sooner.
        "clipped": ("maml", dense, clipped, several),
        "accumulated": ("maml", dense, accumulated, several),
        "compiled": ("maml", dense, clipped, compiled),
        "learned_rates": ("meta_sgd", dense, {}, {}),
        "reptile": ("reptile persistent_moments", dense, {}, {}),
        "prototypes": ("protonet", network, {}, {}),
    }
    results = {
        name: compared(strategy, *setting) for name, setting in settings.items()
    }
    results["ppo"] = policies_compared(strategy, ppo)
    results["discrete"] = policies_compared(strategy, ppo, "bandit")
    # More steps of the solver make more of rounding.
    results["trpo"] = policies_compared(
        strategy, functools.partial(TRPO, conjugate_gradient_steps=1)
    )
    ones, others, devices = (
        used_inside(scope)
        for scope in (
            tf.distribute.get_strategy(),
            strategy,
            tf.distribute.OneDeviceStrategy("CPU:0"),
        )
    )
    results["inside"] = difference(ones, others), difference(ones, devices)
    with strategy.scope():
        model = dense()
        learner = maml_tf.Learner(model)
    plain = maml_tf.Learner(dense())
    built = keras.optimizers.Adam()
    built.build(plain.model.trainable_variables)
    sinusoid = datasets.load("sinusoid").episodes("train", 5, 5, 5, 0)

    def in_scope():
        with strategy.scope():
            plain.meta_train(sinusoid, 1)

    results["sentences"] = {
        "few_tasks": refused(lambda: learner.meta_train(episodes, 1, tasks=2)),
        "generator": refused(
            lambda: learner.meta_train(map(episodes, range(9)), 1)
        ),
        "outside": refused(in_scope),
        "built": refused(
            lambda: maml_tf.OuterStep(
                learner.algorithm, episodes, built, tasks=TASKS
            )
        ),
    }
    training = learner.meta_train(
        episodes,
        4,
        tasks=TASKS,
        validation=maml_tf.MetaTest(learner.algorithm, episodes, num_tasks=5),
        progress=False,
    )
    results["meta_train"] = training.iteration, training.best_score
    print(json.dumps(results))


if __name__ == "__main__":
    main()
