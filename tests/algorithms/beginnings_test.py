"""Tests of maml_tf/algorithms/beginnings.py and of what uses it."""

import pathlib

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import maml_tf
from maml_tf import Episode, InputError, Learner, algorithms, losses
from maml_tf.algorithms.beginnings import class_means
from tests.helpers.derivatives import slopes
from tests.helpers.outer_steps import vectorized_and_looped

layers = keras.layers

HEADS = ("zero", "shared", "prototypes")
SEED = (1, 2)
WAY = 3


def network(dtype="float64", outputs=WAY, norm=False):
    """A smooth network from four numbers."""
    keras.utils.set_random_seed(0)
    x = keras.Input((4,), dtype=dtype)
    y = layers.Dense(5, "tanh", dtype=dtype)(x)
    if norm:
        y = layers.BatchNormalization(dtype=dtype)(y)
    return keras.Model(x, layers.Dense(outputs, name="head", dtype=dtype)(y))


def cross_entropy(y, outputs):
    """In the dtype of the outputs."""
    rows = tf.nn.log_softmax(outputs)
    return -tf.reduce_mean(tf.gather(rows, y, batch_dims=1))


def episode(number=0, dtype="float64", way=WAY, shot=2):
    """Points around a centre for each class."""
    noise = tf.random.stateless_normal(
        [way * (2 * shot + 1), 4], [3, number], dtype=dtype
    )
    y = tf.tile(tf.range(way), [2 * shot])
    x = 0.5 * noise[way:] + tf.gather(2.0 * noise[:way], y)
    half = way * shot
    return Episode(x[:half], y[:half], x[half:], y[half:])


def episodes(number):
    return episode(tf.cast(number, tf.int32), "float32")


def made(head, name="maml", model=None, loss=cross_entropy, **options):
    options = {"inner_steps": 2, "inner_learning_rate": 0.3} | options
    return algorithms.create(
        name, model or network(), loss, head=head, **options
    )


def meta_gradient(algorithm, theta=None, task=None):
    theta = algorithm.theta() if theta is None else theta
    return algorithm.meta_gradient(theta, task or episode(), tf.constant(SEED))


class MetaGradientTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(head=HEADS, rematerialize=(True, False))
    def test_finite_differences(self, head, rematerialize):
        algorithm = made(head, rematerialize=rematerialize)
        slope, expected = slopes(
            lambda theta: meta_gradient(algorithm, theta), algorithm.theta()
        )
        self.assertAllClose(slope, expected, 1e-7, 1e-9)
        self.assertGreater(abs(expected), 1e-3)

    @parameterized.parameters(*HEADS)
    def test_the_models_own_head_has_no_effect(self, head):
        algorithm = made(head)
        kernel, bias = meta_gradient(algorithm).gradient[2:4]
        self.assertAllEqual(kernel, np.zeros([5, WAY]))
        self.assertAllEqual(bias, np.zeros([WAY]))

    def test_a_shared_heads_gradient_is_the_sum_over_classes(self):
        model = network()
        head = model.layers[-1]
        head.kernel.assign(tf.repeat(head.kernel[:, :1], WAY, 1))
        shared = meta_gradient(made("shared", model=model)).gradient
        learned = meta_gradient(made("learned", model=model)).gradient
        self.assertAllClose(
            shared[-2:],
            [tf.reduce_sum(learned[2], -1), tf.reduce_sum(learned[3], -1)],
            1e-12,
            1e-12,
        )
        self.assertAllClose(shared[:2], learned[:2], 1e-12, 1e-12)

    @parameterized.parameters("fomaml", "anil", "reptile")
    def test_other_algorithms_have_it_too(self, name):
        for head in HEADS:
            result = meta_gradient(made(head, name)).gradient
            self.assertGreater(tf.reduce_max(tf.abs(result[0])), 0)

    def test_reptile_pulls_its_move_back(self):
        algorithm = made("shared", "reptile")
        support = episode()[:2]
        path = algorithm.inner_loop.adapt(
            algorithm.theta(), *support, 2, tf.constant(SEED)
        ).phi
        result = meta_gradient(algorithm).gradient
        self.assertAllClose(
            result[-2], tf.reduce_sum(path[0][2] - path[2][2], -1)
        )

    def test_vectorized_is_the_loop(self):
        for head in HEADS:

            def make(head=head):
                return made(
                    head, model=network("float32"), loss=losses.cross_entropy
                )

            one, other = (
                step.meta_gradient(0).gradient
                for step in vectorized_and_looped(make, episodes)
            )
            self.assertAllClose(one, other, 1e-5, 1e-6)


class NumberingTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*HEADS)
    def test_the_result_does_not_depend_on_it(self, head):
        """Any permutation of the classes permutes the outputs."""
        algorithm = made(head)
        task = episode()
        order = tf.constant([2, 0, 1])

        def outputs(y):
            loop = algorithm.inner_loop
            adapted = loop.adapt(algorithm.theta(), task.support_x, y, 3)
            return loop.predict(
                adapted.phi[-1], adapted.state, task.query_x, task.support_x
            )

        plain = outputs(task.support_y)
        other = outputs(tf.gather(order, task.support_y))
        self.assertAllClose(tf.gather(other, order, axis=1), plain, 1e-9, 1e-9)


