"""Labels of every form go through training, test, adapt and export, or not."""

import os
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

import maml_tf
from maml_tf import InputError, Learner, OuterStep, losses, meta_test

layers = keras.layers

CENTRES = np.array([[3.0, 0, 0], [0, 3, 0], [0, 0, 3]], np.float32)


def model(outputs=3, end=()):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(8, "relu"),
            layers.Dense(outputs),
            *end,
        ]
    )


def examples(classes, number=2, seed=0):
    """Returns points around a centre for each class, and class numbers."""
    random = np.random.RandomState(seed)
    y = np.tile(np.arange(classes), number)
    x = CENTRES[y] + random.normal(scale=0.3, size=(len(y), 3))
    return x.astype(np.float32), y.astype(np.int32)


def episodes(classes, form):
    """Returns a generator of episodes with labels of a form."""

    def generate():
        for seed in range(10**6):
            shift = np.random.RandomState(seed).permutation(classes)
            support_x, support_y = examples(classes, 2, 2 * seed)
            query_x, query_y = examples(classes, 3, 2 * seed + 1)
            yield (
                support_x,
                form(shift[support_y]),
                query_x,
                form(shift[query_y]),
            )

    return generate


def one_hot(y):
    return np.eye(3, dtype=np.float32)[y]


def column(y):
    return y.astype(np.float32)[:, None]


def own_one_hot(y, outputs):
    return tf.nn.softmax_cross_entropy_with_logits(y, outputs)


def own_binary(y, outputs):
    return tf.nn.sigmoid_cross_entropy_with_logits(y, outputs)


def plain(y):
    return y.astype(np.int32)


# By name: outputs, loss, form of labels.
FORMS = {
    "numbers": (3, None, plain),
    "numbers_by_name": (3, "sparse_categorical_crossentropy", plain),
    "one_hot": (3, None, one_hot),
    "one_hot_by_name": (3, "categorical_crossentropy", one_hot),
    "one_hot_by_function": (3, own_one_hot, one_hot),
    "one_logit": (1, None, plain),
    "one_logit_by_name": (1, "binary_crossentropy", plain),
    "one_logit_by_function": (1, own_binary, column),
}


class LabelFormsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.named_parameters(
        ("one_hot", *FORMS["one_hot"]), ("one_logit", *FORMS["one_logit"])
    )
    def test_are_adapted_as_they_are_tested(self, outputs, loss, form):
        classes = 2 if outputs == 1 else 3
        learner = Learner(
            model(outputs), loss=loss, steps=20, inner_learning_rate=0.3
        )
        curve = learner.meta_test(episodes(classes, form), num_tasks=2)
        self.assertLess(curve.metric[0], 0.9)
        self.assertGreater(curve.metric[-1], 0.9)
        x, y = examples(classes)
        adapted = learner.adapt(x, list(y))
        self.assertAllEqual(adapted.predict(x), y)

    @parameterized.named_parameters(
        (name, *form) for name, form in FORMS.items() if "by" in name
    )
    @pytest.mark.slow
    def test_go_all_the_way(self, outputs, loss, form):
        classes = 2 if outputs == 1 else 3
        learner = Learner(
            model(outputs), loss=loss, inner_steps=3, inner_learning_rate=0.3
        )
        given = episodes(classes, form)
        before = learner.meta_test(given, num_tasks=2, steps=3)
        learner.meta_train(
            given, 20, optimizer=keras.optimizers.Adam(0.01), progress=False
        )
        curve = learner.meta_test(given, num_tasks=5, steps=3)
        self.assertLess(curve.loss[-1], before.loss[-1])
        self.assertGreater(curve.metric[-1], 0.9)

        x, y = examples(classes)
        names = np.array(["c", "a", "b"])[:classes]
        adapted = learner.adapt(x, list(names[y]))
        others, true = examples(classes, 5, seed=1)
        self.assertEqual(adapted.labels, sorted(names))
        share = np.mean(adapted.predict(others) == names[true])
        self.assertGreater(share, 0.9)
        probabilities = adapted.outputs(others)
        self.assertAllClose(probabilities.sum(1), np.ones(len(others)))
        self.assertAllClose(
            adapted.evaluate(others, list(names[true]))["accuracy"], share
        )

        # The served model is the adapted one.
        numbers = np.searchsorted(sorted(names), names[y])
        folder = os.path.join(self.create_tempdir().full_path, "served")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            maml_tf.export(learner, folder, max_classes=3)
            served = tf.saved_model.load(folder).signatures["adapt_and_predict"]
        answer = served(
            support_x=tf.constant(x),
            support_y=tf.constant(numbers, tf.int32),
            query_x=tf.constant(others),
        )
        self.assertAllClose(answer["probabilities"], probabilities, atol=1e-5)

    def test_several_labels_an_example_are_tested_and_not_adapted(self):
        def several(y):
            return np.stack([y > 0, y < 2, y == 1], 1).astype(np.float32)

        learner = Learner(
            model(),
            loss="binary_crossentropy",
            steps=30,
            inner_learning_rate=1.0,
        )
        given = episodes(3, several)
        curve = learner.meta_test(given, num_tasks=2)
        self.assertLess(curve.metric[0], 0.8)
        self.assertGreater(curve.metric[-1], 0.9)
        x, y = examples(3)
        with self.assertRaisesRegex(InputError, "several labels"):
            learner.adapt(x, list(y))
        with self.assertRaisesRegex(InputError, "several labels"):
            maml_tf.export(learner, self.create_tempdir().full_path)
        with self.assertRaisesRegex(InputError, "^episodes: support_y"):
            Learner(model()).meta_test(given, num_tasks=1)
        with self.assertRaisesRegex(InputError, "^metric: .*binary_accuracy"):
            Learner(model(), loss=own_binary).meta_test(given, num_tasks=1)

    @parameterized.parameters(
        (losses.cross_entropy, losses.accuracy, False),
        ("categorical_crossentropy", "accuracy", True),
    )
    def test_an_output_for_each_step(self, loss, metric, is_one_hot):
        keras.utils.set_random_seed(0)
        network = keras.Sequential([keras.Input((4, 3)), layers.Dense(3)])

        def draw(number):
            del number
            y = tf.constant([[0, 1, 2, 0], [2, 2, 1, 1]])
            x = tf.gather(tf.constant(CENTRES), y)
            if is_one_hot:
                y = tf.one_hot(y, 3)
            return maml_tf.Episode(x, y, x, y)

        maml = maml_tf.algorithms.create(
            "maml", network, loss, metric, inner_learning_rate=1.0
        )
        step = OuterStep(maml, draw, keras.optimizers.Adam(0.1), tasks=2)
        for iteration in range(5):
            step(iteration)
        curve = meta_test(maml, draw, num_tasks=2, steps=3)
        self.assertEqual(curve.metric[-1], 1.0)
        with self.assertRaisesRegex(InputError, "maml_tf.OuterStep"):
            Learner(network)

    def test_a_loss_by_name_is_saved(self):
        learner = Learner(model(), loss="categorical_crossentropy")
        folder = self.create_tempdir().full_path
        learner.save(folder)
        loaded = maml_tf.load(folder)
        x, y = examples(3)
        self.assertAllEqual(
            loaded.adapt(x, list(y)).outputs(x),
            learner.adapt(x, list(y)).outputs(x),
        )
        self.assertEqual(loaded.algorithm.loss.name, "categorical_crossentropy")

    def test_one_logit_tells_two_classes_apart(self):
        learner = Learner(model(1))
        x, y = examples(3)
        with self.assertRaisesRegex(InputError, "names 3 classes; .*one logit"):
            learner.adapt(x, list(y))
        with self.assertRaisesRegex(InputError, "argmax"):
            learner.adapt(x, one_hot(y))

    def test_log_probabilities_are_logits(self):
        x, y = examples(3)
        direct = Learner(model(), inner_learning_rate=0.3)
        inner = model()
        for network in (
            model(end=[layers.Activation("log_softmax")]),
            model(end=[layers.LogSoftmax()])
            if hasattr(layers, "LogSoftmax")
            else keras.Model(
                inner.inputs, keras.ops.log_softmax(inner.outputs[0])
            ),
        ):
            learner = Learner(network, inner_learning_rate=0.3)
            for few in (y < 3, y < 2):
                self.assertAllClose(
                    learner.adapt(x[few], list(y[few]), 3).outputs(x),
                    direct.adapt(x[few], list(y[few]), 3).outputs(x),
                    1e-4,
                )


if __name__ == "__main__":
    tf.test.main()
