import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import inner_optimizers
from maml_tf.algorithms import ANIL, FOMAML, MAML, Pretrain
from maml_tf.errors import InputError
from maml_tf.graph.over_tasks import mean_over_tasks, over_tasks
from maml_tf.rl import losses, trpo
from maml_tf.rl.outer_step import adapted_outputs
from maml_tf.rl.policy import GaussianHead
from maml_tf.rl.trajectories import PolicyTargets

TASKS, ROLLOUTS, HORIZON = 2, 3, 4


def small_model():
    """A policy of 15 weights, in double precision."""
    initializers = [keras.initializers.GlorotUniform(seed=s) for s in (1, 2)]
    return keras.Sequential(
        [
            keras.Input([2], dtype="float64"),
            keras.layers.Dense(
                2, "tanh", dtype="float64", kernel_initializer=initializers[0]
            ),
            GaussianHead(
                1, 0.6, dtype="float64", kernel_initializer=initializers[1]
            ),
        ]
    )


def batch(seed):
    """Rollouts in `TASKS` tasks, of any policy."""
    rng = np.random.default_rng(seed)
    steps = [TASKS, ROLLOUTS, HORIZON]
    mask = rng.random(steps) < 0.8
    x = rng.normal(size=(TASKS, ROLLOUTS * HORIZON, 2))
    return tf.constant(x), PolicyTargets(
        tf.constant(rng.normal(size=(*steps, 1))),
        tf.constant(rng.normal(size=steps)),
        tf.constant(mask.astype(float)),
        tf.constant(rng.normal(0, 0.3, size=(*x.shape[:2], 2))),
    )


def problem(algorithm, steps=1, loss=losses.reinforce):
    """`(algorithm, outputs_of, tasks)`, the query rollouts by the adapted."""
    made = algorithm(
        small_model(),
        loss,
        inner_steps=steps,
        inner_optimizer=inner_optimizers.GradientDescent(0.3),
    )
    supports = [batch(step) for step in range(made.inner_steps)]
    query_x, y = batch(7)
    outputs_of = adapted_outputs(made.inner_loop)
    theta = made.theta()
    outputs = over_tasks(
        lambda *task: outputs_of(theta, task), supports, query_x, y
    )
    return made, outputs_of, (supports, query_x, y._replace(outputs=outputs))


def take(tasks, number):
    return tf.nest.map_structure(lambda t: t[number], tasks)


def vector(tensors):
    return tf.concat([tf.reshape(t, [-1]) for t in tensors], 0)


def differences(function, start, epsilon):
    """Central differences of a compiled function, one an element of `start`."""
    compiled = tf.function(function, autograph=False)
    return np.stack(
        [
            (compiled(start + e) - compiled(start - e)).numpy() / (2 * epsilon)
            for e in epsilon * np.eye(len(start))
        ]
    )


def slope_of(function, theta):
    """The gradient of a scalar function of θ, as one vector."""
    with tf.GradientTape() as tape:
        tape.watch(theta)
        value = function(theta)
    return vector(tape.gradient(value, theta, unconnected_gradients="zero"))


def mean_loss(outputs_of, tasks):
    return lambda theta: mean_over_tasks(
        lambda *t: losses.low_variance(t[-1], outputs_of(theta, t)), *tasks
    )


def fisher_matrix(theta, outputs_of, tasks):
    product = tf.function(
        lambda v: mean_over_tasks(
            lambda *t: trpo.fisher_product(theta, v, outputs_of, t), *tasks
        ),
        autograph=False,
    )
    return np.stack([product(e) for e in np.eye(len(vector(theta)))])


class ConjugateGradientTest(tf.test.TestCase):
    def test_solves_as_a_direct_solver_does(self):
        rng = np.random.default_rng(0)
        root = rng.normal(size=(12, 12))
        matrix = root @ root.T + np.eye(12)
        target = rng.normal(size=12)
        for steps in (3, 30):
            found, image = trpo.conjugate_gradient(
                lambda v: tf.linalg.matvec(matrix, v),
                tf.constant(target),
                steps,
            )
            self.assertAllClose(image, np.dot(matrix, found), rtol=1e-8)
        self.assertAllClose(found, np.linalg.solve(matrix, target), rtol=1e-5)

    def test_one_step_is_steepest_descent(self):
        matrix = tf.linalg.diag([1.0, 3.0])
        found, _ = trpo.conjugate_gradient(
            lambda v: tf.linalg.matvec(matrix, v), tf.constant([1.0, 1.0]), 1
        )
        self.assertAllClose(found, [0.5, 0.5])  # bᵀb / bᵀAb = 2 / 4.

    def test_of_nothing_is_nothing(self):
        zero = tf.zeros([3])
        found, _ = trpo.conjugate_gradient(lambda v: v, zero, 10)
        self.assertAllEqual(found, zero)


