"""Small SavedModels to serve."""

import tensorflow as tf

import maml_tf
from maml_tf import networks
from maml_tf.serving.saved_model import export


def half_plus_two(folder):
    """Writes TensorFlow Serving's example: x / 2 + 2, with more signatures."""
    module = tf.Module()
    module.a, module.b = tf.Variable(0.5), tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def half(x):
        return {"y": module.a * x + module.b}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, "a"),
            tf.TensorSpec([None], tf.string, "s"),
        ]
    )
    def two(a, s):
        return {"sum": tf.reduce_sum(a, 1), "text_bytes": s, "text": s}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def total(x):
        return {"total": tf.reduce_sum(x), "log": tf.math.log(x)}

    tf.saved_model.save(
        module,
        str(folder),
        {"serving_default": half, "two": two, "total": total},
    )
    return folder


def learner(seed=0):
    """A learner of points with two coordinates, of up to three classes."""
    return maml_tf.Learner(
        networks.create("mlp", (2,), 3, seed=seed, widths=(8,)),
        steps=3,
        inner_learning_rate=0.1,
    )


def points(folder, seed=0):
    """Writes `learner(seed)`, for up to five classes."""
    return export(learner(seed), folder, max_classes=5)
