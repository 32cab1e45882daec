"""Tests of black_box and of the networks that read the support set."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

import maml_tf
from maml_tf import (
    AdaptedModel,
    Episode,
    InputError,
    Learner,
    OuterStep,
    algorithms,
    losses,
    networks,
)
from maml_tf.networks.support_memory import memories
from tests.helpers.derivatives import slopes

NETWORKS = ("attention", "lstm")
SEED = (1, 2)
WAY = 3


def network(name, outputs=WAY, shape=(4,), seed=0, **options):
    if name == "lstm":
        options = {"units": 16} | options
    elif len(shape) == 1:
        options = {"widths": (6,), "token_width": 8} | options
    return networks.create(name, shape, outputs, seed=seed, **options)


def episode(number=0, way=WAY, shot=2):
    """Points around a centre for each class."""
    noise = tf.random.stateless_normal([way * (2 * shot + 1), 4], [3, number])
    y = tf.tile(tf.range(way), [2 * shot])
    x = 0.5 * noise[way:] + tf.gather(2.0 * noise[:way], y)
    half = way * shot
    return Episode(x[:half], y[:half], x[half:], y[half:])


def episodes(number):
    return episode(tf.cast(number, tf.int32))


def lines(number):
    """Values on a line through zero of any slope."""
    draw = tf.random.stateless_normal([13], [5, tf.cast(number, tf.int32)])
    x = draw[1:, tf.newaxis]
    y = draw[0] * x
    return Episode(x[:4], y[:4], x[4:], y[4:])


def precise_cross_entropy(y, logits):
    """In the dtype of the logits."""
    rows = tf.nn.log_softmax(logits)
    return -tf.reduce_mean(tf.gather(rows, y, batch_dims=1))


def made(name="attention", model=None, loss=losses.cross_entropy, **options):
    return algorithms.create(
        "black_box", model or network(name), loss, **options
    )


def outputs(algorithm, support_x, support_y, query_x):
    loop = algorithm.inner_loop
    adapted = loop.adapt(algorithm.theta(), support_x, support_y, 0)
    return loop.predict(adapted.phi[-1], adapted.state, query_x, support_x)


def images(number, seed=0):
    return tf.random.stateless_normal([number, 8, 8, 1], [seed, 1])


class ReadingTest(tf.test.TestCase, parameterized.TestCase):
    def both(self):
        """Two networks of attention: of vectors, and of images."""
        model = network("attention", shape=(8, 8, 1), filters=4)
        convolutional = made(model=model, batch_norm="inductive")
        return ((made(), *episode()[:3]),) + (
            (convolutional, images(6), episode().support_y, images(6, 5)),
        )

    def test_attention_does_not_depend_on_the_support_sets_order(self):
        for algorithm, x, y, query in self.both():
            order = tf.constant([3, 0, 5, 1, 4, 2])
            plain = outputs(algorithm, x, y, query)
            other = outputs(
                algorithm, tf.gather(x, order), tf.gather(y, order), query
            )
            self.assertAllClose(other, plain, 1e-6, 1e-6)
            labels = tf.gather(tf.constant([1, 2, 0]), y)
            relabelled = outputs(algorithm, x, labels, query)
            self.assertGreater(np.abs(relabelled - plain).max(), 1e-4)

    def test_queries_do_not_see_one_another(self):
        task = episode()
        for algorithm, x, y, query in (
            *self.both(),
            (made("lstm"), *task[:3]),
        ):
            together = outputs(algorithm, x, y, query)
            alone = [
                outputs(algorithm, x, y, query[k : k + 1]) for k in range(3)
            ]
            self.assertAllClose(tf.concat(alone, 0), together[:3], 1e-6, 1e-6)

    def test_an_lstm_is_a_loop_over_the_support_set_and_a_query(self):
        """Computed by hand, the equations of Hochreiter and Schmidhuber."""
        algorithm, task = made("lstm"), episode()
        weights = [w.numpy() for w in algorithm.theta()]
        one_hot = np.eye(WAY)[task.support_y]
        sequence = np.c_[task.support_x, one_hot]
        sequence = np.r_[sequence, [[*task.query_x[0].numpy(), 0, 0, 0]]]

        def sigmoid(x):
            return 1 / (1 + np.exp(-x))

        for kernel, recurrent, bias in (weights[:3], weights[3:6]):
            hidden = cell = np.zeros(len(recurrent))
            results = []
            for x in sequence:
                parts = np.split(x @ kernel + hidden @ recurrent + bias, 4)
                i, f, o = (sigmoid(parts[n]) for n in (0, 1, 3))
                cell = f * cell + i * np.tanh(parts[2])
                hidden = o * np.tanh(cell)
                results.append(hidden)
            sequence = np.stack(results)
        expected = hidden @ weights[6] + weights[7]
        result = outputs(algorithm, *task[:3])[0]
        self.assertAllClose(result, expected, 1e-5, 1e-6)

    def test_forms_of_labels(self):
        layer = memories(network("attention"))[0]
        features = tf.ones([2, 1])
        expected = [[1, 0, 0, 1], [1, 1, 0, 0]]
        for y in ([2, 0], ([2, 0], 3), [[0, 0, 1], [1, 0, 0]]):
            self.assertAllEqual(layer.tokens_of(features, y), expected)
        # Fewer classes than in training, and what a window adds to values.
        y = [[0.0, 1.0], [1.0, 0.0]]
        expected = [[1, 0, 1, 0], [1, 1, 0, 0]]
        self.assertAllEqual(layer.tokens_of(features, y), expected)
        layer = memories(network("attention", outputs=1))[0]
        expected = [[1, 0], [1, 1]]
        for y in ([0, 1], [[0], [1]], [[0.0, 7.0], [1.0, 8.0]]):
            self.assertAllEqual(layer.tokens_of(features, y), expected)

    def test_attention_has_as_many_weights_as_the_maml_it_is_compared_with(
        self,
    ):
        sizes = [
            sum(
                np.prod(v.shape)
                for v in networks.create(
                    name, (28, 28, 1), 5
                ).trainable_variables
            )
            for name in ("attention", "conv4")
        ]
        self.assertEqual(sizes, [131173, 112005])
        self.assertBetween(sizes[0] / sizes[1], 0.8, 1.2)


class MetaGradientTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*NETWORKS)
    def test_finite_differences(self, name):
        model = network(name, dtype="float64")
        algorithm = made(model=model, loss=precise_cross_entropy)
        task = tf.nest.map_structure(
            lambda t: tf.cast(t, "float64") if t.dtype.is_floating else t,
            episode(),
        )
        slope, expected = slopes(
            lambda theta: algorithm.meta_gradient(
                theta, task, tf.constant(SEED)
            ),
            algorithm.theta(),
        )
        self.assertAllClose(slope, expected, 1e-6, 1e-8)
        self.assertGreater(abs(expected), 1e-3)

    @pytest.mark.slow
    def test_vectorized_is_the_loop(self):
        def gradient(**options):
            outer = OuterStep(
                made(),
                episodes,
                keras.optimizers.SGD(0.1),
                tasks=3,
                **options,
            )
            return tf.function(outer.meta_gradient)(0).gradient

        loop = gradient(vectorize=False)
        self.assertAllClose(gradient(vectorize=True), loop, 1e-5, 1e-6)

    def test_a_training_draws_the_order_of_the_support_set(self):
        algorithm = made("lstm")
        one, other = (
            algorithm.meta_gradient(
                algorithm.theta(), episode(), tf.constant(seed)
            ).loss
            for seed in (SEED, (1, 3))
        )
        self.assertNotEqual(one, other)

    def test_the_curve_is_flat(self):
        algorithm = made()
        curve, _ = algorithm.curve(
            algorithm.theta(), episode(), 3, tf.constant(SEED)
        )
        self.assertAllEqual(curve, tf.fill([4], curve[0]))
        self.assertEqual(algorithm.inner_steps, 0)


class UseTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*NETWORKS)
    @pytest.mark.slow
    def test_files_and_signatures_give_the_librarys_results(self, name):
        """For fewer classes than in training, and any number of examples."""
        learner = Learner(network(name), "black_box")
        folder = pathlib.Path(self.create_tempdir().full_path)
        learner.save(folder / "saved")
        loaded = maml_tf.load(folder / "saved")
        maml_tf.export(learner, folder / "served")
        served = tf.saved_model.load(str(folder / "served")).signatures
        # A server may leave out TensorFlow's graph optimiser.
        options = tf.config.optimizer.set_experimental_options
        self.addCleanup(options, {"disable_meta_optimizer": False})
        for way, shot in ((2, 1), (3, 4)):
            options({"disable_meta_optimizer": way == 3})
            task = [part.numpy() for part in episode(7, way, shot)]
            adapted = learner.adapt(*task[:2])
            expected = adapted.outputs(task[2])
            self.assertEqual(expected.shape, (len(task[2]), way))
            x, y, query, _ = map(tf.constant, task)
            by_hand = outputs(learner.with_outputs(way), x, y, query)
            self.assertAllClose(tf.nn.softmax(by_hand), expected, 1e-5, 1e-6)
            adapted.save(folder / "adapted.keras")
            for same in (
                loaded.adapt(*task[:2]),
                AdaptedModel.load(folder / "adapted.keras"),
            ):
                self.assertAllEqual(same.outputs(task[2]), expected)
            at_once = served["adapt_and_predict"](
                support_x=x, support_y=y, query_x=query
            )
            kept = served["adapt"](support_x=x, support_y=y)
            later = served["predict_adapted"](**kept, query_x=query)
            for answer in (at_once, later):
                self.assertAllClose(
                    answer["probabilities"], expected, 1e-5, 1e-6
                )
        self.assertTrue(
            np.isfinite(
                served["serving_default"](x=query)["probabilities"]
            ).all()
        )

    @parameterized.parameters(*NETWORKS)
    @pytest.mark.slow
    def test_a_resumed_training_is_the_same_to_the_last_bit(self, name):
        folder = pathlib.Path(self.create_tempdir().full_path)

        def train(where, *iterations):
            learner = Learner(network(name), "black_box")
            for number in iterations:
                learner.meta_train(
                    episodes,
                    number,
                    tasks=2,
                    workdir=folder / where,
                    progress=False,
                )
                learner = maml_tf.load(folder / where)
            return learner.model.get_weights()

        whole, parts = train("whole", 2), train("parts", 1, 2)
        for one, other in zip(whole, parts, strict=True):
            self.assertAllEqual(one, other)

    def test_regression_reads_values(self):
        model = network("attention", 1, (1,))
        learner = Learner(model, "black_box", task="regression")
        x, y, query, _ = lines(3)
        served = str(self.create_tempdir().full_path)
        maml_tf.export(learner, served)
        served = tf.saved_model.load(served).signatures["adapt_and_predict"]
        for values in (y, 2.0 * y):
            answer = served(support_x=x, support_y=values, query_x=query)
            expected = outputs(learner.algorithm, x, values, query)
            self.assertAllClose(answer["values"], expected, 1e-5, 1e-6)
            adapted = learner.adapt(x.numpy(), values.numpy())
            self.assertAllClose(
                adapted.outputs(query.numpy()), expected, 1e-5, 1e-6
            )
        plain = outputs(learner.algorithm, x, y, query)
        self.assertGreater(np.abs(expected - plain).max(), 1e-5)

    @pytest.mark.slow
    def test_attention_learns_to_classify(self):
        algorithm = made()
        step = OuterStep(
            algorithm,
            episodes,
            keras.optimizers.Adam(1e-2),
            tasks=16,
            vectorize=True,
            jit_compile=True,
            iterations_per_call=600,
        )
        first = step(0, 1).loss[0]
        losses_of = step(1, 600).loss
        self.assertGreater(first, 1.0)
        self.assertLess(np.mean(losses_of[-50:]), 0.3)

    @pytest.mark.slow
    def test_an_lstm_learns_lines(self):
        algorithm = algorithms.create(
            "black_box", network("lstm", 1, (1,)), losses.mean_squared_error
        )
        step = OuterStep(
            algorithm,
            lines,
            keras.optimizers.Adam(1e-2),
            tasks=8,
            iterations_per_call=150,
        )
        losses_of = step(0, 150).loss
        self.assertLess(
            np.mean(losses_of[-30:]), 0.75 * np.mean(losses_of[:30])
        )


class RefusalTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*NETWORKS)
    def test_other_algorithms(self, name):
        for algorithm in ("maml", "protonet"):
            with self.assertRaisesRegex(
                InputError, f"^network: {name} reads the support set, which"
            ):
                algorithms.create(
                    algorithm, network(name), losses.cross_entropy
                )

    def test_other_networks(self):
        model = networks.create("mlp", (4,), WAY)
        with self.assertRaisesRegex(InputError, "^network: mlp has no layer"):
            made(model=model)

    def test_options_of_an_inner_loop(self):
        for option in ("head", "adapts", "inner_rates", "second_order"):
            with self.assertRaisesRegex(InputError, f"^{option}: algorithm"):
                made(**{option: "shared"})

    def test_more_classes_than_in_training(self):
        learner = Learner(network("attention"), "black_box")
        task = [part.numpy() for part in episode(way=4)]
        with self.assertRaisesRegex(InputError, "4 was given.*at most 3"):
            learner.adapt(*task[:2])

    def test_an_uneven_width(self):
        with self.assertRaisesRegex(InputError, "^token_width: 6 .*heads=4"):
            network("attention", token_width=6)

    def test_vectorized_loops(self):
        with self.assertRaisesRegex(InputError, "^vectorize: .*'lstm1'"):
            OuterStep(
                made("lstm"),
                episodes,
                keras.optimizers.SGD(0.1),
                tasks=2,
                vectorize=True,
            )


if __name__ == "__main__":
    tf.test.main()
