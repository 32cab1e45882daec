"""Conformance of every network, and the facts of each."""

import random

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import errors, networks
from maml_tf.networks.support_memory import memories

IMAGE = (28, 28, 1)
EVERY_NETWORK = [(name, name) for name in networks.names()]
TEXT_NETWORKS = ("text_cnn", "text_transformer")
TEXT_LENGTH, VOCABULARY_SIZE = 9, 50


def create(name, outputs=5, seed=None, **options):
    """A network on the inputs that it takes."""
    input_shape = IMAGE
    if name in TEXT_NETWORKS:
        input_shape = (TEXT_LENGTH,)
        options["vocabulary_size"] = VOCABULARY_SIZE
    return networks.create(name, input_shape, outputs, seed, **options)


def inputs(name, number, seed=0):
    """Images, or texts of 1 to `TEXT_LENGTH` words."""
    generator = np.random.default_rng(seed)
    if name not in TEXT_NETWORKS:
        return generator.normal(size=(number, *IMAGE)).astype(np.float32)
    ids = generator.integers(1, VOCABULARY_SIZE, (number, TEXT_LENGTH))
    lengths = generator.integers(1, TEXT_LENGTH + 1, (number, 1))
    return np.where(np.arange(TEXT_LENGTH) < lengths, ids, 0).astype(np.int32)


def count_trainable(model):
    """Returns the number of trainable parameters of `model`."""
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def count_multiplications(model):
    """Returns the multiplications of the convolutions for one image."""
    return sum(
        int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output.shape[1:3]))
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
    )


def layers_of(model, kind):
    """Returns the layers of `model` of one class."""
    return [layer for layer in model.layers if isinstance(layer, kind)]


class ConformanceTest(tf.test.TestCase, parameterized.TestCase):
    """Facts that hold for every network of the registry."""

    @parameterized.named_parameters(EVERY_NETWORK)
    def test_maps_a_batch_to_raw_outputs_with_float32_weights(self, name):
        model = create(name, seed=0)
        outputs = model(inputs(name, 7), training=True)
        self.assertEqual(outputs.shape, (7, 5))
        self.assertEqual({v.dtype for v in model.weights}, {"float32"})
        # Raw outputs are neither probabilities nor rectified.
        self.assertLess(tf.reduce_min(outputs), 0)
        self.assertGreater(tf.reduce_max(outputs), 0)

    @parameterized.named_parameters(EVERY_NETWORK)
    def test_the_head_is_the_last_layer_and_is_called_head(self, name):
        model = create(name, outputs=3)
        self.assertEqual(model.layers[-1].name, "head")
        self.assertEqual(model.layers[-1].units, 3)

    @parameterized.named_parameters(EVERY_NETWORK)
    def test_a_gradient_reaches_every_trainable_variable(self, name):
        model = create(name, seed=0)
        images = inputs(name, 20)
        generator = np.random.default_rng(0)
        for memory in memories(model):
            # One support example leaves attention nothing to choose.
            tokens = generator.normal(size=(6, memory.tokens.shape[1]))
            memory.tokens.assign(tokens)
        weights = generator.normal(size=(20, 5)).astype(np.float32)
        # Batch statistics would cancel a bias before the normalisation.
        for training in (False, True):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(weights * model(images, training=training))
            variables = [v.value for v in model.trainable_variables]
            gradients = tape.gradient(loss, variables)
            for variable, gradient in zip(
                model.trainable_variables, gradients, strict=True
            ):
                self.assertIsNotNone(gradient, variable.path)
                if not training:
                    gradient = tf.convert_to_tensor(gradient)
                    self.assertGreater(
                        tf.reduce_max(tf.abs(gradient)), 0, variable.path
                    )

    @parameterized.named_parameters(EVERY_NETWORK)
    def test_the_compiled_gradient_is_the_eager_one(self, name):
        model = create(name, seed=0)
        images = inputs(name, 25)

        def gradients():
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(model(images, training=False) ** 2)
            gradients = tape.gradient(
                loss, [v.value for v in model.trainable_variables]
            )
            # An embedding's gradient is a set of slices of its table.
            return [tf.convert_to_tensor(g) for g in gradients]

        self.assertAllClose(
            tf.function(gradients)(), gradients(), rtol=1e-3, atol=1e-3
        )

    @parameterized.named_parameters(EVERY_NETWORK)
    def test_no_strided_1x1_convolution(self, name):
        # Its filter gradient corrupts memory in TensorFlow 2.21 with oneDNN.
        model = create(name)
        for layer in layers_of(model, keras.layers.Conv2D):
            if layer.kernel_size == (1, 1):
                self.assertEqual(layer.strides, (1, 1), layer.name)

    @parameterized.named_parameters(EVERY_NETWORK)
    def test_the_seed_fixes_the_initial_weights(self, name):
        first, again, other = (create(name, seed=seed) for seed in (3, 3, 4))
        for ours, same in zip(first.variables, again.variables, strict=True):
            np.testing.assert_array_equal(ours.numpy(), same.numpy())
        kernels = [v for v in first.variables if v.name == "kernel"]
        self.assertGreater(len(kernels), 1)
        for ours in kernels:
            for theirs in other.variables:
                if ours.shape == theirs.shape:
                    self.assertNotAllClose(ours, theirs)

    @parameterized.named_parameters(EVERY_NETWORK)
    def test_layers_of_one_shape_start_differently(self, name):
        if name == "lstm":
            self.skipTest("Its two LSTMs have different shapes.")
        if name in TEXT_NETWORKS:
            model = create(name, 64, seed=0, **_equal(name))
        else:
            model = networks.create(name, (8, 8, 1), 64, seed=0, **_equal(name))
        kernels = [v.numpy() for v in model.variables if v.name == "kernel"]
        pairs = 0
        for index, ours in enumerate(kernels):
            for theirs in kernels[:index]:
                if ours.shape == theirs.shape:
                    pairs += 1
                    self.assertNotAllClose(ours, theirs)
        self.assertGreater(pairs, 0)

    @parameterized.named_parameters(EVERY_NETWORK)
    def test_a_seed_leaves_global_random_state_alone(self, name):
        def draws(creates):
            # Keras 3.12 resets its generator here, Keras 3.15 below as well.
            keras.utils.clear_session()
            keras.utils.set_random_seed(1)
            if creates:
                create(name, seed=0)
            return (
                random.random(),
                np.random.random(),
                tf.random.uniform([]).numpy(),
                keras.random.uniform([]).numpy(),
            )

        self.assertEqual(draws(True), draws(False))

    @parameterized.named_parameters(EVERY_NETWORK)
    def test_without_a_seed_the_weights_follow_keras(self, name):
        kernels = []
        for seed in (0, 0, 1):
            keras.utils.set_random_seed(seed)
            model = create(name)
            kernels.append(model.get_layer("head").kernel.numpy())
        np.testing.assert_array_equal(kernels[0], kernels[1])
        self.assertNotAllClose(kernels[0], kernels[2])

    @parameterized.named_parameters(EVERY_NETWORK)
    def test_a_model_survives_cloning_and_its_config(self, name):
        model = create(name, seed=0)
        clone = keras.Model.from_config(model.get_config())
        for ours, theirs in zip(model.variables, clone.variables, strict=True):
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def _equal(name):
    """Returns options under which a network has equal layers at 8 x 8."""
    options = {
        "mlp": {"widths": (64, 64)},
        "resnet": {"filters": (64, 64)},
        "text_cnn": {"kernel_sizes": (3, 3)},
    }
    return options.get(name, {})


