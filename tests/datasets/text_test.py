"""Tests of maml_tf/datasets/text.py and clinc150.py."""

import json
import os
import pathlib
import tempfile
import unittest

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import datasets
from maml_tf.datasets import clinc150, text
from maml_tf.errors import InputError
from tests.helpers.tiny_clinc import write_tiny_set

DATA_DIR = os.environ.get("MAML_TF_DATA_DIR")
CLINC150 = DATA_DIR and pathlib.Path(
    DATA_DIR, "..", "data", "clinc150", "data_full.json"
)

# Three classes, and what a spreadsheet does to text: quotes, commas, line ends.
ROWS = [
    ("Book a flight, please!", "travel"),
    ('He said "fly"', "travel"),
    ("one\ntwo", "travel"),
    ("My card is lost", "bank"),
    ("Überweisung nach Köln", "bank"),
    ("card card card", "bank"),
    ("tell a joke", "talk"),
    ("a joke again", "talk"),
    ("joke joke", "talk"),
]
SPLIT = {"train": ["travel"], "valid": ["bank"], "test": ["talk"]}


class TextTestCase(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )

    def write(self, name, content, encoding="utf-8"):
        path = self.folder / name
        path.write_bytes(content.encode(encoding))
        return path

    def write_rows(self, ending=".csv"):
        if ending == ".jsonl":
            lines = [json.dumps({"label": b, "text": a}) for a, b in ROWS]
            return self.write("rows.jsonl", "\n".join(lines) + "\n\n")
        mark = "\t" if ending == ".tsv" else ","
        quoted = [(a.replace('"', '""'), b) for a, b in ROWS]
        lines = [f'{b}{mark}7{mark}"{a}"' for a, b in quoted]
        head = mark.join(["label", "number", "text"])
        return self.write(f"rows{ending}", "\r\n".join([head, *lines]))


class ReadTest(TextTestCase):
    @parameterized.parameters(".csv", ".tsv", ".jsonl")
    def test_texts_and_labels(self, ending):
        texts, labels = text.read(self.write_rows(ending))
        self.assertEqual(list(zip(texts, labels, strict=True)), ROWS)

    def test_byte_order_mark_is_no_part_of_a_name(self):
        path = self.write("x.csv", "\ufefftext,label\na,b\n")
        self.assertEqual(text.read(path), (["a"], ["b"]))

    @parameterized.named_parameters(
        ("column", "x.csv", "text,intent\na,b\n", "no column 'label'.*intent"),
        ("empty_file", "x.csv", "", "no column 'text'"),
        ("no_rows", "x.csv", "text,label\n", "no texts"),
        ("empty_text", "x.csv", "text,label\n ,b\n", "line 2: text is empty"),
        ("empty_label", "x.csv", "text,label\na,\n", "line 2: label is empty"),
        ("short_row", "x.csv", "text,label\na\n", "line 2: label is empty"),
        ("ending", "x.txt", "a", r"\.csv, \.tsv, \.jsonl"),
        ("json", "x.jsonl", '{"text": "a"\n', "line 1 is not JSON"),
        ("keys", "x.jsonl", '{"text": "a"}\n', "no keys text and label"),
        ("list", "x.jsonl", "[1]\n", "no keys text and label"),
        ("number", "x.jsonl", '{"text": 1, "label": 2}', "text is empty"),
    )
    def test_refusals(self, name, content, pattern):
        with self.assertRaisesRegex(InputError, pattern) as raised:
            text.read(self.write(name, content))
        self.assertNotIn("\n", str(raised.exception))
        self.assertIn(name, str(raised.exception))

    @parameterized.parameters(
        "text , label\na,b\n",
        "Label;Text\nb;a\n",
        "TEXT\tlabel\na\tb\n",
        "text,Text,label\na,c,b\n",
    )
    def test_other_headers(self, content):
        path = self.write("x.csv", content)
        self.assertEqual(text.read(path), (["a"], ["b"]))

    def test_not_utf8(self):
        path = self.write("x.csv", "text,label\na,b\né,b\n", "latin-1")
        with self.assertRaisesRegex(InputError, "not UTF-8 .line 3, byte 16"):
            text.read(path)

    def test_missing(self):
        with self.assertRaisesRegex(InputError, "none.csv cannot be read: No"):
            text.read(self.folder / "none.csv")


