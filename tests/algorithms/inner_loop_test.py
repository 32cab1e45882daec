"""Tests of maml_tf/algorithms/inner_loop.py."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import adapted_weights, losses
from maml_tf.algorithms.inner_loop import InnerLoop
from maml_tf.algorithms.inner_optimizers import GradientDescent, clipped
from maml_tf.algorithms.maml import MAML
from maml_tf.errors import InputError
from maml_tf.functional.model import BATCH_NORM_MODES

layers = keras.layers

SEED = (5, 6)


def squared_error(y, outputs):
    """Mean squared error in the dtype of the outputs."""
    return tf.reduce_mean(tf.square(outputs - y))


def randomize(model, seed=0):
    """Gives a model weights that depend on nothing but the seed."""
    generator = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(generator.normal(0.3, 0.5, variable.shape))
    return model


def plain_model(dtype="float64"):
    """A small network of smooth layers."""
    return randomize(
        keras.Sequential(
            [
                keras.Input((3,), dtype=dtype),
                layers.Dense(4, "tanh", dtype=dtype),
                layers.Dense(2, dtype=dtype),
            ]
        )
    )


def stateful_model(dtype=None):
    """Dropout and batch normalisation with non-trivial moving averages."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(8, dtype=dtype),
            layers.BatchNormalization(name="norm", dtype=dtype),
            layers.Activation("tanh", dtype=dtype),
            layers.Dropout(0.5, dtype=dtype),
            layers.Dense(2, dtype=dtype),
        ]
    )
    norm = model.get_layer("norm")
    norm.moving_mean.assign(tf.linspace(-1.0, 1.0, 8))
    norm.moving_variance.assign(tf.linspace(0.5, 2.0, 8))
    return randomize(model)


