import tempfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized
from keras import layers

import maml_tf
from maml_tf import InputError, algorithms, inner_optimizers
from maml_tf.algorithms import MAML, Pretrain
from maml_tf.rl import losses
from maml_tf.rl.environments.navigation_2d import Navigation2D
from maml_tf.rl.meta_test import PolicyMetaTest
from maml_tf.rl.outer_step import PolicyOuterStep, adapted_outputs
from maml_tf.rl.policy import GaussianHead, gaussian_mlp
from maml_tf.rl.ppo import PPO, inner_kl
from maml_tf.rl.sampling import Sampling
from maml_tf.rl.trajectories import PolicyTargets
from maml_tf.rl.trpo import TRPO
from maml_tf.training import metrics_log
from maml_tf.training.checkpoints import Checkpoints

SAMPLING = Sampling(rollouts=4)


def trpo():
    return TRPO(conjugate_gradient_steps=3)


def ppo():
    return PPO(keras.optimizers.Adam(1e-2), epochs=2)


def outer_step(
    update=trpo, algorithm=MAML, horizon=8, tasks=3, seed=0, **options
):
    model = gaussian_mlp(2, 2, (8,), seed=0)
    made = algorithm(
        model,
        losses.reinforce,
        inner_optimizer=inner_optimizers.ScheduledGradientDescent([0.3, 0.1]),
        **options,
    )
    return PolicyOuterStep(
        made,
        Navigation2D(horizon=horizon),
        update(),
        SAMPLING,
        tasks=tasks,
        seed=seed,
    )


class PolicyOuterStepTest(parameterized.TestCase, tf.test.TestCase):
    def test_resumed_is_uninterrupted(self):
        # By PPO, whose optimizer has slots and whose penalty changes; the
        # scripts' tests kill TRPO's.
        def promp():
            return PPO(keras.optimizers.Adam(1e-2), 2, 0.2, 0.1, 1.0)

        def train(workdir, iterations):
            step = outer_step(promp)
            maml_tf.meta_train(
                step, iterations, workdir, metric_name="return", progress=False
            )
            return [*step.model.get_weights(), *step.optimizer.variables]

        folder = tempfile.mkdtemp(dir=self.get_temp_dir())
        whole = train(folder, 4)
        self.assertEqual(whole[-1], 0.1 / 2**4)
        trained = [r for r in metrics_log.read(folder) if r["phase"] == "train"]
        for name in ("kl", "surrogate_gain", "inner_kl", "inner_kl_penalty"):
            self.assertIn(name, trained[0])
        workdir = tempfile.mkdtemp(dir=self.get_temp_dir())
        train(workdir, 3)
        parts = train(workdir, 4)
        self.assertEqual(len(whole), len(parts))
        for one, other in zip(whole, parts):
            self.assertAllEqual(one, other)

    def test_is_traced_once_and_reports_the_returns(self):
        step = outer_step()
        updates = [step(i) for i in range(3)]
        self.assertEqual(step._compiled.experimental_get_tracing_count(), 1)
        for update in updates:
            self.assertBetween(update.reports["kl"][0], 0.001, 0.01)
            self.assertGreater(update.reports["surrogate_gain"][0], 0)
            self.assertBetween(update.reports["accepted_step"][0], 0.01, 1)
            self.assertAllEqual(update.loss, -update.metric)
            self.assertEqual(update.support_losses.shape, (1, 1))
            self.assertBetween(update.metric[0], -8 * 1.5, 0)
        self.assertNotEqual(updates[0].metric, updates[1].metric)
        self.assertNotEqual(updates[0].metric, outer_step(seed=1)(0).metric)

    def test_two_inner_steps_each_on_rollouts_of_their_own(self):
        update = outer_step(inner_steps=2)(0)
        self.assertEqual(update.support_losses.shape, (1, 2))
        self.assertEqual(len({*update.support_losses[0], update.loss[0]}), 3)

    def test_pretrain_judges_the_policy_as_it_is(self):
        step = outer_step(algorithm=Pretrain)
        self.assertEqual(step(0).support_losses.shape, (1, 0))

    def test_count_is_one(self):
        with self.assertRaisesRegex(InputError, "count: 2 was given"):
            outer_step()(0, 2)

    @pytest.mark.slow
    def test_learns_to_find_goals(self):
        # Joint training finds the middle of all goals; adaptation does better.
        step = outer_step(horizon=20, tasks=10, update=TRPO)
        test = PolicyMetaTest(
            step.algorithm,
            step.environment,
            Sampling(20),
            num_tasks=20,
            steps=1,
        )
        before = test().metric
        for iteration in range(30):
            step(iteration)
        after = test().metric
        self.assertGreater(after[1], before[1] + 3)
        self.assertGreater(after[1], after[0] + 1.5)