class FisherProductTest(parameterized.TestCase, tf.test.TestCase):
    def hessian(self, theta, outputs_of, tasks):
        """Of the mean divergence, by differences of its exact gradient."""

        def divergence(theta):
            return mean_over_tasks(
                lambda *t: losses.kl_divergence(t[-1], outputs_of(theta, t)),
                *tasks,
            )

        return differences(
            lambda flat: slope_of(divergence, trpo.like(theta, flat)),
            vector(theta).numpy(),
            1e-5,
        )

    @parameterized.named_parameters(
        ("adapted", MAML, 1, losses.reinforce),
        ("adapted_twice", MAML, 2, losses.reinforce),
        ("head_alone", ANIL, 1, losses.reinforce),
        ("not_adapted", Pretrain, 0, losses.reinforce),
    )
    def test_is_the_explicit_matrix_of_the_divergence(
        self, algorithm, steps, loss
    ):
        made, outputs_of, tasks = problem(algorithm, steps, loss)
        theta = made.theta()
        matrix = self.hessian(theta, outputs_of, tasks)
        self.assertGreater(np.abs(matrix).max(), 0.1)
        self.assertAllClose(
            fisher_matrix(theta, outputs_of, tasks),
            matrix,
            rtol=1e-5,
            atol=1e-7,
        )

    def test_by_dice_is_that_of_its_own_derivatives(self):
        # Its inner gradient is differentiated as what it stands for, not as the
        # numbers that it has: differences of these tell nothing.
        made, outputs_of, tasks = problem(MAML, loss=losses.dice)
        tasks = tf.nest.map_structure(lambda t: t[:1], tasks)
        task, theta = take(tasks, 0), made.theta()
        with tf.GradientTape() as tape:
            tape.watch(theta)
            outputs = outputs_of(theta, task)
        jacobian = np.concatenate(
            [
                np.reshape(part, [tf.size(outputs), -1])
                for part in tape.jacobian(outputs, theta)
            ],
            1,
        )
        curvature = np.stack(
            [
                tf.reshape(losses.fisher_product(task[-1], e), [-1])
                for e in np.eye(tf.size(outputs)).reshape(-1, *outputs.shape)
            ]
        )
        self.assertAllClose(
            fisher_matrix(theta, outputs_of, tasks),
            jacobian.T @ curvature @ jacobian,
            rtol=1e-8,
            atol=1e-10,
        )

    def test_of_first_order_is_that_of_the_adapted_policy(self):
        made, outputs_of, tasks = problem(FOMAML)
        supports, query_x, y = take(tasks, 0)
        theta = made.theta()
        phi = made.inner_loop.adapt_along(theta, supports).phi[-1]
        one = tf.nest.map_structure(lambda t: t[tf.newaxis], (query_x, y))
        expected = self.hessian(phi, outputs_of, ([], *one))
        tasks = tf.nest.map_structure(lambda t: t[:1], tasks)
        self.assertAllClose(
            fisher_matrix(theta, outputs_of, tasks),
            expected,
            rtol=1e-5,
            atol=1e-7,
        )


class MetaGradientTest(tf.test.TestCase):
    def test_is_second_order(self):
        made, outputs_of, tasks = problem(MAML)
        theta = made.theta()
        loss = mean_loss(outputs_of, tasks)
        expected = differences(
            lambda flat: loss(trpo.like(theta, flat)),
            vector(theta).numpy(),
            1e-6,
        )
        second = slope_of(loss, theta)
        self.assertAllClose(second, expected, rtol=1e-6, atol=1e-8)
        made, outputs_of, tasks = problem(FOMAML)
        first = slope_of(mean_loss(outputs_of, tasks), theta)
        self.assertGreater(
            np.linalg.norm(second - first), 0.05 * np.linalg.norm(second)
        )


