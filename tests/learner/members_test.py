"""Tests of a learner that is an ensemble."""

import json
import pathlib
import tempfile

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import absltest, parameterized

import maml_tf
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError
from maml_tf.learner.members import take_members, variables
from maml_tf.serving.encoder import write_encoder
from maml_tf.training.members import weights

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(6, 3)).astype("float32")
QUERIES = GENERATOR.normal(size=(5, 3)).astype("float32")
CLASSES = [0, 0, 1, 1, 2, 2]
VALUES = X[:, :2] * 3.0 - 1.0


def single(seed, algorithm="meta_sgd", task="classification"):
    outputs, options = 3, {}
    if task == "regression":
        outputs, options = (
            2,
            {"target_mean": [3.0, -1.0], "target_deviation": 4},
        )
    model = maml_tf.networks.create(
        "mlp", (3,), outputs, seed=seed, widths=(4,)
    )
    options |= {"task": task, "inner_learning_rate": 0.3, "steps": 2}
    learner = maml_tf.Learner(model, algorithm, **options)
    for number, variable in enumerate(learner.algorithm.own_variables):
        variable.assign(variable + 0.01 * (seed + number))
    return learner


def ensemble(*learners, **options):
    """A learner whose members are the models of others."""
    made = single(99, **options)
    take_members(made, [weights(variables(one)) for one in learners])
    return made


class MembersTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )

    @parameterized.parameters(
        ("meta_sgd", "classification", CLASSES),
        # More classes than in training, and fewer.
        ("protonet", "classification", [3, 3, 0, 1, 2, 4]),
        ("maml", "classification", [1, 1, 1, 0, 0, 0]),
        ("maml", "regression", VALUES),
    )
    def test_adapts_each_member_and_predicts_their_mean(self, name, task, y):
        options = {"algorithm": name, "task": task}
        apart = [single(seed, **options) for seed in (0, 1, 2)]
        together = ensemble(*apart, **options)
        adapted = together.adapt(X, y, validation_data=(X, y))
        expected = np.mean([o.adapt(X, y).outputs(QUERIES) for o in apart], 0)
        np.testing.assert_allclose(
            adapted.outputs(QUERIES), expected, atol=1e-6
        )
        last = "accuracy" if task == "classification" else "mse"
        self.assertAlmostEqual(
            adapted.history["val_" + last][-1],
            adapted.evaluate(X, y)[last],
            places=5,
        )
        # Whatever was adapted, it is the same again.
        np.testing.assert_array_equal(
            together.adapt(X, y).outputs(QUERIES), adapted.outputs(QUERIES)
        )
        adapted.save(self.folder / "adapted.keras")
        loaded = maml_tf.AdaptedModel.load(self.folder / "adapted.keras")
        np.testing.assert_array_equal(
            loaded.outputs(QUERIES), adapted.outputs(QUERIES)
        )

    def test_saved_and_loaded(self):
        together = ensemble(single(0), single(1))
        expected = together.adapt(X, CLASSES).outputs(QUERIES)
        together.save(self.folder)
        loaded = maml_tf.load(self.folder)
        self.assertLen(loaded.members, 2)
        np.testing.assert_array_equal(
            loaded.adapt(X, CLASSES).outputs(QUERIES), expected
        )
        description = json.loads((self.folder / "learner.json").read_text())
        # An older version must not take one for all.
        self.assertEqual(description["format"], 4)
        single(0).save(self.folder)
        self.assertFalse((self.folder / "members.npz").exists())
        self.assertEmpty(maml_tf.load(self.folder).members)

    def test_equal_members_are_one(self):
        one = single(0)
        two = ensemble(one, one)
        np.testing.assert_array_equal(
            one.adapt(X, CLASSES).outputs(QUERIES),
            two.adapt(X, CLASSES).outputs(QUERIES),
        )
        y = tf.constant(CLASSES)
        curves = [
            learner.meta_test(lambda number: Episode(X, y, X, y), num_tasks=1)
            for learner in (one, two)
        ]
        np.testing.assert_array_equal(curves[0].losses, curves[1].losses)
        self.assertEmpty(ensemble(one).members)

    def test_a_changed_model_is_refused(self):
        together = ensemble(single(0), single(1))
        together.model.set_weights(single(2).model.get_weights())
        for use in (together.adapt, together.meta_test):
            with self.assertRaisesRegex(InputError, "^ensemble: .*changed"):
                if use == together.adapt:
                    use(X, CLASSES)
                else:
                    use(lambda number: Episode(X, CLASSES, X, CLASSES))

    def test_an_encoder_is_of_one(self):
        options = {"algorithm": "protonet"}
        together = ensemble(
            single(0, **options), single(1, **options), **options
        )
        path = self.folder / "encoder.tflite"
        with self.assertRaisesRegex(InputError, "^ensemble: .* 2 members"):
            write_encoder(together, path)
        self.assertFalse(path.exists())

    @parameterized.parameters(
        ("meta_sgd", "classification", CLASSES),
        ("maml", "regression", VALUES),
    )
    @pytest.mark.slow
    def test_exported(self, name, task, y):
        options = {"algorithm": name, "task": task}
        apart = [single(seed, **options) for seed in (0, 1)]
        together = ensemble(*apart, **options)
        expected = together.adapt(X, y).outputs(QUERIES)
        maml_tf.export(together, self.folder / "served", max_classes=4)
        served = tf.saved_model.load(self.folder / "served").signatures
        support = {
            "support_x": tf.constant(X),
            "support_y": tf.cast(
                y, tf.int32 if task == "classification" else tf.float32
            ),
        }
        queries = {"query_x": tf.constant(QUERIES)}
        kept = served["adapt"](**support)
        for answer in (
            served["adapt_and_predict"](**support, **queries),
            served["predict_adapted"](**kept, **queries),
        ):
            (values,) = answer.values()
            np.testing.assert_allclose(values, expected, rtol=2e-5, atol=1e-6)
        (values,) = served["serving_default"](x=tf.constant(QUERIES)).values()
        before = [o.to_units()(o.model(QUERIES)).numpy() for o in apart]
        np.testing.assert_allclose(
            values, np.mean(before, 0), rtol=1e-5, atol=1e-6
        )
        readme = self.folder / "served" / "assets.extra" / "README.md"
        self.assertIn("an ensemble of 2", readme.read_text("utf-8"))


if __name__ == "__main__":
    absltest.main()