class AddsLoss(layers.Layer):
    def call(self, x):
        self.add_loss(tf.reduce_mean(x**2))
        return x


class Dilation(layers.Layer):
    """Has no second derivative; no first one if it is `backward`."""

    def __init__(self, backward=False, **options):
        super().__init__(**options)
        self.backward = backward

    def call(self, x):
        images = x[:, :, tf.newaxis, tf.newaxis]
        options = {"strides": [1] * 4, "rates": [1] * 4, "padding": "SAME"}
        window = tf.zeros([3, 1, 1])
        if self.backward:
            images = tf.raw_ops.Dilation2DBackpropInput(
                input=images, filter=window, out_backprop=images, **options
            )
        else:
            images = tf.raw_ops.Dilation2D(
                input=images, filter=window, **options
            )
        return tf.reshape(images, tf.shape(x))


def policy(*between, **options):
    return keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(4, "tanh", name="first", **options),
            *between,
            GaussianHead(2),
        ]
    )


def step_of(model, name="maml", update=None):
    made = algorithms.create(
        name, model, losses.reinforce, inner_learning_rate=0.1
    )
    return PolicyOuterStep(
        made, Navigation2D(horizon=3), update or trpo(), SAMPLING, tasks=2
    )


class LayersTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(
        ("first", lambda: policy(kernel_regularizer="l2")),
        ("own", lambda: policy(layers.ReLU(activity_regularizer="l2"))),
        ("own", lambda: policy(AddsLoss())),
    )
    def test_losses_of_layers_are_refused(self, name, make):
        model = make()
        model.layers[1].name = "own"
        for update in (trpo(), ppo()):
            with self.assertRaisesRegex(
                InputError, f"^model: layer '{name}' .* Policies do not count"
            ):
                step_of(model, update=update)

    def test_a_frozen_regularizer_is_no_loss(self):
        model = policy(layers.Dense(3, kernel_regularizer="l2"))
        model.layers[1].trainable = False
        step_of(model)

    @pytest.mark.slow
    def test_no_second_derivative(self):
        model = policy(Dilation(name="larger"))
        sentence = r"^model: layer 'larger' \(Dilation\): it has no second"
        with self.assertRaisesRegex(InputError, f"{sentence}.* PPO too"):
            step_of(model)(0)
        with self.assertRaisesRegex(InputError, rf"{sentence}.*\(fomaml\)\.$"):
            step_of(model, update=ppo())(0)
        step_of(model, "fomaml", ppo())(0)

    def test_no_first_derivative(self):
        model = policy(Dilation(backward=True, name="larger"))
        test = PolicyMetaTest(
            step_of(model).algorithm,
            Navigation2D(horizon=3),
            SAMPLING,
            num_tasks=2,
            steps=1,
        )
        with self.assertRaisesRegex(
            InputError, "^model: layer 'larger' .* it has no first derivative"
        ):
            test()