def normalized_model():
    """Batch normalisation and nothing random."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            # A bias would have no gradient.
            layers.Dense(8, use_bias=False),
            layers.BatchNormalization(name="norm"),
            layers.Dense(2),
        ]
    )
    model.get_layer("norm").moving_mean.assign(tf.linspace(-1.0, 1.0, 8))
    return randomize(model)


def points(seed, number=6, dtype=tf.float32):
    """Inputs `[number, 3]` and targets `[number, 2]`."""
    generator = np.random.default_rng(seed)
    x = generator.normal(0.5, 1.5, [number, 3])
    y = generator.normal(size=[number, 2])
    return tf.constant(x, dtype), tf.constant(y, dtype)


def loop_of(model, rate=0.1, clip_norm=None, clip_value=None, **options):
    """An inner loop of gradient descent on the squared error."""
    optimizer = clipped(GradientDescent(rate), clip_norm, clip_value)
    return InnerLoop(model, squared_error, optimizer, **options)


def adapt(loop, steps, task=1, seed=SEED, dtype=tf.float32):
    """Adapts to the task of a number."""
    seed = None if seed is None else tf.constant(seed)
    theta = loop.functional_model.theta()
    return loop.adapt(theta, *points(task, dtype=dtype), steps, seed)


def at(model, weights):
    """The model with its trainable weights replaced."""
    for variable, weight in zip(
        model.trainable_variables, weights, strict=True
    ):
        variable.assign(weight)
    return model


def snapshot(model):
    """Returns every variable of a model, also of its random streams."""
    variables = model.trainable_variables + model.non_trainable_variables
    return [variable.numpy().copy() for variable in variables]


class PathTest(tf.test.TestCase):
    def test_is_gradient_descent_on_the_model(self):
        loop = loop_of(plain_model(), rate=0.3)
        adaptation = adapt(loop, steps=3, dtype=tf.float64)

        model = plain_model()
        variables = model.trainable_variables
        x, y = points(1, dtype=tf.float64)
        for step in range(3):
            self.assertAllClose(
                adaptation.phi[step],
                [v.numpy() for v in variables],
                rtol=1e-12,
                atol=1e-12,
            )
            with tf.GradientTape() as tape:
                loss = squared_error(y, model(x, training=True))
            gradients = tape.gradient(loss, [v.value for v in variables])
            for variable, gradient in zip(variables, gradients, strict=True):
                variable.assign_sub(0.3 * gradient)
            self.assertAllClose(
                adaptation.support_losses[step], loss, rtol=1e-12, atol=1e-12
            )
        self.assertAllClose(
            adaptation.phi[3],
            [v.numpy() for v in variables],
            rtol=1e-12,
            atol=1e-12,
        )
        self.assertLen(adaptation.phi, 4)
        self.assertEqual(adaptation.support_losses.shape, [3])

    def test_no_steps_leave_theta(self):
        loop = loop_of(plain_model())
        adaptation = adapt(loop, steps=0, dtype=tf.float64)
        self.assertLen(adaptation.phi, 1)
        for weight, start in zip(
            adaptation.phi[0], loop.functional_model.theta(), strict=True
        ):
            self.assertAllEqual(weight, start)
        self.assertEqual(adaptation.support_losses.shape, [0])

    def test_starts_from_the_theta_given_and_not_from_the_model(self):
        loop = loop_of(plain_model())
        theta = [w + 1.0 for w in loop.functional_model.theta()]
        x, y = points(1, dtype=tf.float64)
        adaptation = loop.adapt(theta, x, y, 2)
        moved = loop_of(at(plain_model(), theta))
        expected = adapt(moved, steps=2, seed=None, dtype=tf.float64)
        for weight, other in zip(
            adaptation.phi[-1], expected.phi[-1], strict=True
        ):
            self.assertAllEqual(weight, other)

    def test_inputs_and_targets_may_be_structures(self):
        left, right = keras.Input((3,), name="a"), keras.Input((3,), name="b")
        y = layers.Dense(2)(layers.Concatenate()([left, right]))
        model = randomize(keras.Model({"a": left, "b": right}, y))
        (a, target), (b, weight) = points(1), points(2)

        def weighted(y, outputs):
            return squared_error(
                y["weight"] * y["target"], y["weight"] * outputs
            )

        loop = InnerLoop(model, weighted, GradientDescent(0.1))
        adaptation = loop.adapt(
            loop.functional_model.theta(),
            {"a": a, "b": b},
            {"target": target, "weight": weight},
            2,
            tf.constant(SEED),
            batch_size=3,
        )
        self.assertLess(
            squared_error(
                weight * target,
                weight
                * loop.predict(
                    adaptation.phi[-1], adaptation.state, {"a": a, "b": b}, None
                ),
            ),
            squared_error(weight * target, weight * model({"a": a, "b": b})),
        )

    def test_compiled_is_eager(self):
        loop = loop_of(stateful_model())
        compiled = tf.function(lambda: adapt(loop, steps=2), autograph=False)
        self.assertAllClose(
            compiled().phi[-1], adapt(loop, steps=2).phi[-1], atol=1e-6
        )


class OrderTest(tf.test.TestCase):
    def derivative(self, second_order):
        """Returns ∂ Σφ_1 / ∂θ by weight; it is 1 without a Hessian."""
        loop = loop_of(plain_model(), second_order=second_order)
        theta = loop.functional_model.theta()
        with tf.GradientTape() as tape:
            tape.watch(theta)
            x, y = points(1, dtype=tf.float64)
            phi = loop.adapt(theta, x, y, 1).phi[-1]
            total = tf.add_n([tf.reduce_sum(weight) for weight in phi])
        return tape.gradient(total, theta)

    def test_first_order_takes_inner_gradients_for_constants(self):
        for derivative in self.derivative(second_order=False):
            self.assertAllEqual(derivative, tf.ones_like(derivative))

    def test_second_order_does_not(self):
        for derivative in self.derivative(second_order=True):
            self.assertGreater(tf.reduce_max(tf.abs(derivative - 1.0)), 0.01)


class AdaptedWeightsTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*adapted_weights.SELECTIONS, "none")
    def test_the_others_are_the_same_tensors_all_along(self, name):
        model = normalized_model()
        if name == "none":
            adapts = lambda variable: False  # noqa: E731
        else:
            adapts = adapted_weights.SELECTIONS[name](model)
        loop = loop_of(model, adapts=adapts)
        theta = loop.functional_model.theta()
        phi = loop.adapt(theta, *points(1), 3).phi
        for index, variable in enumerate(model.trainable_variables):
            for before, after in zip(phi[:-1], phi[1:], strict=True):
                if adapts(variable):
                    self.assertNotAllEqual(before[index], after[index])
                else:
                    self.assertIs(after[index], theta[index])


class RateTest(tf.test.TestCase):
    def test_each_weight_may_have_its_own(self):
        model = plain_model()
        reference = adapt(loop_of(model, rate=1.0), 1, dtype=tf.float64)
        rates = [0.1, 0.2, tf.constant(0.0), 0.4]
        adaptation = adapt(loop_of(model, rate=rates), 1, dtype=tf.float64)
        for start, full, part, rate in zip(
            *reference.phi, adaptation.phi[1], rates, strict=True
        ):
            self.assertAllClose(
                part - start, float(rate) * (full - start), rtol=1e-7
            )

    def test_equal_rates_are_one_rate(self):
        model = plain_model()
        one = adapt(loop_of(model, rate=0.1), 3, dtype=tf.float64)
        four = adapt(loop_of(model, rate=[0.1] * 4), 3, dtype=tf.float64)
        for weight, other in zip(one.phi[-1], four.phi[-1], strict=True):
            self.assertAllEqual(weight, other)

    def test_a_wrong_number_is_refused(self):
        with self.assertRaisesRegex(InputError, "^learning_rate: 3 .* 4 we"):
            adapt(loop_of(plain_model(), rate=[0.1] * 3), 1, dtype=tf.float64)


class ClipTest(tf.test.TestCase, parameterized.TestCase):
    def inner_gradient(self, **options):
        """The gradient of the first inner step, as one vector."""
        loop = loop_of(plain_model(), rate=1.0, **options)
        theta, phi = adapt(loop, 1, dtype=tf.float64).phi
        moves = [start - end for start, end in zip(theta, phi, strict=True)]
        return np.concatenate([m.numpy().ravel() for m in moves])

    def test_by_value(self):
        free = self.inner_gradient()
        limit = np.median(np.abs(free))
        self.assertAllClose(
            self.inner_gradient(clip_value=limit),
            np.clip(free, -limit, limit),
            rtol=1e-12,
            atol=1e-12,
        )

    def test_by_the_norm_of_all_weights_together(self):
        free = self.inner_gradient()
        norm = np.linalg.norm(free)
        self.assertAllClose(
            self.inner_gradient(clip_norm=0.3 * norm),
            0.3 * free,
            rtol=1e-9,
            atol=1e-12,
        )
        self.assertAllEqual(self.inner_gradient(clip_norm=1.1 * norm), free)

    def test_by_value_and_then_by_norm(self):
        free = self.inner_gradient()
        limit = np.median(np.abs(free))
        clipped = np.clip(free, -limit, limit)
        self.assertAllClose(
            self.inner_gradient(clip_value=limit, clip_norm=0.1),
            0.1 * clipped / np.linalg.norm(clipped),
            rtol=1e-9,
            atol=1e-12,
        )

    def test_former_arguments_warn(self):
        model = plain_model()
        expected = adapt(
            loop_of(model, clip_norm=0.1), 1, dtype=tf.float64
        ).phi[-1]
        with self.assertWarnsRegex(DeprecationWarning, "chain.*version 0.3"):
            loop = InnerLoop(
                model, squared_error, GradientDescent(0.1), clip_norm=0.1
            )
        phi = adapt(loop, 1, dtype=tf.float64).phi[-1]
        for weight, other in zip(phi, expected, strict=True):
            self.assertAllEqual(weight, other)

    def meta_gradient(self, y=None, **options):
        """The meta-gradient through two steps as a vector, and its function."""
        loop = loop_of(plain_model(), **options)
        start = loop.functional_model.theta()
        support_x, support_y = points(1, dtype=tf.float64)
        support_y = support_y if y is None else y(loop.model, support_x)
        query_x, query_y = points(2, dtype=tf.float64)

        @tf.function
        def value_and_gradient(theta):
            with tf.GradientTape() as tape:
                tape.watch(theta)
                adaptation = loop.adapt(theta, support_x, support_y, 2)
                outputs = loop.predict(
                    adaptation.phi[-1], adaptation.state, query_x, support_x
                )
                loss = squared_error(query_y, outputs)
            return loss, tape.gradient(loss, theta)

        return start, value_and_gradient

    @parameterized.parameters(
        {"clip_norm": 0.2}, {"clip_value": 0.1}, {"clip_norm": 50.0}
    )
    def test_the_meta_gradient_is_exact(self, **options):
        theta, value_and_gradient = self.meta_gradient(**options)
        generator = np.random.default_rng(0)
        direction = [tf.constant(generator.normal(size=w.shape)) for w in theta]
        ends = [
            value_and_gradient(
                [w + e * d for w, d in zip(theta, direction, strict=True)]
            )[0]
            for e in (1e-5, -1e-5)
        ]
        gradient = value_and_gradient(theta)[1]
        slope = sum(
            tf.reduce_sum(g * d)
            for g, d in zip(gradient, direction, strict=True)
        )
        self.assertAllClose(slope, (ends[0] - ends[1]) / 2e-5, rtol=1e-6)

    @parameterized.parameters({"clip_norm": 1.0}, {"clip_value": 1.0})
    def test_the_meta_gradient_at_a_zero_gradient_is_the_unclipped_one(
        self, **options
    ):
        def fitted(model, x):
            return model(x)

        theta, clipped = self.meta_gradient(fitted, **options)
        _, free = self.meta_gradient(fitted)
        self.assertAllClose(clipped(theta)[1], free(theta)[1], rtol=1e-9)


class StateTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.product(mode=BATCH_NORM_MODES, compiled=(False, True))
    def test_the_model_is_left_as_it_was(self, mode, compiled):
        model = stateful_model()
        loop = loop_of(model, batch_norm=mode)
        before = snapshot(model)

        def run():
            adaptation = adapt(loop, steps=2)
            return loop.predict(
                adaptation.phi[-1],
                adaptation.state,
                points(2)[0],
                points(1)[0],
                training=True,
            )

        (tf.function(run, autograph=False) if compiled else run)()
        for old, new in zip(before, snapshot(model), strict=True):
            self.assertAllEqual(old, new)

    def test_is_carried_from_step_to_step(self):
        model = stateful_model()
        loop = loop_of(model, rate=0.0)
        names = [v.path.split("/")[-1] for v in model.non_trainable_variables]
        self.assertEqual(
            names, ["moving_mean", "moving_variance", "seed_generator_state"]
        )
        start = loop.functional_model.state(tf.constant(SEED))
        adaptation = adapt(loop, steps=3)
        hidden = model.layers[0](points(1)[0]).numpy()
        self.assertAllClose(adaptation.state[0], hidden.mean(0), atol=1e-5)
        self.assertAllClose(adaptation.state[1], hidden.var(0), atol=1e-5)
        self.assertAllEqual(adaptation.state[2], start[2] + [0, 3])
        # At a rate of zero the steps differ only by the mask.
        self.assertLen(set(adaptation.support_losses.numpy().tolist()), 3)

    def test_is_not_carried_from_task_to_task(self):
        loop = loop_of(stateful_model())
        first = adapt(loop, steps=2, task=1)
        adapt(loop, steps=2, task=2, seed=(9, 9))
        again = adapt(loop, steps=2, task=1)
        for one, other in zip(
            tf.nest.flatten(first), tf.nest.flatten(again), strict=True
        ):
            self.assertAllEqual(one, other)

    def test_tasks_have_dropout_masks_of_their_own(self):
        loop = loop_of(stateful_model(), rate=0.0)
        support_losses = [
            adapt(loop, steps=1, seed=(number, 0)).support_losses[0].numpy()
            for number in (0, 0, 1, 2)
        ]
        self.assertEqual(support_losses[0], support_losses[1])
        self.assertLen(set(support_losses), 3)

    def test_moving_averages_stay_in_the_moving_mode(self):
        model = stateful_model()
        state = adapt(loop_of(model, batch_norm="moving"), steps=2).state
        norm = model.get_layer("norm")
        self.assertAllEqual(state[0], norm.moving_mean)
        self.assertAllEqual(state[1], norm.moving_variance)


class BatchNormTest(tf.test.TestCase, parameterized.TestCase):
    def predictions(self, mode, query_x, model=normalized_model, **options):
        """Predictions after two steps, and the model at their weights."""
        model = model()
        loop = loop_of(model, batch_norm=mode)
        adaptation = adapt(loop, steps=2)
        outputs = loop.predict(
            adaptation.phi[-1],
            adaptation.state,
            query_x,
            points(1)[0],
            **options,
        )
        return outputs.numpy(), at(model, adaptation.phi[-1])

    def test_transductive_uses_the_query_sets_statistics(self):
        x = points(2)[0]
        outputs, model = self.predictions("transductive", x)
        self.assertAllClose(outputs, model(x, training=True), atol=1e-5)

    def test_moving_uses_the_models_moving_averages(self):
        x = points(2)[0]
        outputs, model = self.predictions("moving", x)
        self.assertAllClose(outputs, model(x, training=False), atol=1e-5)

    def test_inductive_uses_the_support_sets_statistics(self):
        x = points(2)[0]
        outputs, model = self.predictions("inductive", x)
        dense, norm, head = model.layers
        support = dense(points(1)[0]).numpy()
        hidden = (dense(x).numpy() - support.mean(0)) / np.sqrt(
            support.var(0) + norm.epsilon
        )
        hidden = norm.gamma.numpy() * hidden + norm.beta.numpy()
        self.assertAllClose(outputs, head(hidden), rtol=1e-4, atol=1e-5)

    def test_inductive_uses_them_in_meta_training_too(self):
        x = points(2)[0]
        self.assertAllEqual(
            self.predictions("inductive", x, training=True)[0],
            self.predictions("inductive", x, training=False)[0],
        )

    @parameterized.parameters(
        ("transductive", True), ("inductive", True), ("moving", False)
    )
    def test_the_inner_gradient_is_taken_by(self, mode, training):
        """The support set's statistics, or the moving averages."""
        theta, phi, _ = adapt(
            loop_of(normalized_model(), rate=1.0, batch_norm=mode), 2
        ).phi
        model = normalized_model()
        x, y = points(1)
        with tf.GradientTape() as tape:
            loss = squared_error(y, model(x, training=training))
        gradients = tape.gradient(
            loss, [v.value for v in model.trainable_variables]
        )
        self.assertAllClose(
            [start - end for start, end in zip(theta, phi, strict=True)],
            gradients,
            atol=1e-5,
        )

    @parameterized.parameters(
        ("transductive", True), ("inductive", False), ("moving", False)
    )
    def test_a_prediction_depends_on_the_other_queries(self, mode, depends):
        x = points(2)[0]
        others = tf.concat([x[:1], 5.0 + 3.0 * x[1:]], 0)
        for queries in (others, x[:1], tf.concat([x, others], 0)):
            one = self.predictions(mode, x)[0][0]
            other = self.predictions(mode, queries)[0][0]
            if depends:
                self.assertNotAllClose(one, other, atol=1e-2)
            else:
                self.assertAllClose(one, other, rtol=1e-6, atol=1e-6)

    @parameterized.parameters(*BATCH_NORM_MODES)
    def test_dropout_is_off_where_training_is(self, mode):
        model = stateful_model()
        loop = loop_of(model, batch_norm=mode)
        x, support_x = points(2)[0], points(1)[0]

        def outputs(training, seed):
            return loop.predict(
                loop.functional_model.theta(),
                loop.functional_model.state(tf.constant(seed)),
                x,
                support_x,
                training=training,
            )

        self.assertAllEqual(outputs(False, [1, 1]), outputs(False, [2, 2]))
        self.assertNotAllClose(outputs(True, [1, 1]), outputs(True, [2, 2]))
        without = keras.Sequential(
            [keras.Input((3,)), *(model.layers[i] for i in (0, 1, 2, 4))]
        )
        if mode != "inductive":
            self.assertAllClose(
                outputs(False, [1, 1]),
                without(x, training=mode == "transductive"),
                atol=1e-5,
            )