class DatasetTest(TextTestCase):
    def load(self, **options):
        split = self.write("split.json", json.dumps(SPLIT))
        return datasets.load(
            f"text:{self.write_rows()}", class_split=str(split), **options
        )

    def test_vocabulary_is_of_training_classes_alone(self):
        dataset = self.load()
        vocabulary = dataset.preparation.layers[-1].get_vocabulary()
        self.assertCountEqual(
            vocabulary,
            ["", "[UNK]"]
            + ["book", "a", "flight", "please", "he", "said", "fly"]
            + ["one", "two"],
        )
        self.assertEqual(dataset.vocabulary_size, len(vocabulary))

    def test_episodes_hold_the_ids_of_the_classes_texts(self):
        dataset = self.load(text_length=4)
        self.assertEqual(dataset.input_shape, (4,))
        episode = dataset.episodes("test", 1, 2, 1, 0)(0)
        self.assertEqual(episode.support_x.dtype, tf.int32)
        a = dataset.preparation.layers[-1].get_vocabulary().index("a")
        found = np.concatenate([episode.support_x, episode.query_x]).tolist()
        # tell a joke; a joke again; joke joke.
        self.assertCountEqual(found, [[1, a, 1, 0], [a, 1, 1, 0], [1, 1, 0, 0]])

    def test_superclasses_in_labels(self):
        rows = [
            (f"{word} {n}", f"{letter}/{word}")
            for letter in "abcd"
            for word in (f"{letter}one", f"{letter}two", f"{letter}three")
            for n in range(4)
        ]
        lines = "\n".join(f"{text},{label}" for text, label in rows)
        path = self.write("rows.csv", f"text,label\n{lines}\n")
        split = self.write(
            "split.json",
            json.dumps(
                {
                    "train": sorted({b for _, b in rows if b[0] in "ab"}),
                    "valid": sorted({b for _, b in rows if b[0] == "c"}),
                    "test": sorted({b for _, b in rows if b[0] == "d"}),
                }
            ),
        )
        dataset = datasets.load(
            f"text:{path}", class_split=str(split), classes_within="superclass"
        )
        words = dataset.preparation.layers[-1].get_vocabulary()
        draw = dataset.episodes("train", 3, 1, 1, 0)
        for number in range(10):
            ids = draw(number).support_x.numpy()[:, 0]
            self.assertLen({words[i][0] for i in ids}, 1)
            self.assertLen(set(ids), 3)

    def test_vocabulary_size_keeps_the_most_frequent(self):
        path = self.write(
            "y.csv",
            "text,label\n" + "x x x y y z,a\n" * 3 + "q,b\nq,c\n",
        )
        split = self.write("s.json", '{"train":["a"],"val":["b"],"test":["c"]}')
        dataset = datasets.load(
            f"text:{path}", class_split=str(split), vocabulary_size=4
        )
        vocabulary = dataset.preparation.layers[-1].get_vocabulary()
        self.assertEqual(vocabulary, ["", "[UNK]", "x", "y"])

    def test_preparation_is_saved_with_its_vocabulary(self):
        dataset = self.load()
        path = self.folder / "preparation.keras"
        dataset.preparation.save(path)
        again = keras.saving.load_model(path)
        texts = np.array(["Fly: a FLIGHT!", "unheard of", ""], object)
        self.assertAllEqual(again(texts), dataset.preparation(texts))
        self.assertEqual(again.to_json(), dataset.preparation.to_json())

    @parameterized.parameters(
        ({"vocabulary_size": 2}, "vocabulary_size: 2.*3 or more"),
        ({"text_length": 0}, "text_length: 0"),
        ({"class_split": "domains"}, "class_split: 'domains'.*random"),
    )
    def test_refusals(self, options, pattern):
        with self.assertRaisesRegex(InputError, pattern):
            datasets.load(f"text:{self.write_rows()}", **options)

    def test_too_few_classes(self):
        path = self.write("x.csv", "text,label\na,b\nc,b\n")
        with self.assertRaisesRegex(InputError, "1 class.*at least 3"):
            datasets.load(f"text:{path}")

    def test_name_needs_a_file(self):
        for name in ("text", "text:", "clinc150"):
            with self.assertRaisesRegex(InputError, "write it as .*:FILE"):
                datasets.load(name)
        with self.assertRaisesRegex(InputError, "write it as omniglot"):
            datasets.load("omniglot:here")


