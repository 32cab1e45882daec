"""Tests of maml_tf/commands/experiments/data_record.py."""

import json
import shutil

import numpy as np
import pytest
from absl.testing import absltest

from maml_tf import InputError, datasets
from maml_tf.commands.experiments import data_record
from tests.helpers.pictures import noise, write_png
from tests.helpers.scripts import ScriptTestCase, run

SPLIT = {
    "train": [f"c{i}" for i in range(6)],
    "valid": ["c6", "c7", "c8"],
    "test": ["c9", "c10", "c11"],
}


class Data(ScriptTestCase):
    def setUp(self):
        super().setUp()
        self.data = self.folder / "data"
        self.workdir = self.folder / "run"
        self.split = self.folder / "split.json"
        self.split.write_text(json.dumps(SPLIT))

    def write_texts(self, texts="abcde", classes=12):
        self.data.mkdir(exist_ok=True)
        rows = [f"{i} {c},c{c}" for c in range(classes) for i in texts]
        (self.data / "texts.csv").write_text("\n".join(["text,label", *rows]))

    def texts(self, **options):
        return datasets.load(
            f"text:{self.data / 'texts.csv'}",
            class_split=str(self.split),
            **options,
        )

    def pictures(self, **options):
        return datasets.load(
            f"folder:{self.data}",
            class_split=str(self.split),
            cache_dir=str(self.folder / "cache"),
            **options,
        )

    def write_pictures(self):
        for c in range(12):
            for i in range(4):
                path = self.data / f"c{c}" / f"{i}.png"
                write_png(path, noise(100 * c + i))

    def assertRefused(self, dataset, pattern):
        with self.assertRaisesRegex(
            InputError, f"^dataset: .*has changed since .*{pattern}.*; give"
        ):
            data_record.check(dataset, self.workdir)


class RecordTest(Data):
    def test_texts(self):
        self.write_texts()
        data_record.check(self.texts(), self.workdir)
        data_record.record(self.texts(), self.workdir)
        data_record.check(self.texts(), self.workdir)
        content = json.loads((self.workdir / "data.json").read_text())
        self.assertEqual({k: content[k] for k in SPLIT}.keys(), SPLIT.keys())
        self.assertCountEqual(content["valid"], SPLIT["valid"])
        self.assertEqual(content["examples"]["c3"][0], 5)

        # A word that the vocabulary does not have is another text too.
        path = self.data / "texts.csv"
        original = path.read_text()
        path.write_text(original.replace("a 9,", "unseen 9,"))
        self.assertRefused(self.texts(), "other examples are in the class c9")
        path.write_text(original.replace("a 9,c9\n", ""))
        self.assertRefused(self.texts(), "class c9 has 4 examples, and had 5")
        self.write_texts(classes=13)
        self.split.write_text(
            json.dumps(SPLIT | {"valid": [*SPLIT["valid"], "c12"]})
        )
        self.assertRefused(self.texts(), "the class c12 is new")
        path.write_text(original)
        self.split.write_text(
            json.dumps(SPLIT | {"train": SPLIT["test"], "test": SPLIT["train"]})
        )
        self.assertRefused(
            self.texts(), "the class c0 is for test, and was for train"
        )
        self.split.write_text(json.dumps(SPLIT | {"test": ["c9"]}))
        self.assertRefused(self.texts(), "the classes c10, c11 are gone")

    def test_the_recorded_division_is_a_class_split(self):
        self.write_texts()
        data_record.record(self.texts(), self.workdir)
        options = data_record.division(self.workdir, str(self.split))
        self.split.unlink()
        dataset = datasets.load(f"text:{self.data / 'texts.csv'}", **options)
        data_record.check(dataset, self.workdir)
        self.assertEqual(data_record.division(self.workdir, "random"), {})
        self.assertEqual(data_record.division(self.folder, "x.json"), {})

    def test_a_damaged_record(self):
        self.workdir.mkdir()
        for content in (b"", b"\xff", b"[]", b'{"train": ["a"]}', b"{}"):
            (self.workdir / "data.json").write_bytes(content)
            with self.assertRaisesRegex(InputError, "data.json is damaged"):
                data_record.division(self.workdir, "split.json")

    def test_pictures_at_another_place_and_on_disk(self):
        self.write_pictures()
        data_record.record(self.pictures(), self.workdir)
        moved = self.folder / "moved"
        shutil.copytree(self.data, moved)
        self.data = moved
        data_record.check(self.pictures(in_memory=False), self.workdir)
        write_png(moved / "c9" / "2.png", noise(12345))
        self.assertRefused(self.pictures(), "other examples are in .* c9")

    def test_a_large_set_gives_a_sample(self):
        from maml_tf.datasets.building import fingerprint

        examples = np.arange(1000, dtype=np.uint8)[:, np.newaxis]
        names, first = np.array(["a", "b"]), np.array([0, 500])
        digests = []
        for most in (1000, 100):
            with absltest.mock.patch.object(fingerprint, "_MOST_BYTES", most):
                found = fingerprint.by_split(
                    examples, first, first[:1] + [500, 500], names, {"x": [1]}
                )()
            self.assertEqual(found["x"]["b"][0], 500)
            digests.append(found["x"]["b"][1])
        self.assertNotEqual(*digests)

    def test_series_and_sinusoids(self):
        series = datasets.load("demand_series")
        data_record.record(series, self.workdir)
        data_record.check(series, self.workdir)
        self.assertRefused(
            datasets.load("demand_series", split_seed=1), "is for .*was for"
        )
        data_record.record(datasets.load("sinusoid"), self.folder / "sines")
        self.assertFalse((self.folder / "sines").exists())


