"""Tests of maml_tf/training/averages.py."""

import keras
import numpy as np
import tensorflow as tf

import maml_tf
from maml_tf.training.checkpoints import restore_weights

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
Y = X[:, :1]


def learner():
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    return maml_tf.Learner(model, task="regression")


def episodes():
    while True:
        yield X, Y, X, Y


def train(iterations, workdir=None, average=True, **options):
    trained = learner()
    trained.meta_train(
        episodes,
        iterations,
        tasks=1,
        optimizer=keras.optimizers.SGD(0.1, use_ema=average, ema_momentum=0.5),
        workdir=workdir,
        progress=False,
        **options,
    )
    return trained.model


class AveragesTest(tf.test.TestCase):
    def test_they_reach_the_model(self):
        paths = [train(n, average=False).get_weights() for n in (1, 2, 3)]
        expected = [
            0.25 * one + 0.25 * two + 0.5 * three
            for one, two, three in zip(*paths)
        ]
        folder = self.create_tempdir().full_path
        model = train(3, folder)
        self.assertAllClose(model.get_weights(), expected)
        loaded = learner().model
        restore_weights(loaded, f"{folder}/checkpoints")
        self.assertAllEqual(loaded.get_weights()[0], model.get_weights()[0])

    def test_a_training_goes_on_from_the_weights(self):
        folder = self.create_tempdir().full_path
        train(2, folder)
        resumed = train(5, folder)
        for one, other in zip(
            resumed.get_weights(), train(5).get_weights(), strict=True
        ):
            self.assertAllEqual(one, other)

    def test_no_update_and_no_averages(self):
        before = learner().model.get_weights()
        folder = self.create_tempdir().full_path
        self.assertAllEqual(train(0, folder).get_weights()[0], before[0])
        loaded = learner().model
        restore_weights(loaded, f"{folder}/checkpoints")
        self.assertAllEqual(loaded.get_weights()[0], before[0])

    def test_validation_sees_them(self):
        model = learner()
        seen = []

        def validation():
            seen.append(model.model.get_weights()[0])
            return maml_tf.Curve(np.zeros((2, 1)), np.zeros((2, 1)))

        model.meta_train(
            episodes,
            3,
            tasks=1,
            optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
            progress=False,
            validation=validation,
        )
        self.assertAllEqual(seen[-1], model.model.get_weights()[0])


if __name__ == "__main__":
    tf.test.main()
