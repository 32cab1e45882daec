"""Tests of maml_tf/datasets/building/scripts_without_spaces.py, and texts."""

import pathlib
import tempfile
import warnings
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import (
    InputError,
    Learner,
    algorithms,
    datasets,
    export,
    losses,
    meta_test,
    networks,
)
from maml_tf.datasets import text
from maml_tf.datasets.building.scripts_without_spaces import without_spaces


def chinese(classes=30, texts=8):
    """Rows whose class two characters tell, among twelve of any class."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(classes):
        for _ in range(texts):
            own = [0x6000 + 2 * number, 0x6001 + 2 * number]
            codes = [*own, *random.integers(0x4E00, 0x4E40, 12)]
            random.shuffle(codes)
            rows.append((f"{''.join(map(chr, codes))}。", f"c{number}"))
    return rows


class ScriptsWithoutSpacesTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )

    @parameterized.parameters(
        ("请播放周杰伦的歌", True),
        ("音楽をかけてください", True),
        ("เปิดเพลงให้หน่อยครับ", True),
        ("ភ្លេងនេះពិរោះណាស់", True),
        ("播放 Bach 的歌曲，然后关灯睡觉", True),
        ("请 播放 周杰伦 的 歌", False),
        ("play the song 歌", False),
        ("노래를 틀어 주세요", False),
        ("спасибо", False),
        ("", False),
        ("?!", False),
    )
    def test_examples(self, sentence, expected):
        self.assertEqual(without_spaces([sentence] * 3), expected)

    def nearest_centroid(self, dataset):
        """Returns the mean accuracy, 5-way 1-shot, on training classes."""
        model = keras.Sequential([keras.Input((32,)), keras.layers.Dense(5)])
        nearest = algorithms.create(
            "nearest_centroid", model, losses.cross_entropy, losses.accuracy
        )
        episodes = dataset.episodes("train", 5, 1, 2, 0)
        curve = meta_test(nearest, episodes, num_tasks=50, steps=0)
        return float(curve.metric[0])

    def test_nearest_centroid_finds_the_class(self):
        lines = [f"{words},{label}" for words, label in chinese()]
        path = self.folder / "chinese.csv"
        path.write_text("\n".join(["text,label", *lines]), "utf-8")
        with self.assertWarnsRegex(UserWarning, "divided into characters"):
            by_character = datasets.load(f"text:{path}")
        # The vocabulary has the characters of the training classes alone.
        self.assertGreater(self.nearest_centroid(by_character), 0.5)
        # Each text is one word, which no other text has. All classes are then
        # as near, and the first is taken.
        with mock.patch.object(text, "without_spaces", lambda texts: False):
            by_word = datasets.load(f"text:{path}")
        self.assertBetween(self.nearest_centroid(by_word), 0.15, 0.25)

    @pytest.mark.slow
    def test_exported(self):
        texts = [words for words, _ in chinese(3)]
        with self.assertWarns(UserWarning):
            preparation = text.fit_preparation(texts, 100, 16)
        learner = Learner(
            networks.create(
                "text_cnn", (16,), 3, seed=0, vocabulary_size=100, filters=5
            ),
            steps=3,
            inner_learning_rate=0.5,
            preparation=preparation,
        )
        x, query = np.array(texts[::4]), np.array([*texts[1::4], "新的字"])
        y = np.repeat(np.arange(3, dtype=np.int32), 2)
        folder = export(learner, self.folder / "model")
        served = tf.saved_model.load(folder).signatures["adapt_and_predict"]
        (answer,) = served(
            support_x=tf.constant(x),
            support_y=tf.constant(y),
            query_x=tf.constant(query),
        ).values()
        expected = learner.adapt(x, y).outputs(query)
        self.assertAllClose(answer, expected, rtol=1e-5, atol=1e-5)
        # It tells characters apart, and knows one that is among others.
        self.assertGreater(np.ptp(answer, axis=0).max(), 0.01)

    def test_saved_and_loaded(self):
        texts = [words for words, _ in chinese(3)]
        with self.assertWarns(UserWarning):
            preparation = text.fit_preparation(texts, 1000, 20)
        ids = preparation(tf.constant(texts)).numpy()
        # As many ids as characters.
        self.assertAllEqual((ids != 0).sum(1), [len(t) for t in texts])
        path = self.folder / "preparation.keras"
        preparation.save(path)
        loaded = keras.saving.load_model(path)
        self.assertAllEqual(loaded(tf.constant(texts)), ids)

    def test_texts_of_punctuation_alone(self):
        with self.assertRaisesRegex(InputError, "^dataset: .*no words, only"):
            text.fit_preparation(["!?", "...", "-"], 100, 5)

    def test_words_are_words(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            preparation = text.fit_preparation(["play music", "go"], 100, 3)
        self.assertAllEqual(preparation(tf.constant(["go play"])), [[4, 2, 0]])


if __name__ == "__main__":
    tf.test.main()
