"""Tests of maml_tf/algorithms/imaml.py."""

import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

import maml_tf
from maml_tf import Episode, InputError, Learner, algorithms, losses
from maml_tf.algorithms.inner_optimizers import Adam
from maml_tf.algorithms.learned_rates import LearnedRates
from tests.helpers.derivatives import slopes
from tests.helpers.outer_steps import vectorized_and_looped

layers = keras.layers

SEED = (1, 2)
LAMBDA = 0.7


def linear():
    """A model of four weights, whose squared error is a quadratic of them."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((3,), dtype="float64"), layers.Dense(1, dtype="float64")]
    )


def network(dtype="float64", **options):
    """A smooth network from three numbers to two."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((3,), dtype=dtype),
            layers.Dense(4, "tanh", dtype=dtype, **options),
            layers.Dense(2, name="head", dtype=dtype),
        ]
    )


def squared_error(y, outputs):
    return tf.reduce_mean(tf.square(outputs - y))


def regression(outputs=2):
    draw = np.random.default_rng(0).normal
    sizes = (5, 3), (5, outputs), (4, 3), (4, outputs)
    return Episode(*(tf.constant(draw(size=size)) for size in sizes))


def classes(number, way=2):
    """Points around a centre for each class."""
    noise = tf.random.stateless_normal([4 * way + way, 3], [3, number])
    y = tf.tile(tf.range(way), [4])
    x = noise[: 4 * way] + tf.gather(2.0 * noise[-way:], y)
    return Episode(x[: 2 * way], y[: 2 * way], x[2 * way :], y[2 * way :])


def made(model, name="imaml", **options):
    if name == "imaml":
        options = {"proximal_strength": LAMBDA} | options
    return algorithms.create(
        name,
        model,
        squared_error,
        **({"inner_steps": 400, "inner_learning_rate": 0.2} | options),
    )


def compiled(algorithm, episode):
    """Returns a function of θ: one task's meta-gradient."""

    @tf.function(autograph=False)
    def function(theta):
        return algorithm.meta_gradient(theta, episode, tf.constant(SEED))

    return function


class QuadraticTest(tf.test.TestCase, parameterized.TestCase):
    """With L_S = |X φ − y|² / n, the minimum and its derivative are known."""

    def closed_form(self, theta, episode, strength=LAMBDA):
        """Returns `(phi, gradient)`, each `[4]`."""
        x, y, query_x, query_y = (np.array(part) for part in episode)
        x, query_x = (np.c_[a, np.ones(len(a))] for a in (x, query_x))
        hessian = 2.0 / len(x) * x.T @ x
        pull = 2.0 / len(x) * x.T @ y[:, 0] + strength * theta
        phi = np.linalg.solve(hessian + strength * np.eye(4), pull)
        slope = 2.0 / len(query_x) * query_x.T @ (query_x @ phi - query_y[:, 0])
        inverse = np.linalg.inv(np.eye(4) + hessian / strength)
        return phi, slope, inverse @ slope

    def flat(self, tensors):
        return np.concatenate([np.ravel(t) for t in tensors])

    def test_the_meta_gradient_is_the_closed_form(self):
        algorithm = made(linear(), conjugate_gradient_steps=4)
        episode, theta = regression(1), algorithm.theta()
        phi, slope, expected = self.closed_form(self.flat(theta), episode)
        result = compiled(algorithm, episode)(theta).gradient
        self.assertAllClose(self.flat(result), expected, 1e-9, 1e-9)
        # First order, and too few products, are something else.
        self.assertNotAllClose(slope, expected, 1e-2, 1e-2)
        few = made(linear(), conjugate_gradient_steps=2)
        self.assertNotAllClose(
            self.flat(compiled(few, episode)(theta).gradient), expected
        )
        path = algorithm.inner_loop.adapt(theta, *episode[:2], 400).phi
        self.assertAllClose(self.flat(path[-1]), phi, 1e-9, 1e-9)

    def test_it_does_not_depend_on_the_way(self):
        algorithm = made(
            linear(),
            conjugate_gradient_steps=4,
            inner_steps=2000,
            inner_optimizer=Adam(0.01),
        )
        episode, theta = regression(1), algorithm.theta()
        *_, expected = self.closed_form(self.flat(theta), episode)
        result = compiled(algorithm, episode)(theta).gradient
        self.assertAllClose(self.flat(result), expected, 1e-3, 1e-3)

    def test_held_firmly_it_is_the_gradient_at_theta(self):
        algorithm = made(
            linear(), proximal_strength=1e9, inner_learning_rate=1e-10
        )
        episode, theta = regression(1), algorithm.theta()
        plain = made(linear(), "maml", inner_steps=0)
        self.assertAllClose(
            compiled(algorithm, episode)(theta).gradient,
            compiled(plain, episode)(theta).gradient,
            1e-7,
            1e-7,
        )


class MetaGradientTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        {},
        {"adapts": "head"},
        {"adapts": "body"},
        {"head": "zero"},
        {"head": "shared"},
        {"inner_clip_norm": 1.0},
    )
    def test_finite_differences_where_the_loop_ends_at_its_minimum(
        self, **options
    ):
        algorithm = made(
            network(),
            inner_steps=1500,
            proximal_strength=1.0,
            conjugate_gradient_steps=40,
            **options,
        )
        slope, expected = slopes(
            compiled(algorithm, regression()), algorithm.theta()
        )
        self.assertAllClose(slope, expected, 1e-6, 1e-8)

    def test_without_steps_it_is_the_plain_gradient(self):
        results = [
            compiled(made(network(), name, inner_steps=0), regression())(
                made(network()).theta()
            )
            for name in ("imaml", "maml")
        ]
        self.assertAllClose(*[r.gradient for r in results], 1e-12, 1e-12)

    @pytest.mark.slow
    def test_vectorized_is_the_loop(self):
        def make():
            keras.utils.set_random_seed(0)
            model = keras.Sequential(
                [
                    keras.Input((3,)),
                    layers.Dense(4, "tanh"),
                    layers.BatchNormalization(),
                    layers.Dropout(0.2, seed=1),
                    layers.Dense(2),
                ]
            )
            return algorithms.create(
                "imaml",
                model,
                losses.cross_entropy,
                inner_steps=3,
                inner_learning_rate=0.1,
                batch_norm="inductive",
            )

        one, other = (
            step.meta_gradient(0).gradient
            for step in vectorized_and_looped(make, classes)
        )
        self.assertAllClose(one, other, 1e-4, 1e-5)


class MemoryTest(tf.test.TestCase):
    def graph_size(self, name, steps, **options):
        algorithm = made(network(), name, inner_steps=steps, **options)
        function = compiled(algorithm, regression())
        graph = function.get_concrete_function(algorithm.theta()).graph
        return len(graph.as_graph_def().SerializeToString())

    def test_the_graph_does_not_grow_with_steps_or_products(self):
        few = self.graph_size("imaml", 5)
        self.assertLess(self.graph_size("imaml", 100), 1.01 * few)
        many = self.graph_size("imaml", 5, conjugate_gradient_steps=50)
        self.assertLess(many, 1.01 * few)
        self.assertGreater(
            self.graph_size("maml", 20), 2 * self.graph_size("maml", 5)
        )

    @pytest.mark.slow
    def test_memory_does_not_grow_with_steps(self):
        program = """
import sys
import tensorflow as tf
from maml_tf import Episode, algorithms, losses, networks
name, steps = sys.argv[1], int(sys.argv[2])
model = networks.create("mlp", (400,), 5, seed=0, widths=(400, 400))
x, y = tf.random.stateless_normal([4000, 400], [1, 2]), tf.range(4000) % 5
algorithm = algorithms.create(
    name, model, losses.cross_entropy, inner_steps=steps,
    inner_learning_rate=0.01)
step = tf.function(lambda: algorithm.meta_gradient(
    algorithm.theta(), Episode(x, y, x, y), tf.constant([1, 2])))
step()
# getrusage would give the peak of the process that started this one, if larger.
status = dict(line.split(":") for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) / 1024)
"""

        def megabytes(name, steps):
            done = subprocess.run(
                [sys.executable, "-c", program, name, str(steps)],
                capture_output=True,
                text=True,
                check=True,
            )
            return float(done.stdout)

        # One step's activations take about 40 MB.
        self.assertLess(megabytes("imaml", 100), megabytes("imaml", 5) + 150)
        self.assertGreater(megabytes("maml", 25), megabytes("maml", 5) + 400)