class MixedPrecisionTest(tf.test.TestCase):
    def meta_gradient(self, dtype):
        """Adaptation and meta-gradient of a model without dropout."""
        model = keras.Sequential(
            [
                keras.Input((3,)),
                layers.Dense(16, dtype=dtype),
                layers.BatchNormalization(dtype=dtype),
                layers.Activation("tanh", dtype=dtype),
                layers.Dense(2, dtype=dtype),
            ]
        )
        loop = InnerLoop(
            randomize(model),
            losses.mean_squared_error,
            clipped(GradientDescent(0.1), clip_norm=10.0),
        )
        theta = loop.functional_model.theta()
        with tf.GradientTape() as tape:
            tape.watch(theta)
            adaptation = loop.adapt(theta, *points(1), 2)
            query_x, query_y = points(2)
            outputs = loop.predict(
                adaptation.phi[-1], adaptation.state, query_x, None
            )
            loss = losses.mean_squared_error(query_y, outputs)
        return adaptation, outputs, loss, tape.gradient(loss, theta)

    def test_weights_losses_and_gradients_stay_in_float32(self):
        adaptation, outputs, loss, gradient = self.meta_gradient(
            keras.dtype_policies.DTypePolicy("mixed_bfloat16")
        )
        self.assertEqual(outputs.dtype, tf.bfloat16)
        for phi in adaptation.phi:
            self.assertEqual({weight.dtype for weight in phi}, {tf.float32})
        self.assertEqual(adaptation.support_losses.dtype, tf.float32)
        self.assertEqual(loss.dtype, tf.float32)
        self.assertEqual({g.dtype for g in gradient}, {tf.float32})

    def test_is_close_to_full_precision(self):
        vectors = []
        for name in ("mixed_bfloat16", "float32"):
            *_, gradient = self.meta_gradient(
                keras.dtype_policies.DTypePolicy(name)
            )
            vectors.append(
                np.concatenate([g.numpy().ravel() for g in gradient])
            )
        mixed, full = vectors
        # bfloat16 has 8 bits.
        self.assertLess(
            np.linalg.norm(mixed - full), 0.05 * np.linalg.norm(full)
        )
        self.assertNotAllEqual(mixed, full)


