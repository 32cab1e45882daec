"""Tests of maml_tf/learner/files.py."""

import json
import pathlib

import keras
import tensorflow as tf

import maml_tf


class FormerFormatTest(tf.test.TestCase):
    def test_options_by_their_former_names(self):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        learner = maml_tf.Learner(
            model, task="regression", inner_clip_norm=0.1, inner_clip_value=2.0
        )
        folder = pathlib.Path(self.create_tempdir().full_path)
        learner.save(folder)
        path = folder / "learner.json"
        description = json.loads(path.read_text())
        options = description["options"]
        for name in ("clip_norm", "clip_value"):
            options[name] = options.pop(f"inner_{name}")
        path.write_text(json.dumps(description | {"format": 1}))

        # Warnings are errors in tests: whoever loads it cannot change it.
        loaded = maml_tf.load(folder)
        x, y = [[1.0], [2.0]], [[3.0], [-4.0]]
        self.assertAllEqual(
            loaded.adapt(x, y).predict(x), learner.adapt(x, y).predict(x)
        )
        optimizer = loaded.algorithm.inner_loop.optimizer
        self.assertLen(optimizer.transformations, 2)


if __name__ == "__main__":
    tf.test.main()