class BatchNormTest(tf.test.TestCase, parameterized.TestCase):
    """Batch normalisation at the places and with the settings of the papers."""

    @parameterized.parameters(
        ("mlp", 0), ("dense_omniglot", 4), ("conv4", 4), ("resnet", 9)
    )
    def test_number_and_settings(self, name, expected):
        model = networks.create(name, IMAGE, outputs=5)
        norms = layers_of(model, keras.layers.BatchNormalization)
        self.assertLen(norms, expected)
        for norm in norms:
            self.assertEqual(
                [v.name for v in norm.trainable_variables], ["beta"]
            )
            self.assertAlmostEqual(norm.epsilon, 1e-3)

    @parameterized.parameters("dense_omniglot", "conv4")
    def test_order_is_linear_then_norm_then_relu(self, name):
        model = networks.create(name, IMAGE, outputs=5)
        for number in range(1, 5):
            relu = model.get_layer(f"relu{number}")
            norm = model.get_layer(f"batch_norm{number}")
            self.assertIs(relu.input, norm.output)
            self.assertRegex(
                norm.input._keras_history.operation.name,
                f"(dense|conv){number}",
            )


class FactsTest(tf.test.TestCase, parameterized.TestCase):
    """Sizes as in the papers."""

    def test_mlp_of_the_sinusoid(self):
        model = networks.create("mlp", (1,), outputs=1)
        self.assertEqual(
            [tuple(v.shape) for v in model.variables],
            [(1, 40), (40,), (40, 40), (40,), (40, 1), (1,)],
        )
        model = networks.create("mlp", (1,), outputs=1, widths=(7,))
        self.assertEqual(count_trainable(model), 7 + 7 + 7 + 1)

    def test_dense_omniglot_widths(self):
        model = networks.create("dense_omniglot", IMAGE, outputs=5)
        dense = layers_of(model, keras.layers.Dense)
        self.assertEqual([d.units for d in dense], [256, 128, 64, 64, 5])
        self.assertEqual(count_trainable(model), 247_109)

    def test_conv4_of_omniglot(self):
        model = networks.create("conv4", IMAGE, outputs=5)
        self.assertEqual(count_trainable(model), 112_005)
        convs = layers_of(model, keras.layers.Conv2D)
        self.assertEqual([c.output.shape[1] for c in convs], [14, 7, 4, 2])
        self.assertEmpty(layers_of(model, keras.layers.MaxPooling2D))

    def test_conv4_of_mini_imagenet(self):
        model = networks.create(
            "conv4",
            (84, 84, 3),
            outputs=5,
            filters=32,
            downsampling="max_pool",
            readout="flatten",
        )
        self.assertEqual(count_trainable(model), 32_773)
        self.assertEqual(model.get_layer("flatten").output.shape, (None, 800))
        pools = layers_of(model, keras.layers.MaxPooling2D)
        self.assertEqual([p.output.shape[1] for p in pools], [42, 21, 10, 5])

    def test_conv4_readout_by_mean(self):
        model = networks.create("conv4", IMAGE, outputs=5, seed=0)
        body = keras.Model(model.input, model.get_layer("relu4").output)
        images = np.random.default_rng(0).normal(size=(3, *IMAGE))
        features = tf.reduce_mean(body(images), axis=(1, 2))
        self.assertAllClose(model.layers[-1](features), model(images))

    def test_resnet_costs_little_more_than_conv4(self):
        conv4 = networks.create("conv4", IMAGE, outputs=5)
        resnet = networks.create("resnet", IMAGE, outputs=5)
        ratio = count_multiplications(resnet) / count_multiplications(conv4)
        self.assertBetween(ratio, 1.5, 3)

    def test_resnet_skip_connections(self):
        model = networks.create("resnet", IMAGE, outputs=5)
        self.assertLen(layers_of(model, keras.layers.Add), 3)
        model = networks.create("resnet", IMAGE, outputs=5, last_skip=False)
        self.assertEqual(
            [layer.name for layer in layers_of(model, keras.layers.Add)],
            ["block1_add", "block2_add"],
        )

    @parameterized.parameters(
        ("conv4", (1, 1, 1), {}),
        ("conv4", (16, 16, 1), {"downsampling": "max_pool"}),
        ("resnet", (15, 15, 3), {}),
    )
    def test_smallest_image(self, name, input_shape, options):
        model = networks.create(name, input_shape, outputs=5, **options)
        self.assertEqual(model(np.zeros((2, *input_shape))).shape, (2, 5))