class TRPOTest(parameterized.TestCase, tf.test.TestCase):
    def update(self, advantages_seed=0, **options):
        """`(θ before, θ after, report, outputs_of, tasks)` of one update."""
        made, outputs_of, tasks = problem(MAML)
        rng = np.random.default_rng(advantages_seed)
        advantages = rng.normal(size=tasks[-1].advantages.shape)
        tasks = (*tasks[:-1], tasks[-1]._replace(advantages=advantages))
        before = made.theta()
        update = tf.function(
            lambda: trpo.TRPO(**options).update(
                made.model.trainable_variables, outputs_of, tasks
            ),
            autograph=False,
        )
        report = update()
        return before, made.theta(), report, outputs_of, tasks

    @parameterized.parameters((1e-3, 0), (0.3, 1), (5.0, 2))
    def test_stays_within_the_bound_and_improves(self, max_kl, seed):
        theta, moved, report, outputs_of, tasks = self.update(
            seed, max_kl=max_kl
        )
        surrogate = mean_loss(outputs_of, tasks)
        divergence = mean_over_tasks(
            lambda *t: losses.kl_divergence(t[-1], outputs_of(moved, t)), *tasks
        )
        gain = surrogate(theta) - surrogate(moved)
        self.assertGreater(gain, 0)
        self.assertAllClose(report["surrogate_gain"], gain, rtol=1e-9)
        self.assertLessEqual(divergence, max_kl)
        self.assertAllClose(report["kl"], divergence, rtol=1e-9)
        if max_kl < 0.01:  # Where the quadratic model holds, it is used up.
            self.assertGreater(divergence, 0.5 * max_kl)

    def test_is_the_natural_gradient(self):
        theta, moved, report, outputs_of, tasks = self.update(
            max_kl=1e-8, conjugate_gradient_steps=100, damping=1e-3
        )
        slope = slope_of(mean_loss(outputs_of, tasks), theta).numpy()
        fisher = fisher_matrix(theta, outputs_of, tasks)
        fisher += 1e-3 * np.eye(len(slope))
        direction = np.linalg.solve(fisher, slope)
        full = -direction * np.sqrt(2e-8 / (slope @ direction))
        step = (vector(moved) - vector(theta)).numpy()
        # The full step, or that shortened some times.
        times = np.log(step @ full / (full @ full)) / np.log(0.8)
        self.assertAllClose(times, np.round(times), atol=0.01)
        self.assertAllClose(step, full * 0.8 ** np.round(times), rtol=1e-2)
        self.assertAllClose(report["accepted_step"], 0.8 ** np.round(times))

    def test_curvature_may_be_that_of_some_tasks(self):
        # Slopes are of both tasks, the matrix of the first alone.
        theta, moved, _, outputs_of, tasks = self.update(
            max_kl=1e-8,
            conjugate_gradient_steps=100,
            damping=1e-3,
            fisher_share=0.5,
        )
        slope = slope_of(mean_loss(outputs_of, tasks), theta).numpy()
        first = tf.nest.map_structure(lambda t: t[:1], tasks)
        fisher = fisher_matrix(theta, outputs_of, first)
        fisher += 1e-3 * np.eye(len(slope))
        step = (vector(moved) - vector(theta)).numpy()
        direction = -np.linalg.solve(fisher, slope)
        cosine = step @ direction / np.linalg.norm(step)
        self.assertGreater(cosine / np.linalg.norm(direction), 0.9999)

    def test_where_nothing_improves_theta_stays(self):
        # One length alone, far too long for the quadratic model.
        theta, moved, report, *_ = self.update(max_kl=5.0, line_search_steps=1)
        self.assertEqual(
            report, {"surrogate_gain": 0, "kl": 0, "accepted_step": 0}
        )
        for before, after in zip(theta, moved):
            self.assertAllEqual(before, after)

    def test_of_equal_advantages_theta_stays(self):
        made, outputs_of, tasks = problem(MAML)
        y = tasks[-1]._replace(advantages=tf.zeros_like(tasks[-1].advantages))
        before = made.theta()
        report = tf.function(
            lambda: trpo.TRPO().update(
                made.model.trainable_variables, outputs_of, (*tasks[:-1], y)
            ),
            autograph=False,
        )()
        self.assertEqual(report["accepted_step"], 0)
        for old, new in zip(before, made.theta()):
            self.assertAllEqual(old, new)

    @parameterized.parameters(
        ({"max_kl": 0}, "max_kl: 0 was given"),
        ({"backtrack": 1.0}, "backtrack: 1.0 was given"),
        ({"fisher_share": 0.0}, "fisher_share: 0.0 was given"),
        ({"conjugate_gradient_steps": 0}, "conjugate_gradient_steps: 0 was"),
    )
    def test_refuses(self, options, sentence):
        with self.assertRaisesRegex(InputError, sentence):
            trpo.TRPO(**options)


if __name__ == "__main__":
    tf.test.main()
