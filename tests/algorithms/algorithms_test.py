"""Conformance of every algorithm, and the facts of each."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import ContextParameters, adapted_weights, algorithms, losses
from maml_tf.algorithms.inner_optimizers import Adam, Chain, GradientDescent
from maml_tf.algorithms.outer_step import OuterStep
from maml_tf.episodes.class_pool import Episode
from maml_tf.errors import InputError
from maml_tf.evaluation.curve import MetaTest

layers = keras.layers

# These need classes or a network of their own, and have tests of their own.
CLASSIFIERS = ("black_box", "nearest_centroid", "proto_maml", "protonet")
NETWORKS = [name for name in algorithms.names() if name not in CLASSIFIERS]
EVERY_ALGORITHM = [(name, name) for name in NETWORKS]
META_TRAINED = [(name, name) for name in NETWORKS if name != "scratch"]
SEED = (1, 2)


def network(dropout=0.0):
    """From one number to one number."""
    model = keras.Sequential(
        [
            keras.Input((1,)),
            layers.Dense(20, "relu"),
            layers.Dense(20, "relu", name="hidden"),
            layers.Dropout(dropout, seed=0),
            layers.Dense(1, name="head"),
        ]
    )
    generator = np.random.default_rng(0)
    for variable in model.trainable_variables:
        scale = np.sqrt(2.0 / variable.shape[0])
        variable.assign(generator.normal(0.0, scale, variable.shape))
    return model


def with_context(model):
    """The same network, its hidden layer modulated by a context of zeros."""
    hidden = x = keras.Input((1,))
    initializer = keras.initializers.GlorotUniform(seed=0)
    for layer in model.layers:
        hidden = layer(hidden)
        if layer.name == "hidden":
            hidden = ContextParameters(9, "modulate", initializer)(hidden)
    return keras.Model(x, hidden)


def episodes(number):
    """A sine wave of an amplitude from 1 to 3, ten points to learn from."""
    number = tf.cast(number, tf.int32)
    uniform = tf.random.stateless_uniform([21], tf.stack([7, number]))
    amplitude, x = 1.0 + 2.0 * uniform[0], 6.0 * uniform[1:, tf.newaxis] - 3.0
    y = amplitude * tf.sin(x)
    return Episode(x[:10], y[:10], x[10:], y[10:])


def create(name, model=None, **options):
    """An algorithm of two inner steps on the squared error."""
    model = model or network()
    if name == "cavia" and model.trainable_variables:
        model = with_context(model)
    return algorithms.create(
        name,
        model,
        losses.mean_squared_error,
        **({"inner_steps": 2, "inner_learning_rate": 0.02} | options),
    )


def contribution(algorithm, number=0, seed=SEED):
    """Returns one task's contribution to the meta-update."""
    return algorithm.meta_gradient(
        algorithm.theta(), episodes(number), tf.constant(seed)
    )


def snapshot(model):
    """Returns every variable of a model, also of its random streams."""
    variables = model.trainable_variables + model.non_trainable_variables
    return [variable.numpy().copy() for variable in variables]