class TextTest(tf.test.TestCase, parameterized.TestCase):
    """Words and padding in text networks."""

    def test_text_cnn_is_embedding_convolutions_maximum_head(self):
        model = create("text_cnn", seed=0, kernel_sizes=(2, 4), filters=7)
        ids = inputs("text_cnn", 6)
        vectors = model.get_layer("embedding").embeddings.numpy()[ids]
        features = []
        for number, size in enumerate((2, 4), start=1):
            kernel, bias = model.get_layer(f"conv{number}").get_weights()
            windows = np.stack(
                [
                    vectors[:, start : start + size]
                    for start in range(TEXT_LENGTH - size + 1)
                ],
                1,
            )
            convolved = np.einsum("btse,sef->btf", windows, kernel) + bias
            features.append(np.maximum(convolved, 0).max(1))
        kernel, bias = model.get_layer("head").get_weights()
        expected = np.concatenate(features, 1) @ kernel + bias
        self.assertAllClose(model(ids), expected, rtol=1e-4, atol=1e-5)

    def test_text_transformer_ignores_how_much_padding_there_is(self):
        ids = inputs("text_transformer", 8)
        outputs = [
            networks.create(
                "text_transformer",
                (length,),
                5,
                seed=0,
                vocabulary_size=VOCABULARY_SIZE,
            )
            for length in (TEXT_LENGTH, TEXT_LENGTH + 4)
        ]
        short, long = outputs
        weights = short.get_weights()
        weights = [
            np.pad(ours, [[0, 4], [0, 0]])
            if ours.shape != theirs.shape
            else ours
            for ours, theirs in zip(weights, long.get_weights(), strict=True)
        ]
        long.set_weights(weights)
        padded = np.pad(ids, [[0, 0], [0, 4]])
        self.assertAllClose(short(ids), long(padded), rtol=1e-4, atol=1e-5)

    def test_text_transformer_learns_from_a_support_set_at_a_rate_of_a_fifth(
        self,
    ):
        # A text tells its class by one of three words, at any place.
        generator = np.random.default_rng(0)
        labels = np.repeat(np.arange(5), 20)
        ids = generator.integers(20, VOCABULARY_SIZE, (100, TEXT_LENGTH))
        places = generator.integers(0, TEXT_LENGTH, 100)
        ids[np.arange(100), places] = (
            2 + 3 * labels + generator.integers(0, 3, 100)
        )
        model = create("text_transformer", seed=0)
        weights = [v.value for v in model.trainable_variables]
        losses = []
        for _ in range(11):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(
                    keras.losses.sparse_categorical_crossentropy(
                        labels, model(ids), from_logits=True
                    )
                )
            losses.append(float(loss))
            for weight, gradient in zip(weights, tape.gradient(loss, weights)):
                weight.assign_sub(0.2 * tf.convert_to_tensor(gradient))
        # The head starts small: as if it knew nothing, within 0.1.
        self.assertAllClose(losses[0], np.log(5), atol=0.1)
        self.assertEqual(losses, sorted(losses, reverse=True))
        self.assertLess(losses[-1], 1.2)

    @parameterized.parameters(*TEXT_NETWORKS)
    def test_a_text_without_words_is_finite_twice_over(self, name):
        model = create(name, seed=0)
        ids = np.zeros([2, TEXT_LENGTH], np.int32)
        values = [v.value for v in model.trainable_variables]
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                loss = tf.reduce_sum(model(ids) ** 2) + 1.0
            gradients = inner.gradient(loss, values)
            squares = [tf.convert_to_tensor(g) ** 2 for g in gradients]
            total = tf.add_n([tf.reduce_sum(square) for square in squares])
        for gradient in outer.gradient(
            total, values, unconnected_gradients="zero"
        ):
            self.assertAllInRange(tf.convert_to_tensor(gradient), -1e6, 1e6)

    def test_dropout_is_there_where_asked_for(self):
        for name in TEXT_NETWORKS:
            model = create(name, seed=0, dropout=0.5)
            ids = inputs(name, 4)
            self.assertNotAllClose(
                model(ids, training=True), model(ids, training=False)
            )

    @parameterized.parameters(
        ("text_cnn", {"input_shape": (3,)}, "at least 4 tokens"),
        ("text_cnn", {"kernel_sizes": 3}, "kernel_sizes: 3 was given"),
        ("text_cnn", {"dropout": 1.0}, "dropout: 1.0 was given; .* below 1"),
        ("text_cnn", {"vocabulary_size": 0}, "vocabulary_size: 0 was"),
        ("text_transformer", {"input_shape": IMAGE}, r"\(text_length,\)"),
        ("text_transformer", {"heads": 3}, "embedding_width: 64.*heads=3"),
    )
    def test_refusals(self, name, arguments, message):
        arguments = {
            "input_shape": (TEXT_LENGTH,),
            "outputs": 5,
            "vocabulary_size": VOCABULARY_SIZE,
            **arguments,
        }
        with self.assertRaisesRegex(errors.InputError, message):
            networks.create(name, **arguments)


