"""Tests of maml_tf/graph/execution.py."""

from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import networks
from maml_tf.algorithms import MAML, Reptile
from maml_tf.algorithms.outer_step import OuterStep
from maml_tf.episodes.class_pool import Episode
from maml_tf.functional.losses import accuracy, cross_entropy
from maml_tf.graph import execution
from tests.helpers.two_blocks import two_blocks

CONV4 = {
    "stride": {},
    "max_pool": {"downsampling": "max_pool", "readout": "flatten"},
}


def maml(name, *shape, algorithm=MAML, inner=None, **options):
    model = networks.create(name, shape, 5, seed=0, **options)
    return algorithm(model, cross_entropy, accuracy, **(inner or {}))


class ChoiceTest(parameterized.TestCase):
    def gpu(self):
        self.enter_context(mock.patch.object(execution, "on_gpu", lambda: True))

    def test_this_suite_runs_without_a_gpu(self):
        self.assertEqual(
            execution.on_gpu(), bool(tf.config.list_physical_devices("GPU"))
        )

    def test_small_dense_networks_are_vectorised(self):
        small = maml("mlp", 4, widths=(8,))
        self.assertTrue(execution.vectorizes(small, 32))
        # 85 weights each.
        self.assertTrue(execution.vectorizes(small, 2_000_000 // 85))
        self.assertFalse(execution.vectorizes(small, 2_000_000 // 85 + 1))
        self.gpu()
        self.assertTrue(execution.vectorizes(small, 2_000_000 // 85 + 1))

    @parameterized.parameters(*CONV4.values())
    def test_conv4_on_a_gpu_alone(self, **options):
        algorithm = maml("conv4", 16, 16, 1, filters=2, **options)
        self.assertFalse(execution.vectorizes(algorithm, 4))
        self.gpu()
        self.assertTrue(execution.vectorizes(algorithm, 4))

    def test_never_with_random_numbers(self):
        self.gpu()
        batches = {"inner_batch_size": 2}
        reptile = maml("mlp", 4, algorithm=Reptile, inner=batches)
        self.assertFalse(execution.vectorizes(reptile, 4))
        dropout = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dropout(0.5),
                keras.layers.Dense(5),
            ]
        )
        self.assertFalse(execution.vectorizes(MAML(dropout, cross_entropy), 4))

    def test_tasks_at_once(self):
        get = "get_inter_op_parallelism_threads"
        with mock.patch.object(tf.config.threading, get, lambda: 3):
            self.assertEqual(execution.tasks_at_once(32), 3)
            self.assertEqual(execution.tasks_at_once(2), 2)
        with (
            mock.patch.object(tf.config.threading, get, lambda: 0),
            mock.patch.object(execution.os, "cpu_count", lambda: 6),
        ):
            self.assertEqual(execution.tasks_at_once(32), 6)

    def test_the_outer_step_asks(self):
        algorithm = maml("conv4", 16, 16, 1, filters=2)
        zeros = tf.zeros([5, 16, 16, 1]), tf.range(5)

        def episodes(number):
            # Shapes are enough; TensorFlow computes them from the number.
            x = zeros[0] + tf.cast(number, tf.float32)
            return Episode(x, zeros[1], x, zeros[1])

        def step(**options):
            return OuterStep(
                algorithm, episodes, keras.optimizers.SGD(), tasks=2, **options
            )

        def jit_compiles(**options):
            return step(jit_compile=None, **options)._compiled._jit_compile

        self.assertFalse(step().vectorize)
        self.assertFalse(jit_compiles())
        self.assertTrue(jit_compiles(vectorize=True))
        self.gpu()
        self.assertTrue(step().vectorize)
        self.assertTrue(jit_compiles())


class GpuPathTest(tf.test.TestCase, parameterized.TestCase):
    """Convolutional networks, all tasks as one batch: the numbers."""

    def meta_gradient(self, options, vectorize, jit_compile=False):
        generator = np.random.default_rng(0)
        x = tf.constant(generator.random((3, 15, 9, 8, 2), np.float32))
        y = tf.constant(np.tile(np.arange(5), 3))

        def episodes(number):
            images = tf.gather(x, number)
            return Episode(images[:5], y[:5], images[5:], y[5:])

        with two_blocks():
            algorithm = maml(
                "conv4",
                *(9, 8, 2),
                filters=4,
                inner={"inner_steps": 2, "inner_learning_rate": 0.2},
                **options,
            )
        step = OuterStep(
            algorithm,
            episodes,
            keras.optimizers.SGD(),
            tasks=3,
            vectorize=vectorize,
        )
        function = tf.function(
            step.meta_gradient, autograph=False, jit_compile=jit_compile
        )
        return function, function(tf.constant(0, tf.int64))

    @parameterized.parameters(*CONV4)
    @pytest.mark.slow
    def test_vectorised_and_compiled_are_the_loop(self, form):
        _, loop = self.meta_gradient(CONV4[form], vectorize=False)
        function, vectorized = self.meta_gradient(CONV4[form], vectorize=True)
        _, compiled = self.meta_gradient(
            CONV4[form], vectorize=True, jit_compile=True
        )
        self.assertAllClose(vectorized, loop, rtol=1e-4, atol=1e-5)
        self.assertAllClose(compiled, loop, rtol=1e-4, atol=1e-5)
        self.assertGreater(np.linalg.norm(loop.gradient[0]), 0.01)

        # Nothing runs task by task, but the drawing of the episodes.
        graph = function.get_concrete_function(tf.constant(0, tf.int64)).graph
        types = [operation.type for operation in graph.get_operations()]
        self.assertEqual(
            sum(name in ("While", "StatelessWhile") for name in types), 1
        )
        self.assertFalse([name for name in types if "Conv2D" in name])


class MixedPrecisionTest(tf.test.TestCase, parameterized.TestCase):
    def adapted(self, name, shape, dtype):
        model = networks.create(name, shape, 5, seed=0, dtype=dtype)
        generator = np.random.default_rng(0)
        x = generator.normal(size=(10, *shape)).astype("f")
        y = np.tile(np.arange(5), 2)
        algorithm = MAML(
            model, cross_entropy, inner_steps=2, inner_learning_rate=1e-3
        )
        episode = Episode(x[:5], y[:5], x[5:], y[5:])
        seed = tf.constant([0, 0], tf.int64)

        @tf.function(autograph=False)
        def run():
            theta = algorithm.theta()
            adaptation = algorithm.inner_loop.adapt(
                theta, episode.support_x, episode.support_y, 1, seed
            )
            result = algorithm.meta_gradient(theta, episode, seed)
            return theta, adaptation.phi[-1], result

        return model, *run()

    @parameterized.parameters(
        ("mlp", (6,)), ("conv4", (16, 16, 1)), ("conv4", (20, 20, 3))
    )
    def test_layers_compute_in_bfloat16_and_weights_are_float32(
        self, name, shape
    ):
        model, theta, phi, result = self.adapted(name, shape, "mixed_bfloat16")
        self.assertEqual(model.compute_dtype, "bfloat16")
        self.assertEqual(model.layers[-1].compute_dtype, "bfloat16")
        self.assertEqual(keras.config.dtype_policy().name, "float32")
        for after in phi:
            self.assertEqual(after.dtype, tf.float32)
        # A step too small for bfloat16's eight bits is taken all the same.
        head, moved = theta[-2].numpy(), phi[-2].numpy()
        changed = head != moved
        self.assertGreater(changed.mean(), 0.8)
        rounded = (tf.cast(t, tf.bfloat16).numpy() for t in (head, moved))
        self.assertLess(np.mean(np.not_equal(*rounded)), 0.5)

        _, _, _, exact = self.adapted(name, shape, None)
        flat = [
            np.concatenate([np.ravel(g) for g in r.gradient])
            for r in (result, exact)
        ]
        difference = np.linalg.norm(flat[0] - flat[1])
        self.assertLess(difference, 0.15 * np.linalg.norm(flat[1]))
        self.assertGreater(difference, 1e-5 * np.linalg.norm(flat[1]))
        self.assertAllClose(result.loss, exact.loss, rtol=0.02)


if __name__ == "__main__":
    tf.test.main()
