"""Tests of maml_tf/algorithms/adapted_weights.py."""

import keras
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import adapted_weights
from maml_tf.errors import InputError

layers = keras.layers


def plain():
    """Two blocks and a head."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(2, 3, name="conv"),
            layers.BatchNormalization(name="batch"),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(3, name="hidden"),
            layers.LayerNormalization(name="layer"),
            layers.Dense(5, name="head"),
            layers.Softmax(),
        ]
    )


def nested():
    """A body and a head that are models themselves."""
    body = keras.Sequential(
        [layers.Dense(4, name="one"), layers.BatchNormalization(name="batch")],
        name="body",
    )
    head = keras.Sequential(
        [layers.Dense(3, name="two"), layers.Dense(2, name="head")]
    )
    x = keras.Input((3,))
    return keras.Model(x, head(body(x)))


def composite():
    """A network with a head of nested layers, which counts as one layer."""
    x = keras.Input((4, 3))
    y = layers.Dense(2, name="hidden")(x)
    return keras.Model(
        x, layers.Bidirectional(layers.GRU(2, name="gru"), name="head")(y)
    )


def frozen_head():
    """A network with a frozen last layer; the layer before it is the head."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, name="one"),
            layers.Dense(4, name="head"),
            layers.Dense(4, name="frozen"),
        ]
    )
    model.layers[-1].trainable = False
    return model


class Attention(layers.Layer):
    """A user's own layer, with a normalisation inside."""

    def build(self, shape):
        self.attention = layers.MultiHeadAttention(1, 2, name="attention")
        self.attention.build(shape, shape)
        self.norm = layers.LayerNormalization(name="norm")
        self.norm.build(shape)

    def call(self, inputs):
        return self.norm(inputs + self.attention(inputs, inputs))


def chosen(select, model):
    """Returns the paths of the variables that a selection adapts."""
    adapts = select(model)
    return [v.path for v in model.trainable_variables if adapts(v)]


class HeadAndBodyTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.named_parameters(
        ("plain", plain, 2),
        ("nested", nested, 2),
        ("composite", composite, 6),
        ("frozen_head", frozen_head, 2),
    )
    def test_the_head_is_the_last_layer_that_learns(self, create, weights):
        model = create()
        head = chosen(adapted_weights.head, model)
        self.assertLen(head, weights)
        for path in head:
            self.assertIn("head/", path)

    @parameterized.named_parameters(
        ("plain", plain),
        ("nested", nested),
        ("composite", composite),
        ("frozen_head", frozen_head),
    )
    def test_the_body_is_all_the_rest(self, create):
        model = create()
        head = chosen(adapted_weights.head, model)
        body = chosen(adapted_weights.body, model)
        self.assertNotEmpty(body)
        self.assertEqual(
            body + head, [v.path for v in model.trainable_variables]
        )

    def test_a_body_needs_more_than_a_head(self):
        model = keras.Sequential(
            [keras.Input((3,)), layers.ReLU(), layers.Dense(2)], name="linear"
        )
        self.assertLen(chosen(adapted_weights.head, model), 2)
        with self.assertRaisesRegex(InputError, "^adapts=body: model 'linear'"):
            adapted_weights.body(model)


class EverythingTest(tf.test.TestCase):
    def test_is_every_trainable_weight(self):
        model = plain()
        self.assertEqual(
            chosen(adapted_weights.everything, model),
            [v.path for v in model.trainable_variables],
        )


class AllButNormalizationTest(tf.test.TestCase):
    def test_leaves_out_scales_and_offsets(self):
        adapted = chosen(adapted_weights.all_but_normalization, plain())
        names = ["conv", "hidden", "head"]
        self.assertEqual(
            [path.split("/")[-2] for path in adapted],
            [name for name in names for _ in ("kernel", "bias")],
        )

    def test_finds_them_however_deep_they_are(self):
        x = keras.Input((4, 3))
        block = keras.Sequential([Attention(), layers.Dense(3, name="dense")])
        model = keras.Model(x, block(x))
        adapted = chosen(adapted_weights.all_but_normalization, model)
        self.assertLen(adapted, 8 + 2)
        for path in adapted:
            self.assertNotIn("norm", path)

    def test_knows_every_normalization_with_weights(self):
        x = keras.Input((8, 8, 4))
        y = x
        for layer in (
            layers.BatchNormalization,
            layers.LayerNormalization,
            layers.GroupNormalization,
            layers.RMSNormalization,
        ):
            y = layer(**({"groups": 2} if "Group" in layer.__name__ else {}))(y)
        model = keras.Model(x, layers.Dense(1, name="head")(y))
        adapted = chosen(adapted_weights.all_but_normalization, model)
        self.assertEqual(adapted, ["head/kernel", "head/bias"])


class SelectionsTest(tf.test.TestCase):
    def test_are_the_ready_ones_by_name(self):
        model = plain()
        sizes = {
            name: len(chosen(select, model))
            for name, select in adapted_weights.SELECTIONS.items()
        }
        self.assertEqual(
            sizes,
            {"all": 10, "head": 2, "body": 8, "all_but_normalization": 6},
        )


if __name__ == "__main__":
    tf.test.main()