class MinibatchTest(tf.test.TestCase, parameterized.TestCase):
    def batches(self, examples, steps, batch_size, seed=SEED):
        """The numbers of the examples that each step's loss was given."""
        seen = []

        def spy(y, outputs):
            seen.append(y.numpy().tolist())
            return tf.reduce_mean(outputs)

        model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
        loop = InnerLoop(model, spy, GradientDescent(0.1))
        numbers = tf.range(examples)
        loop.adapt(
            loop.functional_model.theta(),
            tf.cast(numbers, tf.float32)[:, tf.newaxis],
            numbers,
            steps,
            tf.constant(seed),
            batch_size,
        )
        return seen

    @parameterized.parameters(
        (6, 3, 2), (6, 5, 3), (5, 7, 2), (5, 3, 5), (3, 2, 5), (10, 5, 10)
    )
    def test_each_pass_uses_every_example_once(self, examples, steps, size):
        batches = self.batches(examples, steps, size)
        self.assertEqual([len(batch) for batch in batches], [size] * steps)
        order = sum(batches, [])
        for start in range(0, len(order), examples):
            part = order[start : start + examples]
            self.assertLen(set(part), len(part))

    def test_passes_are_shuffled_each_by_itself(self):
        order = sum(self.batches(20, 4, 10), [])
        self.assertNotEqual(order[:20], sorted(order[:20]))
        self.assertNotEqual(order[:20], order[20:])

    def test_depend_on_the_seed_and_nothing_else(self):
        one = self.batches(20, 4, 10)
        self.assertEqual(one, self.batches(20, 4, 10))
        self.assertNotEqual(one, self.batches(20, 4, 10, seed=(5, 7)))

    def test_inputs_are_gathered_with_their_targets(self):
        x = tf.range(6.0)[:, tf.newaxis]
        model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
        model.set_weights([np.ones([1, 1]), np.zeros([1])])
        loop = loop_of(model)
        adaptation = loop.adapt(
            loop.functional_model.theta(), x, x, 3, tf.constant(SEED), 2
        )
        self.assertAllEqual(adaptation.support_losses, [0.0, 0.0, 0.0])

    def test_no_steps_need_no_batches(self):
        self.assertEqual(self.batches(4, 0, 2), [])


