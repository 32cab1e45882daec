"""Tests of the algorithm cavia and of maml_tf/networks/context.py."""

import itertools
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

import maml_tf
from maml_tf import (
    ContextParameters,
    Episode,
    InputError,
    Learner,
    OuterStep,
    algorithms,
    meta_test,
    networks,
)
from maml_tf.graph import execution
from tests.helpers.derivatives import slopes
from tests.helpers.outer_steps import vectorized_and_looped

layers = keras.layers

MODES = ("concatenate", "modulate")
BOTH_MODES = [(mode, mode) for mode in MODES]
SEED = (1, 2)
SIZE = 5


def network(mode, dtype="float64", outputs=2):
    """A smooth network from three numbers, with a context of five."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((3,), dtype=dtype),
            layers.Dense(4, "tanh", dtype=dtype),
            ContextParameters(SIZE, mode, dtype=dtype, name="context"),
            layers.Dense(4, "tanh", dtype=dtype),
            layers.Dense(outputs, name="head", dtype=dtype),
        ]
    )


def squared_error(y, outputs):
    return tf.reduce_mean(tf.square(outputs - y))


def episode(number=0, dtype="float64"):
    draw = np.random.default_rng(number).normal
    return Episode(
        *(
            tf.constant(draw(size=shape), dtype)
            for shape in ((5, 3), (5, 2), (4, 3), (4, 2))
        )
    )


def waves(number):
    """A sine wave of amplitude 1 to 3, ten points to learn from."""
    seed = tf.stack([7, tf.cast(number, tf.int32)])
    uniform = tf.random.stateless_uniform([21], seed)
    x = 6.0 * uniform[1:, tf.newaxis] - 3.0
    y = (1.0 + 2.0 * uniform[0]) * tf.sin(x)
    return Episode(x[:10], y[:10], x[10:], y[10:])


def made(mode, model=None, **options):
    return algorithms.create(
        "cavia",
        model or network(mode),
        squared_error,
        **{"inner_steps": 2, "inner_learning_rate": 0.5} | options,
    )


def meta_gradient(algorithm, theta=None):
    theta = algorithm.theta() if theta is None else theta
    return algorithm.meta_gradient(theta, episode(), tf.constant(SEED))


def context_index(model):
    names = [v.name for v in model.trainable_variables]
    return names.index("context")


def learner(mode="concatenate", **options):
    return Learner(
        network(mode, "float32"),
        "cavia",
        task="regression",
        inner_learning_rate=0.5,
        **options,
    )


class LayerTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(shape=((4, 3), (4, 2, 3), (2, 5, 5, 3)))
    def test_concatenate_appends_the_context_everywhere(self, shape):
        layer = ContextParameters(2)
        x = np.random.default_rng(0).normal(size=shape).astype("float32")
        self.assertAllEqual(
            layer(x), np.concatenate([x, np.zeros((*shape[:-1], 2))], -1)
        )
        self.assertEqual(layer.compute_output_shape(shape), layer(x).shape)
        layer.context.assign([1.0, -2.0])
        outputs = layer(x)
        self.assertAllEqual(outputs[..., :3], x)
        self.assertAllEqual(outputs[..., 3], np.full(shape[:-1], 1.0))
        self.assertAllEqual(outputs[..., 4], np.full(shape[:-1], -2.0))
        self.assertLen(layer.weights, 1)

    @parameterized.product(shape=((4, 3), (4, 2, 3), (2, 5, 5, 3)))
    def test_modulate_begins_at_scale_1_and_shift_0_exactly(self, shape):
        layer = ContextParameters(2, "modulate")
        x = np.random.default_rng(0).normal(size=shape).astype("float32")
        self.assertAllEqual(layer(x), x)
        self.assertEqual(layer.compute_output_shape(shape), shape)
        layer.context.assign([1.0, -2.0])
        kernel = layer.kernel.numpy()
        self.assertGreater(np.abs(kernel).min(), 0)
        film = kernel[0] - 2.0 * kernel[1]
        self.assertAllClose(layer(x), (1 + film[:3]) * x + film[3:])

    @parameterized.named_parameters(BOTH_MODES)
    def test_a_copy_from_its_config_is_the_same(self, mode):
        initializer = keras.initializers.RandomUniform(-1, 1, seed=3)
        one = ContextParameters(2, mode, initializer, name="mine")
        other = ContextParameters.from_config(one.get_config())
        x = np.ones((2, 3), "float32")
        for layer in (one, other):
            layer(x)
            layer.context.assign([1.0, -2.0])
        self.assertAllEqual(one(x), other(x))
        self.assertEqual(other.name, "mine")

    @parameterized.parameters(
        ((0,), "^size: 0 was given"),
        ((2.5,), "^size: 2.5 was given"),
        ((3, "add"), "^mode: 'add' was given; .*concatenate, modulate"),
    )
    def test_arguments_that_cannot_be_used(self, arguments, message):
        with self.assertRaisesRegex(InputError, message):
            ContextParameters(*arguments)

    @parameterized.parameters((4,), (4, None))
    def test_inputs_without_features(self, *shape):
        with self.assertRaisesRegex(InputError, "input_shape: "):
            ContextParameters(3).build(shape)


class NetworksTest(tf.test.TestCase, parameterized.TestCase):
    def test_mlp_has_it_at_the_input(self):
        model = networks.create("mlp", (1,), 1, seed=0, context=5)
        shapes = [tuple(v.shape) for v in model.trainable_variables]
        self.assertEqual(shapes[:2], [(5,), (6, 40)])
        # The weights of x alone are the network without a context.
        plain = networks.create("mlp", (1,), 1)
        kernel, *rest = model.get_weights()[1:]
        plain.set_weights([kernel[:1], *rest])
        x = np.linspace(-5, 5, 7)[:, None].astype("float32")
        self.assertAllEqual(model(x), plain(x))

    def test_conv4_has_it_after_the_third_batch_norm(self):
        options = {"filters": 4, "downsampling": "max_pool"}
        model = networks.create("conv4", (16, 16, 3), 5, context=7, **options)
        names = [layer.name for layer in model.layers]
        after = names.index("context")
        self.assertEqual(
            names[after - 2 : after + 2],
            ["conv3", "batch_norm3", "context", "relu3"],
        )
        self.assertEqual(model.get_layer("context").kernel.shape, (7, 8))
        plain = networks.create("conv4", (16, 16, 3), 5, **options)
        for layer in plain.layers[1:]:
            layer.set_weights(model.get_layer(layer.name).get_weights())
        x = np.random.default_rng(0).normal(size=(2, 16, 16, 3))
        for training in (False, True):
            self.assertAllEqual(
                model(x, training=training), plain(x, training=training)
            )

    @parameterized.parameters(("mlp", (1,)), ("conv4", (28, 28, 1)))
    def test_a_number_below_zero(self, name, shape):
        with self.assertRaisesRegex(InputError, "^context: -1 was given"):
            networks.create(name, shape, 1, context=-1)


class InnerLoopTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.named_parameters(BOTH_MODES)
    def test_the_context_alone_adapts_from_zero(self, mode):
        algorithm = made(mode)
        theta = algorithm.theta()
        number = context_index(algorithm.model)
        # Whatever θ has in its place.
        theta[number] = tf.constant([1.0, 2.0, 3.0, 4.0, 5.0], tf.float64)
        path = algorithm.inner_loop.adapt(theta, *episode()[:2], 3).phi
        self.assertAllEqual(path[0][number], np.zeros(SIZE))
        for before, after in itertools.pairwise(path):
            for index, weight in enumerate(theta):
                if index == number:
                    self.assertNotAllEqual(before[index], after[index])
                else:
                    self.assertAllEqual(weight, after[index])

    @parameterized.named_parameters(BOTH_MODES)
    def test_a_step_is_along_the_loss_by_the_context(self, mode):
        algorithm = made(mode)
        model, task = algorithm.model, episode()
        (context,) = (
            v for v in model.trainable_variables if v.name == "context"
        )
        with tf.GradientTape() as tape:
            loss = squared_error(task.support_y, model(task.support_x))
        expected = -0.5 * tape.gradient(loss, context.value)
        phi = algorithm.inner_loop.adapt(algorithm.theta(), *task[:2], 1).phi
        self.assertAllClose(phi[1][context_index(model)], expected, 1e-12)

    def test_the_rate_is_the_papers(self):
        algorithm = algorithms.CAVIA(network("modulate"), squared_error)
        self.assertEqual(algorithm.inner_loop.optimizer.learning_rate, 1.0)

    def test_several_contexts_in_nested_models(self):
        x = keras.Input((3,))
        inner = keras.Sequential([ContextParameters(2, "modulate")])
        y = layers.Dense(2)(ContextParameters(3)(inner(x)))
        loop = made("", keras.Model(x, y)).inner_loop
        adapted = [
            v.shape
            for v, adapts in zip(loop.model.trainable_variables, loop.adapted)
            if adapts
        ]
        self.assertCountEqual(adapted, [(2,), (3,)])

    def test_a_model_without_a_context_is_told_what_to_do(self):
        plain = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
        frozen = network("concatenate")
        frozen.get_layer("context").trainable = False
        for model in (plain, frozen):
            with self.assertRaisesRegex(
                InputError,
                "^model: .* no trainable ContextParameters .*--context=5.*"
                "context=100.*maml_tf.ContextParameters",
            ):
                made("", model)


class MetaGradientTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(mode=MODES, rematerialize=(True, False))
    def test_finite_differences(self, mode, rematerialize):
        algorithm = made(mode, rematerialize=rematerialize)
        slope, expected = slopes(
            lambda theta: meta_gradient(algorithm, theta), algorithm.theta()
        )
        self.assertAllClose(slope, expected, 1e-7, 1e-9)
        self.assertGreater(abs(expected), 1e-3)
        first_order = meta_gradient(made(mode, second_order=False)).gradient
        exact = meta_gradient(algorithm).gradient
        self.assertNotAllClose(first_order[0], exact[0])

    @parameterized.named_parameters(BOTH_MODES)
    def test_the_contexts_own_is_zero_and_training_leaves_it(self, mode):
        algorithm = made(mode)
        number = context_index(algorithm.model)
        result = meta_gradient(algorithm).gradient
        for index, gradient in enumerate(result):
            is_zero = bool(tf.reduce_all(gradient == 0.0))
            self.assertEqual(is_zero, index == number)
        one = learner(mode)
        before = one.model.get_weights()
        one.meta_train(
            lambda number: episode(0, "float32"),
            5,
            tasks=2,
            optimizer=keras.optimizers.AdamW(0.01, weight_decay=0.1),
            progress=False,
        )
        self.assertAllEqual(
            one.model.get_layer("context").context, np.zeros(SIZE)
        )
        self.assertNotAllClose(one.model.get_weights()[0], before[0])

    @parameterized.named_parameters(BOTH_MODES)
    def test_vectorized_is_the_loop(self, mode):
        keras.utils.set_random_seed(0)
        layer = ContextParameters(SIZE, mode)
        model = keras.Sequential(
            [keras.Input((1,)), layers.Dense(8, "tanh"), layer, layers.Dense(1)]
        )
        algorithm = made(mode, model)
        self.assertTrue(execution.vectorizes(algorithm, 3))

        one, other = (
            step.meta_gradient(0).gradient
            for step in vectorized_and_looped(lambda: algorithm, waves)
        )
        self.assertAllClose(one, other, 1e-5, 1e-6)

    def test_a_subclass_may_compute_anything(self):
        class Own(ContextParameters):
            pass

        model = keras.Sequential([keras.Input((1,)), Own(2), layers.Dense(1)])
        self.assertFalse(execution.vectorizes(made("", model), 3))


class UseTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.named_parameters(BOTH_MODES)
    def test_adapted_saved_and_served_alike(self, mode):
        one = learner(mode, inner_steps=2)
        one.meta_train(
            lambda number: episode(0, "float32"), 3, tasks=1, progress=False
        )
        folder = pathlib.Path(self.create_tempdir().full_path)
        one.save(folder / "saved")
        x, y, query_x, _ = (part.numpy() for part in episode(1, "float32"))
        adapted = one.adapt(x, y)
        expected = adapted.outputs(query_x)
        self.assertNotAllClose(expected, one.adapt(x, y, 0).outputs(query_x))
        loaded = maml_tf.load(folder / "saved")
        self.assertAllEqual(loaded.adapt(x, y).outputs(query_x), expected)
        maml_tf.export(one, folder / "served")
        served = tf.saved_model.load(str(folder / "served")).signatures
        support = {"support_x": tf.constant(x), "support_y": tf.constant(y)}
        kept = served["adapt"](**support)
        # All that a server keeps of a user is the context.
        self.assertEqual(kept["weights"].shape, [SIZE])
        (context,) = (
            v
            for v in adapted.keras_model.trainable_variables
            if v.name == "context"
        )
        self.assertAllClose(kept["weights"], context, 1e-5, 1e-6)
        for variable, learned in zip(
            adapted.keras_model.trainable_variables,
            one.model.trainable_variables,
            strict=True,
        ):
            if variable.name != "context":
                self.assertAllEqual(variable, learned)
        query = {"query_x": tf.constant(query_x)}
        for answer in (
            served["predict_adapted"](**kept, **query),
            served["adapt_and_predict"](**support, **query),
        ):
            self.assertAllClose(answer["values"], expected, 1e-5, 1e-6)

    def test_what_is_kept_of_images(self):
        keras.utils.set_random_seed(0)
        model = networks.create("conv4", (16, 16, 1), 3, filters=2, context=100)
        x = np.random.default_rng(0).normal(size=(6, 16, 16, 1))
        y = np.array([0, 1, 2, 0, 1, 2], np.int32)
        # Batch norm's statistics are of the support set, unless they move.
        for batch_norm, statistics in (("moving", 0), ("transductive", 16)):
            one = Learner(model, "cavia", batch_norm=batch_norm)
            folder = pathlib.Path(self.create_tempdir().full_path) / "served"
            maml_tf.export(one, folder)
            served = tf.saved_model.load(str(folder)).signatures
            kept = served["adapt"](
                support_x=tf.constant(x, tf.float32), support_y=tf.constant(y)
            )
            self.assertEqual(kept["weights"].shape, [100 + statistics])
            with self.assertRaisesRegex(InputError, "^way: 4 .* at most 3"):
                one.adapt(x, [0, 1, 2, 3, 0, 1])

    @pytest.mark.slow
    def test_an_adapted_model_loads_in_another_process(self):
        folder = pathlib.Path(self.create_tempdir().full_path)
        x, y, query_x, _ = (part.numpy() for part in episode(1, "float32"))
        adapted = learner("modulate").adapt(x, y)
        adapted.save(folder / "adapted.keras")
        np.save(folder / "x.npy", query_x)
        code = (
            "import keras, maml_tf, numpy as np\n"
            "layer = maml_tf.ContextParameters\n"
            "model = keras.models.load_model('adapted.keras')\n"
            "np.save('y.npy', model.predict(np.load('x.npy'), verbose=0))\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=folder)
        self.assertAllClose(
            np.load(folder / "y.npy"), adapted.outputs(query_x), 1e-6, 1e-6
        )

    def test_a_resumed_training_is_the_same_to_the_last_bit(self):
        def trained(iterations, folder=None):
            one = learner("modulate")
            one.meta_train(
                lambda number: episode(0, "float32"),
                iterations,
                tasks=1,
                workdir=folder,
                progress=False,
            )
            return one.model.get_weights()

        folder = self.create_tempdir().full_path
        trained(3, folder)
        for part, whole in zip(trained(6, folder), trained(6)):
            self.assertAllEqual(part, whole)

    @pytest.mark.slow
    def test_learns_sinusoids(self):
        """Five numbers tell waves apart; one wave for all leaves 3 and more."""
        sines = maml_tf.datasets.load("sinusoid")
        model = networks.create("mlp", (1,), 1, seed=0, context=5)
        cavia = algorithms.create("cavia", model, sines.loss)
        train, test = (
            sines.episodes(split, 1, 10, 10, seed=0)
            for split in ("train", "test")
        )
        step = OuterStep(
            cavia,
            train,
            keras.optimizers.Adam(3e-3),
            tasks=25,
            iterations_per_call=500,
            jit_compile=None,
        )
        step(0, 500)
        curve = meta_test(cavia, test, num_tasks=200, steps=1).loss
        self.assertGreater(curve[0], 3.0)
        self.assertLess(curve[1], 0.6)


if __name__ == "__main__":
    tf.test.main()