class Clinc150Test(TextTestCase):
    def test_domains_are_held_out_whole(self):
        path = write_tiny_set(self.folder)
        dataset = datasets.load(f"clinc150:{path}")
        sizes = [dataset.num_classes(s) for s in ("train", "valid", "test")]
        self.assertEqual(sizes, [90, 30, 30])
        domains = json.loads((self.folder / "data_domains.json").read_text())
        names = sorted(intent for own in domains.values() for intent in own)
        domain_of = {i: d for d, own in domains.items() for i in own}
        for seed in range(3):
            classes = clinc150.split_by_domain(names, domains, seed)
            found = [
                {domain_of[names[i]] for i in chosen}
                for chosen in classes.values()
            ]
            self.assertEqual(list(map(len, found)), [6, 2, 2])
            self.assertLen(set.union(*found), 10)

    def test_out_of_scope_is_left_out_and_all_else_is_there(self):
        path = write_tiny_set(self.folder, texts=8)
        dataset = datasets.load(f"clinc150:{path}")
        dataset.episodes("test", 30, 4, 4, 0)
        with self.assertRaisesRegex(InputError, "has 8"):
            dataset.episodes("test", 5, 4, 5, 0)

    def test_episodes_within_a_domain(self):
        path = write_tiny_set(self.folder)
        dataset = datasets.load(
            f"clinc150:{path}",
            classes_within="superclass",
            class_split="random",
        )
        words = dataset.preparation.layers[-1].get_vocabulary()
        draw = dataset.episodes("train", 5, 1, 1, 0)
        name_of = dataset.superclass_of("train", 5, 1, 1, 0)
        found = set()
        for number in range(20):
            # The second word is such as "intent3x11".
            ids = draw(number).support_x.numpy()[:, 1]
            (domain,) = {words[i].partition("x")[0] for i in ids}
            self.assertEqual(
                name_of(number), domain.replace("intent", "domain")
            )
            found.add(domain)
        self.assertGreater(len(found), 5)

    def test_an_intent_without_a_domain(self):
        path = write_tiny_set(self.folder)
        file = self.folder / "data_domains.json"
        domains = json.loads(file.read_text())
        domains["domain3"].remove("intent3_11")
        file.write_text(json.dumps(domains))
        with self.assertRaisesRegex(InputError, "no domain for intent3_11"):
            datasets.load(f"clinc150:{path}")

    def test_random_split(self):
        path = write_tiny_set(self.folder)
        dataset = datasets.load(f"clinc150:{path}", class_split="random")
        sizes = [dataset.num_classes(s) for s in ("train", "valid", "test")]
        self.assertEqual(sizes, [96, 24, 30])

    def test_refusals(self):
        path = write_tiny_set(self.folder)
        (self.folder / "data_domains.json").unlink()
        with self.assertRaisesRegex(InputError, "data_domains.json cannot be"):
            datasets.load(f"clinc150:{path}")
        for content, pattern in {
            "{": "is not JSON",
            '{"train": []}': "pairs of text and intent",
            "[]": "pairs of text and intent",
        }.items():
            path.write_text(content)
            with self.assertRaisesRegex(InputError, pattern):
                datasets.load(f"clinc150:{path}")

    @unittest.skipUnless(
        CLINC150 and CLINC150.exists(), "MAML_TF_DATA_DIR is not set"
    )
    def test_the_real_one(self):
        dataset = datasets.load(f"clinc150:{CLINC150}")
        sizes = [dataset.num_classes(s) for s in ("train", "valid", "test")]
        self.assertEqual(sizes, [90, 30, 30])
        # 150 texts of every intent.
        episode = dataset.episodes("test", 30, 1, 149, 0)(0)
        self.assertEqual(episode.query_x.shape, [30 * 149, 32])
        self.assertLess(dataset.vocabulary_size, 10000)
        # Words that only held-out domains use are few, but there are some.
        unknown = np.mean(episode.query_x.numpy()[episode.query_x > 0] == 1)
        self.assertBetween(unknown, 0.01, 0.2)


if __name__ == "__main__":
    tf.test.main()