class ConformanceTest(tf.test.TestCase, parameterized.TestCase):
    """Facts that hold for every algorithm of the registry."""

    def assert_same(self, one, other):
        """Compares two structures of tensors to the last bit."""
        for a, b in zip(
            tf.nest.flatten(one), tf.nest.flatten(other), strict=True
        ):
            self.assertAllEqual(a, b)

    @parameterized.named_parameters(EVERY_ALGORITHM)
    def test_a_task_contributes_a_gradient_for_every_weight(self, name):
        algorithm = create(name)
        result = contribution(algorithm)
        for gradient, variable in zip(
            result.gradient, algorithm.meta_variables, strict=True
        ):
            self.assertEqual(gradient.shape, variable.shape)
            self.assertEqual(gradient.dtype, tf.float32)
            self.assertAllInRange(gradient, -1e3, 1e3)
            # A context begins at zero whatever θ has.
            is_zero = tf.reduce_all(gradient == 0.0)
            self.assertEqual(is_zero, variable.name == "context")
        self.assertEqual(result.loss.shape, [])
        self.assertEqual(result.support_losses.shape, [algorithm.inner_steps])

    @parameterized.named_parameters(EVERY_ALGORITHM)
    def test_the_metric_is_of_the_same_outputs_as_the_loss(self, name):
        model = network(dropout=0.5)
        algorithm = algorithms.create(
            name,
            with_context(model) if name == "cavia" else model,
            losses.mean_squared_error,
            lambda y, outputs: 3.0 * losses.mean_squared_error(y, outputs),
        )
        result = contribution(algorithm)
        self.assertAllClose(result.metric, 3.0 * result.loss)
        curve, metrics = algorithm.curve(
            algorithm.theta(), episodes(0), 2, tf.constant(SEED)
        )
        self.assertAllClose(metrics, 3.0 * curve)
        # Without a metric, the loss is reported.
        # MAML++ has a loss of all steps and a metric of the last, at first.
        options = {"multi_step_iterations": 0} if "plus" in name else {}
        self.assertAllEqual(*contribution(create(name, **options))[1:3])

    @parameterized.named_parameters(EVERY_ALGORITHM)
    def test_compiled_is_eager(self, name):
        algorithm = create(name)
        compiled = tf.function(lambda: contribution(algorithm))()
        eager = contribution(algorithm)
        # Conjugate gradients let rounding grow.
        atol = 1e-3 if name == "imaml" else 1e-5
        for one, other in zip(
            tf.nest.flatten(compiled), tf.nest.flatten(eager), strict=True
        ):
            self.assertAllClose(one, other, rtol=1e-4, atol=atol)

    @parameterized.named_parameters(EVERY_ALGORITHM)
    def test_a_contribution_follows_from_task_and_seed(self, name):
        algorithm = create(name, network(dropout=0.5))
        first = contribution(algorithm)
        contribution(algorithm, number=5, seed=(8, 9))
        self.assert_same(first, contribution(algorithm))
        other = contribution(algorithm, seed=(1, 3))
        self.assertNotAllClose(first.gradient[0], other.gradient[0])

    @parameterized.named_parameters(EVERY_ALGORITHM)
    def test_the_model_is_left_as_it_was(self, name):
        algorithm = create(name, network(dropout=0.5))
        before = snapshot(algorithm.model)
        contribution(algorithm)
        algorithm.curve(algorithm.theta(), episodes(0), 2, tf.constant(SEED))
        self.assert_same(before, snapshot(algorithm.model))

    @parameterized.named_parameters(EVERY_ALGORITHM)
    def test_starts_from_the_theta_given_and_not_from_the_model(self, name):
        moved = create(name)
        theta = [weight + 0.1 for weight in moved.theta()]
        given = create(name).meta_gradient(
            theta, episodes(0), tf.constant(SEED)
        )
        for variable in moved.meta_variables:
            variable.assign_add(tf.fill(variable.shape, 0.1))
        self.assert_same(given, contribution(moved))

    @parameterized.product(name=NETWORKS, steps=(0, 1, 3))
    def test_a_curve_starts_at_the_unadapted_model(self, name, steps):
        algorithm = create(name, network(dropout=0.5))
        episode = episodes(0)
        curve, metrics = algorithm.curve(
            algorithm.theta(), episode, steps, tf.constant(SEED)
        )
        self.assertEqual(curve.shape, [steps + 1])
        self.assertEqual(metrics.shape, [steps + 1])
        unadapted = losses.mean_squared_error(
            episode.query_y, algorithm.model(episode.query_x)
        )
        self.assertAllClose(curve[0], unadapted)

    @parameterized.named_parameters(EVERY_ALGORITHM)
    def test_adapting_helps_but_for_the_oracle(self, name):
        # A context's nine numbers take longer steps than hundreds of weights.
        rate = {"inner_learning_rate": 0.2} if name == "cavia" else {}
        algorithm = create(name, **rate)
        curve, _ = algorithm.curve(
            algorithm.theta(), episodes(0), 10, tf.constant(SEED)
        )
        if name == "oracle":
            self.assertAllEqual(curve, tf.fill([11], curve[0]))
        else:
            self.assertLess(curve[10], 0.9 * curve[0])

    @parameterized.named_parameters(META_TRAINED)
    def test_meta_training_lowers_the_loss_on_new_tasks(self, name):
        reptile = name == "reptile"
        options = {"inner_steps": 1}
        if reptile:
            options = {"inner_steps": 5, "inner_learning_rate": 0.005}
        if name == "imaml":  # It must come near its minimum.
            options = {"inner_steps": 16, "inner_learning_rate": 0.003}
        algorithm = create(name, **options)
        step = OuterStep(
            algorithm,
            episodes,
            keras.optimizers.SGD(0.5)
            if reptile
            else keras.optimizers.Adam(0.01),
            tasks=8,
            iterations_per_call=150,
        )
        test = MetaTest(
            algorithm,
            lambda number: episodes(number + 10**6),
            num_tasks=40,
            steps=options["inner_steps"],
            tasks_per_call=40,
        )
        before = test().loss[-1]
        step(0, 150)
        # A function that is 0 everywhere has a loss of about 2; one that has
        # learned nothing but the mean wave has 0.17.
        self.assertGreater(before, 1.0)
        self.assertLess(test().loss[-1], 0.5)


