"""Every layer of Keras has an exact second derivative in the scope.

A layer that Keras adds needs a recipe in tests/helpers/keras_layers.py.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized
from maml_tf.testing import check_meta_gradient
from tensorflow.python.framework import ops

from maml_tf.functional import scope  # noqa: F401, registers gradients.
from tests.helpers.keras_layers import (
    NOT_IN_A_NETWORK,
    RECIPES,
    classes,
    inputs,
    network,
)

# Layers with operations that do not exist in float64.
FLOAT32 = (
    ("UpSampling2D", "Resizing"),
    ("RandomPerspective", "RandomRotation", "RandomShear"),
    ("RandomTranslation", "RandomZoom"),
    ("AdaptiveAveragePooling3D", "AveragePooling3D"),
    ("AdaptiveMaxPooling3D",),
    ("MaxPooling3D",),
    ("MelSpectrogram",),
    ("AugMix",),
    ("RandAugment",),
)
ALONE = ("RandomElasticTransform", "RandomColorJitter")
QUICK = ("numbers", "words", "audio")

# Operations that compute gradients, which TensorFlow takes for constants.
MENDED = {
    "ResizeBilinearGrad",
    "FakeQuantWithMinMaxArgsGradient",
    "FakeQuantWithMinMaxVarsGradient",
    "FakeQuantWithMinMaxVarsPerChannelGradient",
}
RIGHTLY_CONSTANT = {
    "BroadcastGradientArgs": "It computes shapes.",
    "StopGradient": "It is meant to be.",
    "SparseAddGrad": "Keras adds no sparse tensors with a gradient.",
    "TensorArrayGrad": "It makes the handle of an array.",
    "TensorArrayGradV2": "It makes the handle of an array.",
    "TensorArrayGradV3": "It makes the handle of an array.",
    "TensorArrayGradWithShape": "It makes the handle of an array.",
}


def groups():
    """Yields layers that stand in one network, each in its own branch."""
    apart = {name for group in FLOAT32 for name in group} | {*ALONE}
    for kind in dict.fromkeys(recipe.kind for recipe in RECIPES.values()):
        names = [n for n, r in RECIPES.items() if r.kind == kind]
        together = [n for n in names if n not in apart]
        for start in range(0, len(together), 12):
            yield tuple(together[start : start + 12])
    yield from FLOAT32
    yield from ((name,) for name in ALONE)


def check(names):
    keras.utils.set_random_seed(1)
    kind = RECIPES[names[0]].kind
    return check_meta_gradient(
        network(kind, names),
        lambda y, outputs: tf.reduce_mean(tf.square(outputs - y)),
        tf.constant(inputs(kind)),
        np.ones((4, 2), "float32"),
    )


class AuditTest(tf.test.TestCase, parameterized.TestCase):
    def test_every_layer_has_a_recipe(self):
        self.assertEmpty({*RECIPES} & {*NOT_IN_A_NETWORK})
        self.assertEqual({*RECIPES, *NOT_IN_A_NETWORK}, {*classes()})
        self.assertCountEqual([n for g in groups() for n in g], RECIPES)

    def test_quick_layers(self):
        for names in groups():
            if RECIPES[names[0]].kind in QUICK and names not in FLOAT32:
                self.assertEqual(check(names).precision, "float64")

    @parameterized.parameters(
        *[
            (g,)
            for g in groups()
            if RECIPES[g[0]].kind not in QUICK or g in FLOAT32
        ]
    )
    @pytest.mark.slow
    def test_layers(self, names):
        precision = "float32" if names in FLOAT32 else "float64"
        self.assertEqual(check(names).precision, precision)

    def test_no_gradient_is_silently_constant(self):
        """A gradient's operation is mended, or constant for a reason."""
        registry = ops.gradient_registry
        constant = {
            name
            for name in registry.list()
            if registry.lookup(name) is None
            and ("Grad" in name or "Backprop" in name)
        }
        self.assertEqual(constant, MENDED | {*RIGHTLY_CONSTANT})


if __name__ == "__main__":
    tf.test.main()
