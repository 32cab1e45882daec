"""Meta-gradients against formulas computed by other means.

One linear layer under the squared error has the constant Hessian
`H = 2 / (n m) XᵀX` of each column of its weights `W` (n examples, m outputs),
so everything can be written down. For other networks, the recursion over
Hessian-vector products gives the meta-gradient without nested steps.
"""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import algorithms
from maml_tf.algorithms.inner_optimizers import GradientDescent
from maml_tf.episodes.class_pool import Episode
from maml_tf.functional.model import FunctionalModel

layers = keras.layers

SEED = (1, 2)
RATE = 0.15
EXACT = {"rtol": 1e-10, "atol": 1e-10}


def squared_error(y, outputs):
    """Mean squared error in the dtype of the outputs."""
    return tf.reduce_mean(tf.square(outputs - y))


def linear_episode():
    """Regression from three to two numbers, with other points as queries."""
    generator = np.random.default_rng(0)
    return Episode(
        generator.normal(size=[7, 3]),
        generator.normal(size=[7, 2]),
        generator.normal(size=[5, 3]),
        generator.normal(size=[5, 2]),
    )


def linear_model():
    """One linear layer with a bias."""
    model = keras.Sequential(
        [keras.Input((3,), dtype="float64"), layers.Dense(2, dtype="float64")]
    )
    generator = np.random.default_rng(1)
    model.set_weights([generator.normal(size=s) for s in ([3, 2], [2])])
    return model


class Linear:
    """The same layer in NumPy; the bias is the last row of the weights."""

    def __init__(self, x, y):
        self.x = np.concatenate([x, np.ones([len(x), 1])], 1)
        self.y = y
        self.hessian = 2 / y.size * self.x.T @ self.x

    def loss(self, weights):
        return np.mean((self.x @ weights - self.y) ** 2)

    def gradient(self, weights):
        return 2 / self.y.size * self.x.T @ (self.x @ weights - self.y)


def stacked(weights):
    """Kernel and bias as one matrix."""
    kernel, bias = (np.asarray(weight) for weight in weights)
    return np.concatenate([kernel, bias[np.newaxis]], 0)


class LinearTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.model = linear_model()
        self.episode = linear_episode()
        self.support = Linear(self.episode.support_x, self.episode.support_y)
        self.query = Linear(self.episode.query_x, self.episode.query_y)

    def path(self, steps):
        """φ_0 … φ_K by the formula."""
        phi = [stacked(self.model.get_weights())]
        for _ in range(steps):
            phi.append(phi[-1] - RATE * self.support.gradient(phi[-1]))
        return phi

    def contribution(self, name, steps, **options):
        """The `MetaGradient` of an algorithm."""
        algorithm = algorithms.create(
            name, self.model, squared_error, inner_steps=steps, **options
        )
        episode = Episode(*(tf.constant(part) for part in self.episode))
        return algorithm.meta_gradient(
            algorithm.theta(), episode, tf.constant(SEED)
        )

    @parameterized.parameters(0, 1, 3)
    def test_maml(self, steps):
        result = self.contribution("maml", steps, inner_learning_rate=RATE)
        phi = self.path(steps)
        through_a_step = np.eye(4) - RATE * self.support.hessian
        expected = np.linalg.matrix_power(
            through_a_step, steps
        ) @ self.query.gradient(phi[-1])
        self.assertAllClose(stacked(result.gradient), expected, **EXACT)
        self.assertAllClose(result.loss, self.query.loss(phi[-1]), **EXACT)
        self.assertAllClose(
            result.support_losses,
            [self.support.loss(weights) for weights in phi[:-1]],
            **EXACT,
        )

    @parameterized.parameters(1, 3)
    def test_fomaml(self, steps):
        result = self.contribution("fomaml", steps, inner_learning_rate=RATE)
        phi = self.path(steps)[-1]
        self.assertAllClose(
            stacked(result.gradient), self.query.gradient(phi), **EXACT
        )
        self.assertAllClose(result.loss, self.query.loss(phi), **EXACT)

    @parameterized.parameters(1, 3)
    def test_reptile(self, steps):
        result = self.contribution(
            "reptile", steps, inner_optimizer=GradientDescent(RATE)
        )
        phi = self.path(steps)
        self.assertAllClose(stacked(result.gradient), phi[0] - phi[-1], **EXACT)
        self.assertAllClose(result.loss, self.query.loss(phi[-1]), **EXACT)

    def test_reptiles_adam(self):
        steps, rate = 3, 0.1
        result = self.contribution("reptile", steps, inner_learning_rate=rate)
        theta = phi = stacked(self.model.get_weights())
        second = 0.0
        for step in range(1, steps + 1):
            gradient = self.support.gradient(phi)
            second = 0.999 * second + 0.001 * gradient**2
            root = np.sqrt(second / (1 - 0.999**step))
            phi = phi - rate * gradient / (root + 1e-8)
        # Adam's corrections are float32.
        self.assertAllClose(
            stacked(result.gradient), theta - phi, rtol=1e-4, atol=1e-9
        )

    @parameterized.parameters(1, 3)
    def test_maml_with_one_rate_a_weight(self, steps):
        rates = [0.2, 0.05]
        result = self.contribution("maml", steps, inner_learning_rate=rates)
        alpha = np.diag([0.2, 0.2, 0.2, 0.05])
        phi = stacked(self.model.get_weights())
        for _ in range(steps):
            phi = phi - alpha @ self.support.gradient(phi)
        through_a_step = np.eye(4) - self.support.hessian @ alpha
        expected = np.linalg.matrix_power(
            through_a_step, steps
        ) @ self.query.gradient(phi)
        self.assertAllClose(stacked(result.gradient), expected, **EXACT)

    @parameterized.parameters(1, 3)
    def test_maml_that_adapts_the_bias_alone(self, steps):
        result = self.contribution(
            "maml",
            steps,
            inner_learning_rate=RATE,
            adapts=lambda variable: variable.path.endswith("bias"),
        )
        adapted = np.diag([0.0, 0.0, 0.0, 1.0])
        phi = stacked(self.model.get_weights())
        for _ in range(steps):
            phi = phi - RATE * adapted @ self.support.gradient(phi)
        through_a_step = np.eye(4) - RATE * self.support.hessian @ adapted
        expected = np.linalg.matrix_power(
            through_a_step, steps
        ) @ self.query.gradient(phi)
        self.assertAllClose(stacked(result.gradient), expected, **EXACT)

    def test_pretrain(self):
        result = self.contribution("pretrain", 3)
        both = Linear(
            np.concatenate([self.episode.support_x, self.episode.query_x]),
            np.concatenate([self.episode.support_y, self.episode.query_y]),
        )
        theta = stacked(self.model.get_weights())
        self.assertAllClose(
            stacked(result.gradient), both.gradient(theta), **EXACT
        )
        self.assertAllClose(result.loss, both.loss(theta), **EXACT)

    @parameterized.parameters("maml", "fomaml", "reptile", "pretrain")
    def test_the_curve(self, name):
        algorithm = algorithms.create(
            name,
            self.model,
            squared_error,
            metric=lambda y, outputs: 2.0 * squared_error(y, outputs),
            inner_optimizer=GradientDescent(RATE),
        )
        losses, metrics = algorithm.curve(
            algorithm.theta(),
            Episode(*(tf.constant(part) for part in self.episode)),
            3,
            tf.constant(SEED),
        )
        expected = [self.query.loss(weights) for weights in self.path(3)]
        self.assertAllClose(losses, expected, **EXACT)
        self.assertAllClose(metrics, 2.0 * np.array(expected), **EXACT)


