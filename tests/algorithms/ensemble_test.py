"""Tests of ensembles: members that adapt side by side and predict together."""

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from maml_tf import algorithms, losses
from maml_tf.algorithms.ensemble import Ensemble
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError
from maml_tf.evaluation.curve import meta_test
from maml_tf.functional.mean_predictions import mean_probabilities
from maml_tf.networks import create

# One of each kind: with a memory, a context, solver, sets by step, prototypes.
KINDS = ("black_box", "cavia", "imaml", "maml_plus_plus", "protonet")


def episodes(number):
    """Three classes around points of their own."""
    noise = tf.random.stateless_normal(
        [9, 2], tf.stack([3, tf.cast(number, tf.int32)])
    )
    y = tf.constant([0, 1, 2] * 3)
    x = noise + tf.gather([[2.0, 0.0], [-2.0, 0.0], [0.0, 3.0]], y)
    return Episode(x[:3], y[:3], x[3:], y[3:])


def algorithm_of(name):
    if name == "black_box":
        model = create(
            "attention", (2,), 3, seed=0, token_width=4, attention_blocks=1
        )
    elif name == "cavia":
        model = create("mlp", (2,), 3, seed=0, widths=(4,), context=3)
    else:
        model = create("mlp", (2,), 3, seed=0, widths=(4,))
    return algorithms.create(name, model, losses.cross_entropy, losses.accuracy)


def shifted(theta, by):
    return [weight + by for weight in theta]


class EnsembleTest(parameterized.TestCase):
    @parameterized.parameters(*KINDS)
    def test_equal_members_predict_as_one(self, name):
        algorithm = algorithm_of(name)
        equal = Ensemble(algorithm, [algorithm.theta()] * 3, mean_probabilities)
        one, other = (
            meta_test(a, episodes, num_tasks=1) for a in (algorithm, equal)
        )
        np.testing.assert_array_equal(one.metrics, other.metrics)
        np.testing.assert_allclose(one.losses, other.losses, rtol=1e-6)

    def test_loss_and_accuracy_are_those_of_the_mean_probability(self):
        algorithm = algorithm_of("meta_sgd")
        thetas = [shifted(algorithm.theta(), by) for by in (0.0, 0.1, -0.2)]
        ensemble = Ensemble(algorithm, thetas, mean_probabilities)
        curve = meta_test(ensemble, episodes, num_tasks=2, steps=2)
        few = meta_test(
            ensemble, episodes, num_tasks=2, steps=2, evaluated=(2, 0)
        )
        np.testing.assert_array_equal(few.losses, curve.losses[:, [2, 0]])
        for number in range(2):
            task = episodes(tf.constant(number))
            probabilities = np.zeros((3, 6, 3))
            for theta in thetas:
                path = algorithm.inner_loop.adapt(theta, *task[:2], 2).phi
                for step, phi in enumerate(path):
                    logits = algorithm.model.stateless_call(
                        phi, [], task.query_x
                    )[0]
                    probabilities[step] += tf.nn.softmax(logits) / 3.0
            y = task.query_y.numpy()
            np.testing.assert_allclose(
                curve.losses[number],
                -np.log(probabilities[:, np.arange(6), y]).mean(-1),
                rtol=1e-6,
            )
            np.testing.assert_allclose(
                curve.metrics[number],
                (probabilities.argmax(-1) == y).mean(-1),
                rtol=1e-6,
            )

    def test_it_is_tested_alone(self):
        algorithm = algorithm_of("maml")
        ensemble = Ensemble(algorithm, [algorithm.theta()] * 2, np.mean)
        self.assertFalse(ensemble.has_inner_loop)
        with self.assertRaisesRegex(InputError, "^ensemble: 2 members"):
            _ = ensemble.inner_loop
        with self.assertRaisesRegex(InputError, "^ensemble: 2 members"):
            ensemble.meta_gradient([], episodes(tf.constant(0)), None)


if __name__ == "__main__":
    absltest.main()