class PrototypesTest(tf.test.TestCase, parameterized.TestCase):
    def test_means(self):
        features = tf.constant([[1.0, 0.0], [3.0, 2.0], [5.0, 5.0]])
        expected = [[2.0, 1.0], [5.0, 5.0], [0.0, 0.0]]
        y = tf.constant([0, 0, 1])
        for labels in (y, tf.one_hot(y, 3), (y, 2)):
            self.assertAllEqual(class_means(features, labels, 3), expected)

    @parameterized.product(
        norm=(False, True), batch_norm=("transductive", "inductive", "moving")
    )
    def test_no_step_is_the_nearest_mean(self, norm, batch_norm):
        model = network(norm=norm)
        task = episode()
        body = keras.Model(model.inputs, model.layers[-2].output)
        if norm:
            state = model.layers[-2]
            for v in (state.moving_mean, state.moving_variance):
                v.assign(0.5 + np.arange(5.0))
        inner = model.layers[1](task.support_x)
        features, queries = body(task.support_x), body(task.query_x)
        if norm and batch_norm != "moving":

            def normalized(x, by):
                mean, variance = tf.nn.moments(by, 0)
                return (x - mean) / tf.sqrt(variance + state.epsilon)

            features = normalized(inner, inner)
            outer = model.layers[1](task.query_x)
            by = inner if batch_norm == "inductive" else outer
            queries = normalized(outer, by)
        means = np.stack(
            [features.numpy()[task.support_y == n].mean(0) for n in range(WAY)]
        )
        distances = np.square(queries.numpy()[:, None] - means).sum(-1)
        for scale in (1.0, 0.2):
            loop = made(
                "prototypes",
                model=model,
                batch_norm=batch_norm,
                prototype_scale=scale,
            ).inner_loop
            begun = loop.adapt(
                [tf.convert_to_tensor(v) for v in model.trainable_weights],
                *task[:2],
                0,
            )
            outputs = loop.predict(
                begun.phi[0], begun.state, task.query_x, task.support_x
            )
            self.assertAllClose(
                tf.nn.softmax(outputs), tf.nn.softmax(-scale * distances)
            )

    def test_proto_maml_without_steps_is_protonet(self):
        model = network()
        proto_maml = algorithms.create(
            "proto_maml", model, cross_entropy, inner_steps=0, prototype_scale=1
        )
        protonet = algorithms.create("protonet", model, cross_entropy)
        one, other = meta_gradient(proto_maml), meta_gradient(protonet)
        self.assertAllClose(one.loss, other.loss, 1e-12, 1e-12)
        self.assertAllClose(one.gradient, other.gradient, 1e-12, 1e-12)
        curve, _ = protonet.curve(
            protonet.theta(), episode(), 3, tf.constant(SEED)
        )
        self.assertAllEqual(curve, tf.fill([4], curve[0]))


class UseTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ("maml", "zero"),
        ("maml", "shared"),
        ("maml", "prototypes"),
        ("proto_maml", None),
        ("protonet", None),
    )
    def test_learns_and_serves_any_number_of_ways(self, name, head):
        learner = Learner(
            network("float32"),
            name,
            inner_learning_rate=0.3,
            inner_steps=2,
            **({"head": head} if head else {}),
        )
        test = maml_tf.MetaTest(
            learner.algorithm, episodes, num_tasks=100, steps=learner.steps
        )
        before = test().loss[-1]
        learner.meta_train(episodes, 60, tasks=4, progress=False)
        after = test()
        self.assertLess(after.loss[-1], before)
        self.assertGreater(after.metric[-1], 0.75)
        folder = pathlib.Path(self.create_tempdir().full_path)
        learner.save(folder / "saved")
        loaded = maml_tf.load(folder / "saved")
        maml_tf.export(learner, folder / "served", max_classes=6)
        served = tf.saved_model.load(str(folder / "served")).signatures
        for way in (2, 5):
            task = [part.numpy() for part in episode(7, "float32", way)]
            expected = learner.adapt(*task[:2]).outputs(task[2])
            self.assertEqual(expected.shape, (len(task[2]), way))
            self.assertAllClose(
                loaded.adapt(*task[:2]).outputs(task[2]), expected
            )
            x, y, *_ = map(tf.constant, task)
            support = {"support_x": x, "support_y": y}
            query = {"query_x": tf.constant(task[2])}
            at_once = served["adapt_and_predict"](**support, **query)
            self.assertAllClose(at_once["probabilities"], expected, 1e-5, 1e-6)
            kept = served["adapt"](**support)
            later = served["predict_adapted"](**kept, **query)
            self.assertAllClose(later["probabilities"], expected, 1e-5, 1e-6)


class RefusalTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters("zero", "shared")
    def test_a_head_that_stays_the_same_for_all_classes(self, head):
        with self.assertRaisesRegex(InputError, f"^head: {head} was given"):
            made(head, "boil")

    def test_models_without_a_dense_head(self):
        convolution = keras.Sequential(
            [
                keras.Input((4, 4, 1)),
                layers.Conv2D(2, 3),
                layers.Conv2D(3, 2),
                layers.Flatten(),
            ]
        )
        for head in ("shared", "prototypes"):
            with self.assertRaisesRegex(InputError, "not end in one Dense"):
                made(head, model=convolution)

    def test_prototypes_need_a_graph(self):
        class Own(keras.Model):
            def __init__(self):
                super().__init__()
                self.body = layers.Dense(5)
                self.head = layers.Dense(3)

            def call(self, x):
                return self.head(self.body(x))

        model = Own()
        model(tf.zeros([2, 4]))
        with self.assertRaisesRegex(InputError, "^model: the features"):
            made("prototypes", model=model)

    def test_a_scale_without_prototypes(self):
        with self.assertRaisesRegex(InputError, "^prototype_scale: 2.0 was"):
            made("zero", prototype_scale=2.0)

    def test_an_unknown_beginning(self):
        with self.assertRaisesRegex(InputError, "^head: 'own' was given"):
            made("own")


if __name__ == "__main__":
    tf.test.main()