class CreateTest(tf.test.TestCase, parameterized.TestCase):
    def test_every_algorithm_has_a_name(self):
        self.assertEqual(
            algorithms.names(),
            (
                "anil",
                "black_box",
                "boil",
                "cavia",
                "fomaml",
                "imaml",
                "maml",
                "maml_plus_plus",
                "meta_sgd",
                "nearest_centroid",
                "oracle",
                "pretrain",
                "proto_maml",
                "protonet",
                "reptile",
                "scratch",
            ),
        )

    def test_an_unknown_name_is_refused(self):
        with self.assertRaisesRegex(InputError, "^algorithm: 'mmal' .*maml"):
            create("mmal")

    @parameterized.parameters(
        ("maml", "inner_batch_size", 5),
        ("maml", "learning_rate", 0.1),
        ("fomaml", "second_order", True),
        ("reptile", "second_order", True),
        ("imaml", "second_order", True),
        ("imaml", "rematerialize", True),
        ("imaml", "inner_rates", "per_weight"),
        ("anil", "adapts", None),
        ("boil", "adapts", None),
        ("cavia", "head", "zero"),
        ("pretrain", "second_order", True),
        ("oracle", "adapts", None),
        ("oracle", "second_order", True),
        ("scratch", "second_order", True),
    )
    def test_an_option_that_is_not_open_is_refused(self, name, option, value):
        with self.assertRaisesRegex(
            InputError, f"^{option}: algorithm '{name}' .*inner_steps"
        ):
            create(name, **{option: value})

    @parameterized.named_parameters(EVERY_ALGORITHM)
    def test_arguments_that_cannot_be_used_are_refused(self, name):
        with self.assertRaisesRegex(InputError, "^batch_norm: 'none'"):
            create(name, batch_norm="none")
        frozen = network()
        frozen.trainable = False
        with self.assertRaisesRegex(InputError, "^model: .* no trainable"):
            create(name, frozen)
        with self.assertRaisesRegex(InputError, "^model: .* not built"):
            create(name, keras.Sequential([layers.Dense(2), layers.Dense(2)]))

    def test_negative_inner_steps_are_refused(self):
        with self.assertRaisesRegex(InputError, "^inner_steps: -1 was given"):
            create("maml", inner_steps=-1)

    def test_options_reach_the_inner_loop(self):
        loop = create(
            "maml",
            inner_clip_norm=1.0,
            inner_clip_value=2.0,
            batch_norm="inductive",
            second_order=False,
            inner_optimizer=Adam(0.1),
        ).inner_loop
        self.assertEqual(loop.batch_norm, "inductive")
        self.assertFalse(loop.second_order)
        self.assertIsInstance(loop.optimizer, Chain)
        self.assertIsInstance(loop.optimizer.optimizer, Adam)
        # Clipped by value to ±2, then by norm to 1.
        gradients = [tf.constant([3.0, -4.0])]
        for transform in loop.optimizer.transformations:
            gradients = transform(gradients)
        self.assertAllClose(gradients[0], [0.5**0.5, -(0.5**0.5)])

    def test_former_names_of_options_warn(self):
        with self.assertWarnsRegex(
            DeprecationWarning, "clip_norm: it is now inner_clip_norm"
        ):
            algorithm = create("maml", clip_norm=1.0)
        self.assertIsInstance(algorithm.inner_loop.optimizer, Chain)

    def test_nothing_adapts_without_an_inner_loop(self):
        algorithm = create("nearest_centroid")
        self.assertNotIsInstance(algorithm, algorithms.MAML)
        self.assertFalse(algorithm.has_inner_loop)
        with self.assertRaisesRegex(InputError, "^algorithm: nearest_centroid"):
            _ = algorithm.inner_loop


class AdaptsAPartTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(("anil", "head"), ("boil", "body"))
    def test_the_rest_is_bit_identical_and_learned_outside(self, name, part):
        algorithm = create(name)
        theta = algorithm.theta()
        episode = episodes(0)
        phi = algorithm.inner_loop.adapt(
            theta, episode.support_x, episode.support_y, 3
        ).phi
        gradients = contribution(algorithm).gradient
        for index, variable in enumerate(algorithm.model.trainable_variables):
            in_head = "/head/" in variable.path
            adapts = in_head == (part == "head")
            for before, after in zip(phi[:-1], phi[1:], strict=True):
                if adapts:
                    self.assertNotAllEqual(before[index], after[index])
                else:
                    self.assertAllEqual(theta[index], after[index])
            self.assertGreater(tf.reduce_max(tf.abs(gradients[index])), 0)

    def test_so_is_the_normalization_where_all_else_adapts(self):
        model = keras.Sequential(
            [
                keras.Input((1,)),
                layers.Dense(8),
                layers.LayerNormalization(name="norm"),
                layers.Dense(1),
            ]
        )
        algorithm = create(
            "maml", model, adapts=adapted_weights.all_but_normalization(model)
        )
        theta, episode = algorithm.theta(), episodes(0)
        phi = algorithm.inner_loop.adapt(
            theta, episode.support_x, episode.support_y, 2
        ).phi[-1]
        gradients = contribution(algorithm).gradient
        for index, variable in enumerate(model.trainable_variables):
            stays = bool(tf.reduce_all(phi[index] == theta[index]))
            self.assertEqual(stays, "/norm/" in variable.path)
            self.assertGreater(tf.reduce_max(tf.abs(gradients[index])), 0)

    def test_boil_on_a_linear_model_is_refused(self):
        linear = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
        with self.assertRaisesRegex(InputError, "^adapts=body: "):
            create("boil", linear)