class UseTest(tf.test.TestCase):
    def learner(self):
        return Learner(
            network("float32"),
            algorithm="imaml",
            inner_steps=5,
            inner_learning_rate=0.1,
            proximal_strength=3.0,
        )

    def trained(self, learner, iterations=6, **options):
        learner.meta_train(
            classes, iterations, tasks=2, progress=False, **options
        )
        return learner

    def test_it_adapts_the_same_after_loading_and_export(self):
        learner = self.trained(self.learner())
        folder = pathlib.Path(self.create_tempdir().full_path)
        learner.save(folder / "saved")
        loaded = maml_tf.load(folder / "saved")
        self.assertEqual(loaded.algorithm.proximal_strength, 3.0)
        x, y, query_x, _ = (part.numpy() for part in classes(99))
        expected = learner.adapt(x, y, steps=5).outputs(query_x)
        self.assertAllClose(
            loaded.adapt(x, y, steps=5).outputs(query_x), expected
        )
        maml_tf.export(learner, folder / "served", steps=5)
        served = tf.saved_model.load(str(folder / "served"))
        answer = served.signatures["adapt_and_predict"](
            support_x=tf.constant(x),
            support_y=tf.constant(y),
            query_x=tf.constant(query_x),
        )["probabilities"]
        self.assertAllClose(answer[:, :2], expected, 1e-5, 1e-6)
        # The pull is in it: without, weights go elsewhere.
        without = Learner(learner.model, inner_learning_rate=0.1)
        self.assertNotAllClose(
            without.adapt(x, y, steps=5).outputs(query_x), expected
        )

    @pytest.mark.slow
    def test_a_resumed_training_is_the_same_to_the_last_bit(self):
        whole = self.trained(self.learner())
        folder = self.create_tempdir().full_path
        for iterations in (2, 6):
            part = self.trained(self.learner(), iterations, workdir=folder)
        for one, other in zip(
            whole.algorithm.meta_variables, part.algorithm.meta_variables
        ):
            self.assertAllEqual(one, other)


class RefusalTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ({"proximal_strength": 0.0}, "^proximal_strength: 0.0 was"),
        ({"proximal_strength": float("nan")}, "^proximal_strength: nan was"),
        ({"conjugate_gradient_steps": 0}, "^conjugate_gradient_steps: 0 was"),
        (
            {"inner_learning_rate": [0.1, 0.1, 3.0, 0.1]},
            "^inner_learning_rate: 3 was given with proximal_strength=0.7",
        ),
    )
    def test_numbers(self, options, message):
        with self.assertRaisesRegex(InputError, message):
            made(network(), **options)

    def test_rates_to_learn(self):
        rates = LearnedRates(network(), "per_weight", 0.1)
        with self.assertRaisesRegex(InputError, "^inner_optimizer: one with"):
            made(network(), inner_optimizer=rates)

    def test_weights_that_layers_change_after_a_step(self):
        model = network(kernel_constraint=keras.constraints.MaxNorm(1.0))
        with self.assertRaisesRegex(InputError, "^model: .*constraints"):
            made(model)
        made(model, adapts="head")

    def test_noise_that_is_another_each_time(self):
        class Theirs(layers.Layer):
            def call(self, x):
                return x + tf.random.normal(tf.shape(x), dtype=x.dtype)

        model = network()
        model = keras.Sequential([keras.Input((3,)), Theirs(), model])
        algorithm = made(model)
        with self.assertRaisesRegex(InputError, "^algorithm: imaml .*or give"):
            compiled(algorithm, regression())(algorithm.theta())


if __name__ == "__main__":
    tf.test.main()