class PPOTest(parameterized.TestCase, tf.test.TestCase):
    def test_follows_the_clipped_loss_for_each_epoch(self):
        # Of one weight and one step, with plain gradient descent.
        variable = keras.Variable([0.0])
        y = PolicyTargets(
            tf.ones([1, 1, 1, 1]),
            tf.ones([1, 1, 1]),
            tf.ones([1, 1, 1]),
            tf.zeros([1, 1, 2]),
        )

        def outputs_of(theta, task):
            del task
            mean = tf.reshape(theta[0], [1, 1])
            return tf.concat([mean, tf.zeros([1, 1])], -1)

        made = PPO(keras.optimizers.SGD(0.1), epochs=3, clip=0.15)
        made.build([variable])
        report = made.update([variable], outputs_of, (y,))
        self.assertSetEqual({*report}, {"surrogate_gain", "kl"})
        mean = 0.0
        for _ in range(3):
            ratio = np.exp(mean - mean**2 / 2)  # N(1; mean, 1) / N(1; 0, 1).
            judged, mean_before = mean, mean
            if ratio < 1.15:
                mean = mean_before + 0.1 * ratio * (1 - mean_before)
        self.assertAllClose(variable.value, [mean], rtol=1e-5)
        gain = min(np.exp(judged - judged**2 / 2), 1.15) - 1.0
        self.assertAllClose(report["surrogate_gain"], gain, rtol=1e-4)
        self.assertAllClose(report["kl"], judged**2 / 2, rtol=1e-4)

    def penalized(self, penalty, target=None, shift=0.5):
        """One step of descent at rate 1 on the penalty alone."""
        variable = keras.Variable([shift])
        ones = tf.ones([1, 1, 1])
        old = PolicyTargets(
            tf.ones([1, 1, 1, 1]), 0 * ones, ones, tf.zeros([1, 1, 2])
        )
        x = tf.zeros([1, 1, 1])

        def outputs_of(theta, task):
            # An inner step adds 1 to the mean.
            mean = tf.reshape(theta[0] + float(len(task[0])), [1, 1])
            return tf.concat([mean, tf.zeros([1, 1])], -1)

        made = PPO(
            keras.optimizers.SGD(1.0),
            epochs=1,
            inner_kl_penalty=penalty,
            inner_kl_target=target,
        )
        made.build([variable])
        report = made.update([variable], outputs_of, ([(x, old)] * 2, x, old))
        return made, variable.numpy()[0], report

    def test_penalty_is_the_divergence_before_the_inner_steps(self):
        made, moved, report = self.penalized(0.1)
        # N(θ, 1) and N(θ + 1, 1) against N(0, 1): (θ² + (θ + 1)²) / 4.
        self.assertAllClose(moved, 0.5 - 0.1 * (0.5 + 1.5) / 2)
        self.assertAllClose(
            report["inner_kl"], (moved**2 + (moved + 1) ** 2) / 4
        )
        self.assertAllClose(report["inner_kl_penalty"], 0.1)
        self.assertLen(made.variables, len(made.optimizer.variables))

    @parameterized.parameters((0.01, 0.2), (10.0, 0.05), (0.5, 0.1))
    def test_penalty_goes_for_its_target(self, target, expected):
        # The divergence is 0.58.
        made, _, report = self.penalized(0.1, target)
        self.assertAllClose(report["inner_kl_penalty"], 0.1)
        self.assertAllClose(made.variables[-1], expected)

    def test_penalty_is_that_of_the_policy_that_adapts(self):
        step = outer_step(ppo)
        tasks = step.environment.tasks("train", 0, 2, 0)
        _, batches = step._adapt(tasks, 1, tf.constant([0, 0], tf.int64))
        support = tf.nest.map_structure(lambda t: t[0], batches[0])
        outputs_of = adapted_outputs(step.algorithm.inner_loop)
        theta = [t + 0.05 for t in step.algorithm.theta()]
        step.model.set_weights(theta)
        moved = step.model(support[0])
        self.assertAllClose(
            inner_kl(theta, outputs_of, ([support],)),
            losses.kl_divergence(support[1], moved),
            rtol=1e-5,
        )

    def test_penalty_needs_an_inner_step(self):
        step = outer_step(
            lambda: PPO(keras.optimizers.Adam(), inner_kl_penalty=0.1),
            Pretrain,
        )
        with self.assertRaisesRegex(InputError, "^inner_kl_penalty: 0.1 was"):
            step(0)

    @parameterized.parameters(
        ({"clip": 0}, "clip: 0 was given"),
        ({"epochs": 0}, "epochs: 0 was"),
        ({"inner_kl_penalty": -1.0}, "inner_kl_penalty: -1.0 was"),
        ({"inner_kl_target": 0.1}, "inner_kl_target: 0.1 was"),
    )
    def test_refuses(self, options, sentence):
        with self.assertRaisesRegex(InputError, sentence):
            PPO(None, **options)


class CheckpointsTest(tf.test.TestCase):
    def test_trpo_has_nothing_to_keep(self):
        step = outer_step()
        saved = Checkpoints(
            step.model,
            step.optimizer,
            tempfile.mkdtemp(dir=self.get_temp_dir()),
        )
        saved.save(3)
        self.assertTrue(saved.restore_latest())


if __name__ == "__main__":
    tf.test.main()