class ReptileTest(tf.test.TestCase):
    def test_the_inner_optimizer_is_adam_without_momentum(self):
        optimizer = create("reptile", inner_learning_rate=0.3).inner_loop
        optimizer = optimizer.optimizer
        self.assertIsInstance(optimizer, Adam)
        self.assertEqual(optimizer.beta_1, 0.0)
        self.assertEqual(optimizer.learning_rate, 0.3)

    def test_points_from_the_adapted_weights_to_theta(self):
        algorithm = create("reptile", inner_batch_size=4)
        theta, episode = algorithm.theta(), episodes(0)
        phi = algorithm.inner_loop.adapt(
            theta,
            episode.support_x,
            episode.support_y,
            algorithm.inner_steps,
            tf.constant(SEED),
            batch_size=4,
        ).phi[-1]
        for start, end, gradient in zip(
            theta, phi, contribution(algorithm).gradient, strict=True
        ):
            self.assertAllEqual(gradient, start - end)

    def test_minibatches_are_for_meta_training_alone(self):
        seen = []

        def spy(y, outputs):
            seen.append(y.shape[0])
            return losses.mean_squared_error(y, outputs)

        algorithm = algorithms.create(
            "reptile", network(), spy, inner_steps=3, inner_batch_size=4
        )
        contribution(algorithm)
        # Three steps; loss and metric of the ten queries.
        self.assertEqual(seen, [4, 4, 4, 10, 10])
        seen.clear()
        algorithm.curve(algorithm.theta(), episodes(0), 2, tf.constant(SEED))
        self.assertEqual(seen[:2], [10, 10])

    def test_weights_that_do_not_adapt_stay(self):
        algorithm = create("reptile", adapts=lambda v: "/head/" in v.path)
        for variable, gradient in zip(
            algorithm.model.trainable_variables,
            contribution(algorithm).gradient,
            strict=True,
        ):
            moved = bool(tf.reduce_any(gradient != 0))
            self.assertEqual(moved, "/head/" in variable.path)


class BaselinesTest(tf.test.TestCase):
    def test_two_baselines_alone_do_not_meta_train(self):
        for name in ("nearest_centroid", *NETWORKS):
            self.assertEqual(
                create(name).meta_trains,
                name not in ("nearest_centroid", "scratch"),
            )

    def test_scratch_adapts_as_maml_does(self):
        curves = [
            create(name).curve(
                create(name).theta(), episodes(0), 3, tf.constant(SEED)
            )[0]
            for name in ("scratch", "pretrain", "maml")
        ]
        self.assertAllEqual(curves[0], curves[2])
        self.assertAllEqual(curves[1], curves[2])

    def test_pretrains_loss_is_of_support_and_query_set_together(self):
        algorithm, episode = create("pretrain"), episodes(0)
        x = tf.concat([episode.support_x, episode.query_x], 0)
        y = tf.concat([episode.support_y, episode.query_y], 0)
        with tf.GradientTape() as tape:
            loss = losses.mean_squared_error(y, algorithm.model(x))
        variables = [v.value for v in algorithm.model.trainable_variables]
        result = contribution(algorithm)
        self.assertAllClose(result.loss, loss)
        self.assertAllClose(result.gradient, tape.gradient(loss, variables))
        # Its inner steps are 0, also if others are given.
        self.assertEqual(algorithm.inner_steps, 0)

    def test_gradient_descent_is_the_inner_optimizer(self):
        for name in NETWORKS:
            own = ("imaml", "maml_plus_plus", "meta_sgd", "reptile")
            if name not in own:
                optimizer = create(name).inner_loop.optimizer
                self.assertIsInstance(optimizer, GradientDescent)
                self.assertEqual(optimizer.learning_rate, 0.02)


if __name__ == "__main__":
    tf.test.main()
