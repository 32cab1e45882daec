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


class Scale(layers.Layer):
    """A learned factor."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(), initializer="ones", name="t")

    def call(self, inputs):
        return inputs * self.factor


class HeadFirst(keras.Model):
    """A model that makes its head before its body."""

    def __init__(self):
        super().__init__()
        self.head = layers.Dense(2, name="head")
        self.hidden = layers.Dense(4, name="hidden")
        self.first = keras.Sequential([layers.Dense(4, name="first")])
        self.scale = Scale(name="scale")

    def call(self, inputs):
        return self.scale(self.head(self.hidden(self.first(inputs))))


class TwoHeads(keras.Model):
    """A model with two heads, made first, on a body that is used twice."""

    def __init__(self):
        super().__init__()
        self.left = layers.Dense(2, name="head_left")
        self.right = layers.Dense(2, name="head_right")
        self.body = layers.Dense(3, name="body")

    def call(self, inputs):
        hidden = self.body(self.body(inputs))
        both = [self.left(hidden), self.right(hidden)]
        return keras.ops.concatenate(both, -1)


class Compiled(HeadFirst):
    """A model with a traced function of its own."""

    def build(self, shape):
        self.traced = tf.function(super().call, autograph=False)
        self.traced(tf.zeros(shape))

    def call(self, inputs):
        return self.traced(inputs)


def tempered():
    """A functional model with a product as its end."""
    x = keras.Input((3,))
    hidden = layers.Dense(4, name="hidden")(x)
    logits = layers.Dense(2, name="head")(hidden)
    ones = keras.ops.ones_like(hidden[:, :1])
    return keras.Model(
        x, layers.Multiply()([logits, Scale(name="temperature")(ones)])
    )


def scaled():
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, name="hidden"),
            layers.Dense(2, name="head"),
            Scale(),
            layers.LayerNormalization(),
        ]
    )


def head_first():
    model = HeadFirst()
    model(tf.zeros([2, 3]))
    return model


def head_first_nested():
    x = keras.Input((3,))
    return keras.Model(x, keras.ops.relu(HeadFirst()(x)))


def two_heads():
    model = TwoHeads()
    model(tf.zeros([2, 3]))
    return model


class HeadByTheGraphTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.named_parameters(
        ("tempered", tempered, 2),
        ("scaled", scaled, 2),
        ("head_first", head_first, 2),
        ("head_first_nested", head_first_nested, 2),
        ("two_heads", two_heads, 4),
    )
    def test_the_head_is_computed_last(self, create, weights):
        model = create()
        head = chosen(adapted_weights.head, model)
        self.assertLen(head, weights)
        for path in head:
            self.assertIn("head", path.split("/")[-2])
        body = chosen(adapted_weights.body, model)
        self.assertEqual(
            sorted(body + head),
            sorted(v.path for v in model.trainable_variables),
        )

    def test_an_order_that_cannot_be_seen_is_refused(self):
        model = Compiled()
        model(tf.zeros([2, 3]))
        with self.assertRaisesRegex(InputError, "^adapts: the head .*variable"):
            adapted_weights.head(model)


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
