"""Tests of the best weights that a training keeps for an ensemble."""

import pathlib
import tempfile

import keras
import numpy as np
import tensorflow as tf
from absl.testing import absltest

import maml_tf
from maml_tf.errors import InputError
from maml_tf.training.loop import meta_train
from maml_tf.training.members import Members, check_ensemble, read_members


class MembersTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )
        self.variables = [tf.Variable(0.0), tf.Variable([0.0, 0.0])]

    def offer(self, scores, count=3):
        """Offers weights that are the number of their iteration."""
        members = Members(self.variables, self.folder, count)
        for iteration, score in scores:
            for variable in self.variables:
                variable.assign(np.full(variable.shape, iteration, "float32"))
            members.offer(iteration, score)

    def kept(self):
        members = read_members(self.folder, self.variables)
        for one, other in members:
            np.testing.assert_array_equal(other, [one, one])
        return [int(one) for one, _ in members]

    def test_the_best_stay_and_are_read_in_order(self):
        self.assertEqual(self.kept(), [])
        scores = [(10, 0.5), (20, 0.7), (30, 0.6), (40, 0.7), (50, np.nan)]
        self.offer(scores)
        # Of equal ones the earlier is the better.
        self.assertEqual(self.kept(), [20, 40, 30])
        self.offer([(60, 0.6), (70, 0.55)])
        self.assertEqual(self.kept(), [20, 40, 30])
        self.offer([(80, 0.9), (90, -np.inf)])
        self.assertEqual(self.kept(), [80, 20, 40])

    def test_offered_again_after_an_interruption(self):
        scores = [(n, (n * 7) % 10) for n in range(1, 10)]
        self.offer(scores)
        before = self.kept()
        self.assertEqual(before, [7, 4, 1])
        self.offer(scores[3:])
        self.assertEqual(self.kept(), before)

    def test_one_keeps_nothing(self):
        self.offer([(10, 0.5)], count=1)
        self.assertEmpty(list(self.folder.iterdir()))

    def test_another_number_on_resuming_is_refused(self):
        self.offer([(10, 0.5)])
        for count in (1, 4):
            with self.assertRaisesRegex(
                InputError, f"^ensemble: {count} was given; .* began with 3.$"
            ):
                Members(self.variables, self.folder, count)

    def test_damage_is_one_sentence(self):
        self.offer([(10, 0.5), (20, 0.6)])
        path = self.folder / "ensemble" / "10.npz"
        whole = path.read_bytes()
        for content in (b"", whole[:100], whole.replace(b"NUMPY", b"XXXXX")):
            path.write_bytes(content)
            with self.assertRaisesRegex(InputError, "^workdir: .*10.npz"):
                self.kept()
        path.write_bytes(whole)
        with self.assertRaisesRegex(InputError, "of another model"):
            read_members(self.folder, self.variables[::-1])


class MetaTrainTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )

    def step(self):
        dataset = maml_tf.datasets.load("sinusoid")
        model = maml_tf.networks.create("mlp", (1,), 1, seed=3, widths=(4,))
        algorithm = maml_tf.algorithms.create("pretrain", model, dataset.loss)
        return maml_tf.OuterStep(
            algorithm,
            dataset.episodes("train", 5, 5, 5, seed=1),
            keras.optimizers.Adam(1e-2),
            tasks=1,
        )

    def test_the_best_of_all_validations_however_it_was_stopped(self):
        errors = [5.0, 3.0, 4.0, 2.0, 6.0, 3.5]
        seen = {}

        def train(workdir, until, calls=None):
            step = self.step()
            variables = [*step.model.variables, *step.algorithm.own_variables]

            def validation():
                number = len(seen) if calls is None else calls.pop(0)
                seen.setdefault(number, [v.numpy() for v in variables])
                if number == until:
                    raise KeyboardInterrupt
                error = np.array([[errors[number]]])
                return maml_tf.Curve(error, error)

            meta_train(
                step,
                12,
                workdir,
                validation=validation,
                higher_is_better=False,
                validation_interval=2,
                checkpoint_interval=6,
                ensemble=3,
                progress=False,
            )
            return read_members(workdir / "checkpoints", variables)

        whole = train(self.folder / "whole", None)
        expected = [seen[number] for number in (3, 1, 5)]
        # It ends in the fifth validation; what the fourth wrote is ahead of the
        # checkpoint, and is written again.
        with self.assertRaises(KeyboardInterrupt):
            train(self.folder / "parts", 4, [0, 1, 2, 3, 4])
        parts = train(self.folder / "parts", None, [3, 4, 5])
        for members in (whole, parts):
            for one, other in zip(members, expected, strict=True):
                for value, wanted in zip(one, other, strict=True):
                    np.testing.assert_array_equal(value, wanted)

    def test_refusals(self):
        step = self.step()
        for ensemble, outer_step, validation, workdir, reason in (
            (0, step, len, "x", "it must be 1 or more"),
            (2, step, None, "x", "members are chosen by validation"),
            (2, step, len, None, "members are kept in a workdir"),
            (2, object(), len, "x", "policies are not averaged"),
        ):
            with self.assertRaisesRegex(
                InputError, f"^ensemble: {ensemble} was given; {reason}"
            ):
                check_ensemble(ensemble, outer_step, validation, workdir)
        check_ensemble(1, object(), None, None)
        with self.assertRaisesRegex(InputError, "^ensemble: 2 was given"):
            meta_train(step, 1, self.folder / "never", ensemble=2)
        self.assertFalse((self.folder / "never").exists())


if __name__ == "__main__":
    absltest.main()