class InputErrorTest(parameterized.TestCase):
    """Each message names the argument, the given value and usable ones."""

    @parameterized.parameters(
        ("vgg", {}, "network: 'vgg' is unknown; available: attention, conv4"),
        (
            "conv4",
            {"width": 3},
            "width: network 'conv4' .* filters, downsampling, re",
        ),
        ("dense_omniglot", {"filters": 3}, "filters: .* it takes no options"),
        ("conv4", {"input_shape": (28, 28)}, r"input_shape: \(28, 28\)"),
        ("conv4", {"input_shape": 28}, "input_shape: 28 was given"),
        ("conv4", {"outputs": 0}, "outputs: 0 was given; .* of 1 or more"),
        ("conv4", {"filters": "64"}, "filters: '64' was given"),
        ("conv4", {"downsampling": "pool"}, "one of stride, max_pool"),
        ("conv4", {"readout": "max"}, "readout: 'max' .* mean, flatten"),
        ("conv4", {"seed": -1}, "seed: -1 was given; .* of 0 or more"),
        ("mlp", {"widths": ()}, r"widths: \(\) was given"),
        ("mlp", {"widths": (40, 0)}, "each of widths: 0 was given"),
        ("resnet", {"filters": 32}, "filters: 32 was given"),
        ("resnet", {"input_shape": (14, 15, 1)}, "at least 15 x 15 pixels"),
        (
            "conv4",
            {"input_shape": (15, 28, 1), "downsampling": "max_pool"},
            "at least 16 x 16 pixels",
        ),
    )
    def test_is_refused_in_a_sentence(self, name, arguments, message):
        arguments = {"input_shape": IMAGE, "outputs": 5, **arguments}
        with self.assertRaisesRegex(errors.InputError, message):
            networks.create(name, **arguments)


if __name__ == "__main__":
    tf.test.main()