class HessianVectorRecursionTest(tf.test.TestCase, parameterized.TestCase):
    """v_K = ∇L_query(φ_K), v_k = v_{k+1} − α H(φ_k) v_{k+1}, up to v_0."""

    def mlp(self):
        """A network of dense layers."""
        options = {"dtype": "float64"}
        return keras.Sequential(
            [
                keras.Input((6, 6, 1), **options),
                layers.Flatten(**options),
                layers.Dense(5, "tanh", **options),
                layers.Dense(2, **options),
            ]
        )

    def convolution(self):
        """A network of convolution and batch normalisation."""
        options = {"dtype": "float64"}
        return keras.Sequential(
            [
                keras.Input((6, 6, 1), **options),
                layers.Conv2D(3, 3, strides=2, **options),
                layers.BatchNormalization(**options),
                layers.Activation("tanh", **options),
                layers.GlobalAveragePooling2D(**options),
                layers.Dense(2, **options),
            ]
        )

    @parameterized.named_parameters(
        ("mlp", "mlp"), ("convolution", "convolution")
    )
    def test_gives_the_gradient_of_the_nested_tapes(self, create):
        model = getattr(self, create)()
        generator = np.random.default_rng(0)
        for variable in model.trainable_variables:
            variable.assign(generator.normal(0.0, 0.5, variable.shape))
        episode = Episode(
            *(
                tf.constant(generator.normal(size=shape))
                for shape in ([4, 6, 6, 1], [4, 2], [5, 6, 6, 1], [5, 2])
            )
        )
        steps, rate = 3, 0.4
        maml = algorithms.create(
            "maml",
            model,
            squared_error,
            inner_steps=steps,
            inner_learning_rate=rate,
        )
        theta = maml.theta()
        functional = FunctionalModel(model)

        def loss(weights, x, y):
            outputs, _ = functional(
                weights,
                functional.state(),
                x,
                training=True,
                batch_statistics=True,
            )
            return squared_error(y, outputs)

        def gradient(weights, x, y):
            with tf.GradientTape() as tape:
                tape.watch(weights)
                value = loss(weights, x, y)
            return tape.gradient(value, weights)

        def hessian_vector_product(weights, vector, x, y):
            with tf.GradientTape() as tape:
                tape.watch(weights)
                product = tf.add_n(
                    [
                        tf.reduce_sum(g * v)
                        for g, v in zip(
                            gradient(weights, x, y), vector, strict=True
                        )
                    ]
                )
            return tape.gradient(product, weights, unconnected_gradients="zero")

        @tf.function
        def recursion():
            phi = [theta]
            support = (episode.support_x, episode.support_y)
            for _ in range(steps):
                phi.append(
                    [
                        w - rate * g
                        for w, g in zip(
                            phi[-1], gradient(phi[-1], *support), strict=True
                        )
                    ]
                )
            vector = gradient(phi[-1], episode.query_x, episode.query_y)
            for weights in reversed(phi[:-1]):
                product = hessian_vector_product(weights, vector, *support)
                vector = [
                    v - rate * p for v, p in zip(vector, product, strict=True)
                ]
            return vector

        nested = tf.function(
            lambda: maml.meta_gradient(theta, episode, tf.constant(SEED))
        )
        self.assertAllClose(nested().gradient, recursion(), **EXACT)


if __name__ == "__main__":
    tf.test.main()