@pytest.mark.slow
class CommandsTest(Data):
    def test_train_evaluate_plot_and_share(self):
        self.write_texts()
        original = (self.data / "texts.csv").read_text()
        train = (
            "train",
            f"--dataset=text:{self.data / 'texts.csv'}",
            f"--class_split={self.split}",
            "--network=text_cnn",
            "--embedding_width=4",
            "--filters=3",
            "--text_length=5",
            "--way=2",
            "--query=2",
            "--tasks=2",
            "--validation_tasks=3",
            "--noprogress",
            f"--workdir={self.workdir}",
        )
        self.assertSucceeds(run(*train, "--iterations=2"))
        workdir = f"--workdir={self.workdir}"
        evaluate = ("evaluate", workdir, "--num_tasks=5")
        before = self.assertSucceeds(run(*evaluate))

        # An edited split file does not turn training classes into test classes.
        self.split.write_text(
            json.dumps(SPLIT | {"train": SPLIT["test"], "test": SPLIT["train"]})
        )
        self.assertEqual(self.assertSucceeds(run(*evaluate)), before)
        self.assertRefuses(
            run(*train, "--iterations=4"), "c0 is for test, and was for train"
        )
        self.split.unlink()
        self.assertEqual(self.assertSucceeds(run(*evaluate)), before)
        self.split.write_text(json.dumps(SPLIT))
        share = (
            "share",
            workdir,
            "--description=a",
            "--not_for=b",
            "--data_licence=c",
            "--commit=d",
            "--num_tasks=5",
            f"--output={self.folder / 'shared'}",
        )
        self.assertSucceeds(run(*share))
        shared = f"--workdir={self.folder / 'shared'}"
        data = f"--dataset=text:{self.data / 'texts.csv'}"

        (self.data / "texts.csv").write_text(original.replace("a 9,", "x 9,"))
        plot = ("plot", workdir, "--kind=confusion", "--num_tasks=5")
        for command in (
            evaluate,
            (*train, "--iterations=4"),
            share,
            (*plot, f"--output={self.folder / 'x.png'}"),
            ("evaluate", shared, data, "--num_tasks=5"),
        ):
            self.assertRefuses(
                run(*command), "other examples are in the class c9"
            )
        (self.data / "texts.csv").write_text(original)
        self.assertSucceeds(run(*train, "--iterations=4"))
        # The vocabulary is part of the model.
        prepared = self.workdir / "preparation.keras"
        prepared.rename(self.folder / "kept.keras")
        for command in (evaluate, (*train, "--iterations=6")):
            self.assertRefuses(run(*command), "has no preparation.keras")
        (self.folder / "kept.keras").rename(prepared)
        # One class is always right.
        for command in (
            (*evaluate, "--way=1"),
            (*train[:-1], f"--workdir={self.folder / 'one'}", "--way=1"),
        ):
            self.assertRefuses(run(*command), "way: 1 was given.*2 or more")
        # A training of an earlier version has no record.
        (self.workdir / "data.json").unlink()
        self.assertSucceeds(run(*evaluate))


if __name__ == "__main__":
    absltest.main()