class InputErrorTest(tf.test.TestCase, parameterized.TestCase):
    def test_an_unknown_batch_norm_mode(self):
        with self.assertRaisesRegex(
            InputError, "^batch_norm: 'batch' .*transductive, inductive, moving"
        ):
            loop_of(plain_model(), batch_norm="batch")

    @parameterized.product(name=("clip_norm", "clip_value"), value=(0, -1.0))
    def test_a_limit_that_is_not_positive(self, name, value):
        with self.assertRaisesRegex(
            InputError, f"^inner_{name}: {value} was given"
        ):
            MAML(plain_model(), squared_error, **{f"inner_{name}": value})

    def test_negative_steps(self):
        with self.assertRaisesRegex(InputError, "^steps: -1 was given"):
            adapt(loop_of(plain_model()), -1, dtype=tf.float64)

    def test_minibatches_without_a_seed_or_of_nothing(self):
        loop = loop_of(plain_model())
        theta = loop.functional_model.theta()
        x, y = points(1, dtype=tf.float64)
        with self.assertRaisesRegex(InputError, "^seed: None .*batch_size=2"):
            loop.adapt(theta, x, y, 1, batch_size=2)
        with self.assertRaisesRegex(InputError, "^batch_size: 0 was given"):
            loop.adapt(theta, x, y, 1, tf.constant(SEED), batch_size=0)


if __name__ == "__main__":
    tf.test.main()
