"""Tests of maml_tf/algorithms/inner_optimizers.py."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import losses
from maml_tf.algorithms import MAML
from maml_tf.algorithms.inner_optimizers import (
    Adam,
    GradientDescent,
    ScheduledGradientDescent,
)
from maml_tf.errors import InputError

SHAPES = ((3, 2), (2,))


def random_tensors(seed, dtype=tf.float64):
    """One tensor for each of two weights."""
    generator = np.random.default_rng(seed)
    return [tf.constant(generator.normal(size=s), dtype) for s in SHAPES]


def run(optimizer, phi, steps, dtype=tf.float64):
    """The weights after steps along gradients of their own."""
    slots = optimizer.start(phi)
    for step in range(steps):
        gradients = random_tensors(100 + step, dtype)
        phi, slots = optimizer.update(phi, gradients, slots)
    return phi


def numpy_adam(phi, steps, rate, beta_1, beta_2, epsilon):
    """Algorithm 1 of Kingma and Ba, line by line."""
    theta = [p.numpy() for p in phi]
    m = [np.zeros_like(p) for p in theta]
    v = [np.zeros_like(p) for p in theta]
    for t in range(1, steps + 1):
        for i, g in enumerate(random_tensors(99 + t)):
            g = g.numpy()
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            m_hat = m[i] / (1 - beta_1**t)
            v_hat = v[i] / (1 - beta_2**t)
            theta[i] = theta[i] - rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return theta


class GradientDescentTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.named_parameters(
        ("number", lambda: 0.1),
        ("tensor", lambda: tf.constant(0.1, tf.float64)),
        ("one_number_a_weight", lambda: [0.1, 0.1]),
        ("one_tensor_a_weight", lambda: (tf.constant(0.1, tf.float64),) * 2),
        (
            "one_number_an_element",
            lambda: [tf.fill(shape, np.float64(0.1)) for shape in SHAPES],
        ),
    )
    def test_equal_rates_are_one_rate(self, rate):
        phi, gradients = random_tensors(0), random_tensors(1)
        moved, _ = GradientDescent(rate()).update(phi, gradients, ())
        expected = [p - 0.1 * g for p, g in zip(phi, gradients, strict=True)]
        self.assertAllClose(moved, expected, rtol=1e-14, atol=1e-14)

    def test_each_weight_has_its_rate(self):
        phi, gradients = random_tensors(0), random_tensors(1)
        by_element = np.array([0.5, 0.0])
        moved, _ = GradientDescent([0.25, by_element]).update(
            phi, gradients, ()
        )
        self.assertAllClose(moved[0], phi[0] - 0.25 * gradients[0], rtol=1e-14)
        self.assertAllClose(moved[1][0], phi[1][0] - 0.5 * gradients[1][0])
        self.assertAllEqual(moved[1][1], phi[1][1])

    def test_the_gradient_flows_to_the_rate(self):
        rate = tf.constant(0.1, tf.float64)
        phi, gradients = random_tensors(0), random_tensors(1)
        with tf.GradientTape() as tape:
            tape.watch(rate)
            moved, _ = GradientDescent(rate).update(phi, gradients, ())
            total = tf.add_n([tf.reduce_sum(weight) for weight in moved])
        expected = -sum(g.numpy().sum() for g in gradients)
        self.assertAllClose(tape.gradient(total, rate), expected)


class AdamTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.named_parameters(
        ("reptile", 0.0, 1e-8),
        ("first_moment", 0.9, 1e-8),
        ("large_epsilon", 0.5, 0.3),
    )
    def test_is_the_papers_loop(self, beta_1, epsilon):
        phi = random_tensors(0)
        optimizer = Adam(0.1, beta_1=beta_1, beta_2=0.9, epsilon=epsilon)
        expected = numpy_adam(phi, 5, 0.1, beta_1, 0.9, epsilon)
        self.assertAllClose(run(optimizer, phi, 5), expected, rtol=1e-6)

    @parameterized.parameters(0.0, 0.9)
    def test_is_keras_adam(self, beta_1):
        phi = random_tensors(0, tf.float32)
        variables = [keras.Variable(weight) for weight in phi]
        theirs = keras.optimizers.Adam(0.1, beta_1=beta_1, epsilon=1e-8)
        for step in range(5):
            theirs.apply(random_tensors(100 + step, tf.float32), variables)
        ours = run(Adam(0.1, beta_1=beta_1), phi, 5, tf.float32)
        self.assertAllClose(ours, [v.numpy() for v in variables], rtol=1e-5)

    def test_reptiles_first_step_is_the_gradients_sign(self):
        phi, gradients = random_tensors(0), random_tensors(1)
        optimizer = Adam(0.1)
        moved, _ = optimizer.update(phi, gradients, optimizer.start(phi))
        expected = [
            p - 0.1 * tf.sign(g) for p, g in zip(phi, gradients, strict=True)
        ]
        self.assertAllClose(moved, expected, rtol=1e-3)

    def test_tasks_do_not_see_each_others_slots(self):
        optimizer = Adam(0.1, beta_1=0.9)
        first = run(optimizer, random_tensors(0), 3)
        run(optimizer, random_tensors(7), 2)
        again = run(optimizer, random_tensors(0), 3)
        for one, other in zip(first, again, strict=True):
            self.assertAllEqual(one, other)

    def test_each_weight_has_its_rate(self):
        phi = random_tensors(0)
        moved = run(Adam([0.1, 0.0]), phi, 2)
        self.assertAllClose(moved[0], run(Adam(0.1), phi, 2)[0])
        self.assertAllEqual(moved[1], phi[1])

    def test_the_derivative_at_a_zero_gradient_is_finite(self):
        phi = random_tensors(0)
        optimizer = Adam(0.1)
        with tf.GradientTape() as tape:
            tape.watch(phi)
            # The gradient of sum(phi³) by its first column is zero there.
            gate = tf.constant([[0.0, 1.0]] * 3, tf.float64)
            moved, _ = optimizer.update(
                phi, [gate * phi[0] ** 2, phi[1] ** 2], optimizer.start(phi)
            )
            total = tf.reduce_sum(moved[0])
        derivative = tape.gradient(total, phi[0])
        self.assertAllEqual(moved[0][:, 0], phi[0][:, 0])
        self.assertAllClose(derivative[:, 0], [1.0, 1.0, 1.0])
        self.assertAllEqual(
            tf.math.is_finite(derivative), tf.ones([3, 2], bool)
        )


class EveryOptimizerTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.named_parameters(
        ("gradient_descent", GradientDescent), ("adam", Adam)
    )
    def test_a_weight_without_a_gradient_is_the_same_tensor(self, create):
        phi = random_tensors(0)
        optimizer = create(0.1)
        slots = optimizer.start(phi)
        moved = phi
        for _ in range(2):
            gradients = [None, random_tensors(1)[1]]
            moved, slots = optimizer.update(moved, gradients, slots)
        self.assertIs(moved[0], phi[0])
        self.assertNotAllEqual(moved[1], phi[1])

    @parameterized.named_parameters(
        ("gradient_descent", GradientDescent), ("adam", Adam)
    )
    def test_keeps_the_weights_dtype(self, create):
        for dtype in (tf.float32, tf.float64):
            moved = run(
                create([0.1, tf.constant(0.1)]),
                random_tensors(0, dtype),
                2,
                dtype,
            )
            self.assertEqual([w.dtype for w in moved], [dtype, dtype])

    @parameterized.product(
        create=(GradientDescent, Adam), rates=([0.1], [0.1, 0.1, 0.1], [])
    )
    def test_a_wrong_number_of_rates_is_refused(self, create, rates):
        with self.assertRaisesRegex(
            InputError, f"^learning_rate: {len(rates)} rates .* 2 weights"
        ):
            run(create(rates), random_tensors(0), 1)


class RatesTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        (rate,)
        for rate in (
            -0.1,
            float("nan"),
            float("inf"),
            "0.1",
            None,
            True,
            lambda step: 0.1,
            keras.optimizers.schedules.CosineDecay(0.1, 10),
            [0.1, "0.1"],
            [0.1, float("nan")],
            [np.array([0.1, -0.1]), 0.1],
            np.array([0.0, 1.0]),
            tf.constant([0.0, 1.0]),
        )
    )
    def test_others_than_numbers_are_refused(self, rate):
        with self.assertRaisesRegex(InputError, "^learning_rate: "):
            GradientDescent(rate)
        with self.assertRaisesRegex(InputError, "^learning_rate: "):
            Adam(rate)

    @parameterized.parameters(0.1, (None,), ([],), ([0.1, float("nan")],))
    def test_a_schedule_is_a_list_of_rates(self, rates):
        with self.assertRaisesRegex(InputError, "^learning_rates: "):
            ScheduledGradientDescent(rates)

    @parameterized.parameters(
        (np.float64(0.1),),
        (np.array(0.1),),
        (tf.Variable(0.1),),
        (tf.constant(0.1),),
    )
    def test_scalars_of_any_kind_are_taken(self, rate):
        phi = random_tensors(0)
        self.assertAllClose(
            run(GradientDescent(rate), phi, 2),
            run(GradientDescent(0.1), phi, 2),
            1e-7,
        )

    def test_rates_of_a_list_have_the_shape_of_their_weight(self):
        phi = random_tensors(0)
        rates = [np.full(SHAPES[0], 0.1), keras.Variable([0.2, 0.3])]
        moved = run(GradientDescent(rates), phi, 1)
        expected = run(GradientDescent([0.1, 0.2]), phi, 1)
        self.assertAllClose(moved[0], expected[0])
        self.assertAllClose(moved[1][0], expected[1][0])
        with self.assertRaisesRegex(InputError, r"number 0 .*\(2,\).*\(3, 2\)"):
            run(GradientDescent([np.array([0.1, 0.2]), 0.1]), phi, 1)

    def test_other_optimizers_are_refused(self):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        for optimizer in ("adam", keras.optimizers.SGD(0.1)):
            with self.assertRaisesRegex(InputError, "^inner_optimizer: "):
                MAML(model, losses.cross_entropy, inner_optimizer=optimizer)


if __name__ == "__main__":
    tf.test.main()
