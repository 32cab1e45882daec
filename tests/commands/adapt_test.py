"""Tests of maml_tf/commands/adapt.py, run as a user runs it."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import absltest

import maml_tf
from maml_tf import AdaptedModel, Learner, networks
from maml_tf.datasets import omniglot, text
from maml_tf.datasets.images import files as image_files
from maml_tf.datasets.images.preparation import image_preparation
from maml_tf.evaluation.intervals import wilson_interval
from maml_tf.reports.episode_picture import RIGHT, WRONG
from tests.helpers import forked
from tests.helpers.pictures import write_png
from tests.helpers.scripts import ROOT, ScriptTestCase, run

DATA_DIR = os.environ.get("MAML_TF_DATA_DIR")
DRAWINGS = ROOT / "examples" / "drawings"
SUPPORT, QUERY = f"--support={DRAWINGS}/support", f"--query={DRAWINGS}/query"

IMAGE_ROW = re.compile(
    rf"^ *(\S+\.png) +(\S+) +(\d+\.\d)%(?: +(\S+) +([{RIGHT}{WRONG}]?))?$", re.M
)
ACCURACY = re.compile(
    r"accuracy (\S+)% before adaptation -> (\S+)% after it \((\d+) of (\d+)"
    r" examples; 95 % interval by Wilson: (\S+)% to (\S+)%\)"
)


class AdaptTestCase(ScriptTestCase):
    def assertPicture(self, path, least):
        """An image that is neither tiny nor of one colour."""
        image = tf.io.decode_png(path.read_bytes()).numpy()
        self.assertGreater(min(image.shape[:2]), least)
        self.assertLess(max(image.shape[:2]), 4000)
        self.assertGreater(image.std(), 10)

    def assertAccuracy(self, stdout):
        """The line of the accuracy says what the rows say."""
        rows = IMAGE_ROW.findall(stdout)
        for _, predicted, _, true, mark in rows:
            self.assertEqual(mark, RIGHT if predicted == true else WRONG)
        (line,) = ACCURACY.findall(stdout)
        before, after, right, number, low, high = map(float, line)
        self.assertEqual(number, len(rows))
        self.assertEqual(right, sum(row[4] == RIGHT for row in rows))
        self.assertAlmostEqual(after, 100 * right / number, delta=0.051)
        for said, end in zip((low, high), wilson_interval(right, number)):
            self.assertAlmostEqual(said, 100 * end, delta=0.051)
        return before, after


class ImageTest(AdaptTestCase):
    def learner(self, ways=5):
        """Random weights, saved."""
        model = networks.create("conv4", (28, 28, 1), ways, filters=8, seed=0)
        preparation = image_preparation((28, 28, 1), fit="pad", ink=True)
        learner = Learner(
            model,
            preparation=preparation,
            inner_learning_rate=0.1,
            inner_steps=4,
        )
        learner.save(self.folder / "learner")
        return f"--workdir={self.folder / 'learner'}", learner

    def test_table_model_and_report(self):
        workdir, learner = self.learner(ways=3)
        output, report = self.folder / "a.keras", self.folder / "a" / "r.png"
        stdout = self.assertSucceeds(
            run(
                "adapt",
                *(workdir, SUPPORT, QUERY),
                f"--output={output}",
                f"--report={report}",
            )
        )
        self.assertIn("5 classes, 5 examples to learn from, 4 gradient", stdout)
        self.assertIn("Batch norm uses the support set's statistics.", stdout)
        before, _ = self.assertAccuracy(stdout)

        # What the files give through the library.
        files = sorted((DRAWINGS / "query").glob("*/*.png"))
        images = [image_files.decode(file).numpy() for file in files]
        adapted = AdaptedModel.load(output)
        probabilities = adapted.outputs(images)
        rows = IMAGE_ROW.findall(stdout)
        self.assertLen(rows, 20)
        for file, found, row in zip(files, probabilities, rows, strict=True):
            self.assertEqual(row[0], f"{file.parent.name}/{file.name}")
            self.assertEqual(row[1], adapted.labels[found.argmax()])
            self.assertAlmostEqual(float(row[2]), 100 * found.max(), delta=0.06)
            self.assertEqual(row[3], file.parent.name)
        support = sorted((DRAWINGS / "support").glob("*/*.png"))
        unadapted = learner.adapt(
            [image_files.decode(file).numpy() for file in support],
            [file.parent.name for file in support],
            steps=0,
        )
        true = [file.parent.name for file in files]
        self.assertAlmostEqual(
            before,
            100 * unadapted.evaluate(images, true)["accuracy"],
            delta=0.051,
        )
        self.assertPicture(report, 600)

    def test_without_steps_nothing_changes(self):
        workdir, _ = self.learner()
        stdout = self.assertSucceeds(
            run("adapt", workdir, SUPPORT, QUERY, "--steps=0")
        )
        before, after = self.assertAccuracy(stdout)
        self.assertEqual(before, after)

    def test_files_of_unknown_and_of_other_classes(self):
        workdir, _ = self.learner()
        files = [DRAWINGS / "query" / "star" / f"{n}.png" for n in (1, 2)]
        stdout = self.assertSucceeds(
            run("adapt", workdir, SUPPORT, f"--query={files[1]},{files[0]}")
        )
        rows = IMAGE_ROW.findall(stdout)
        self.assertEqual(
            [row[0] for row in rows], [str(files[1]), str(files[0])]
        )
        self.assertNotIn("accuracy", stdout)
        self.assertNotIn("true", stdout)

        image = image_files.decode(files[0])
        write_png(self.folder / "q" / "star" / "1.png", image)
        write_png(self.folder / "q" / "moon" / "1.png", image)
        (self.folder / "q" / "star" / "x.png").write_text("no picture")
        result = run("adapt", workdir, SUPPORT, f"--query={self.folder / 'q'}")
        stdout = self.assertSucceeds(result)
        self.assertRegex(result[2], r"note: .*1 of the files .*star/x\.png\.")
        self.assertRegex(stdout, r"moon/1\.png +\w+ +\d+\.\d% +moon *\n")
        self.assertRegex(stdout, r"\([01] of 1 examples;")
        self.assertIn("Not counted: 1 of a class that", stdout)
        self.assertIn("(moon)", stdout)

    def test_refusals(self):
        workdir, _ = self.learner()
        table = self.folder / "a.csv"
        table.write_text("text,label\na,b\n")
        cases = {
            (workdir, f"--support={table}", QUERY): ("support", "takes images"),
            (workdir, SUPPORT, "--query=none"): (
                "query",
                "none does not exist",
            ),
            (workdir, SUPPORT, QUERY, "--steps=-1"): ("steps: -1", "0 or more"),
            (workdir, SUPPORT, QUERY, "--output=a.h5"): ("output", r"\.keras"),
            (workdir, SUPPORT, QUERY, "--report=a.x"): ("report", r"\.png or"),
        }
        for flags, patterns in cases.items():
            with self.subTest(flags):
                result = run("adapt", *flags)
                self.assertRefuses(result, *patterns)
                self.assertEmpty(result[1])
                # The sentence alone.
                self.assertLen(result[2].splitlines(), 1)

    def test_help_teaches(self):
        status, stdout, _ = run("adapt", "--help")
        self.assertEqual(status, 0)
        self.assertRegex(stdout, r"(?m)^  --support[= ]")
        self.assertIn("    maml-tf adapt --workdir=", stdout)


@pytest.mark.slow
class TextTest(AdaptTestCase):
    def test_texts(self):
        known = ["tie a knot", "feed my cat", "tie my shoe", "feed a dog"]
        labels = ["knots", "pets", "knots", "pets"]
        preparation = text.fit_preparation(known, 50, 6)
        model = networks.create(
            "text_cnn",
            (6,),
            2,
            vocabulary_size=50,
            embedding_width=4,
            filters=3,
            seed=0,
        )
        learner = Learner(
            model,
            preparation=preparation,
            inner_learning_rate=1.0,
            inner_steps=20,
        )
        learner.save(self.folder / "learner")
        rows = "".join(f"{x},{y}\n" for x, y in zip(known, labels))
        support, query = self.folder / "s.csv", self.folder / "q.csv"
        support.write_text(f"text,label\n{rows}")
        query.write_text(f"text,label\n{rows}walk,sport\n")
        output, report = self.folder / "a.keras", self.folder / "r.png"
        flags = (
            f"--workdir={self.folder / 'learner'}",
            f"--support={support}",
        )
        stdout = self.assertSucceeds(
            run(
                "adapt",
                *flags,
                f"--query={query}",
                f"--output={output}",
                f"--report={report}",
            )
        )
        # It is asked about what it has learned from.
        self.assertIn("(4 of 4 examples;", stdout)
        self.assertIn("Not counted: 1 of a class", stdout)
        adapted = AdaptedModel.load(output)
        self.assertEqual(adapted.predict(known).tolist(), labels)
        for x, y, p in zip(known, labels, adapted.outputs(known).max(-1)):
            found = re.search(rf"{x} +{y} +(\S+)% +{y} +{RIGHT}\n", stdout)
            self.assertAlmostEqual(float(found[1]), 100 * p, delta=0.06)
        self.assertNotIn("Batch norm", stdout)
        self.assertPicture(report, 200)

        lines = self.folder / "q.txt"
        lines.write_text("tie a knot\nfeed my cat\n")
        stdout = self.assertSucceeds(run("adapt", *flags, f"--query={lines}"))
        self.assertRegex(stdout, r"tie a knot +knots +\S+%\n")
        self.assertRegex(stdout, r"feed my cat +pets +\S+%\n")


@pytest.mark.slow
class PointsTest(AdaptTestCase):
    def test_points(self):
        model = networks.create("mlp", (2,), 1, widths=(8,), seed=0)
        learner = Learner(
            model,
            task="regression",
            inner_learning_rate=0.1,
            inner_steps=30,
            target_mean=1000.0,
            target_deviation=100.0,
        )
        learner.save(self.folder / "learner")
        x = np.random.RandomState(0).uniform(-1, 1, [12, 2]).round(3)
        y = 1000 + 100 * x[:, :1]
        support, query = self.folder / "s.csv", self.folder / "q.csv"
        np.savetxt(
            support,
            np.concatenate([x, y], 1)[:8],
            delimiter=",",
            header="length,width,y",
            comments="",
        )
        np.savetxt(
            query,
            np.concatenate([x[:, ::-1], y], 1)[8:],
            delimiter=",",
            header="width,length,y",
            comments="",
        )
        output, report = self.folder / "a.keras", self.folder / "r.png"
        flags = (
            f"--workdir={self.folder / 'learner'}",
            f"--support={support}",
        )
        stdout = self.assertSucceeds(
            run(
                "adapt",
                *flags,
                f"--query={query}",
                f"--output={output}",
                f"--report={report}",
            )
        )
        adapted = AdaptedModel.load(output)
        predictions = adapted.predict(x[8:])
        for features, predicted, true in zip(x[8:], predictions, y[8:]):
            row = [*features, *predicted, *true]
            self.assertRegex(
                stdout, " +".join(re.escape(f"{n:.5g}") for n in row)
            )
        unadapted = learner.adapt(x[:8], y[:8], steps=0)
        before, after = (
            model.evaluate(x[8:], y[8:])["mae"]
            for model in (unadapted, adapted)
        )
        self.assertIn(
            f"mean absolute error of y: {before:.4g} before adaptation ->"
            f" {after:.4g} after it ± ",
            stdout,
        )
        self.assertLess(after, 0.5 * before)
        self.assertPicture(report, 300)

        # Without truth, and in any order of columns.
        query.write_text("width,length\n0.5,0.25\n")
        stdout = self.assertSucceeds(run("adapt", *flags, f"--query={query}"))
        (predicted,) = adapted.predict([[0.25, 0.5]])
        self.assertRegex(stdout, rf"0\.25 +0\.5 +{predicted[0]:.5g}")
        self.assertNotIn("error", stdout)


@pytest.mark.slow
class ExampleDrawingsTest(ScriptTestCase):
    def test_they_are_what_the_program_draws(self):
        program = ROOT / "examples" / "draw_by_hand.py"
        subprocess.run(
            [sys.executable, str(program), f"--output={self.folder}"],
            check=True,
            capture_output=True,
        )
        drawn = sorted(DRAWINGS.rglob("*.png"))
        self.assertLen(drawn, 25)
        for path in drawn:
            again = self.folder / path.relative_to(DRAWINGS)
            one, other = (image_files.decode(p).numpy() for p in (path, again))
            self.assertEqual(one.shape[-1], 1)
            self.assertGreaterEqual(min(one.shape[:2]), 105)
            # Sines may differ in their last bit from machine to machine.
            np.testing.assert_allclose(one, other.astype(float), atol=1)
            self.assertLess(path.stat().st_size, 5000)


@pytest.mark.slow
@unittest.skipUnless(DATA_DIR, "MAML_TF_DATA_DIR is not set")
class OmniglotTest(AdaptTestCase):
    """Real drawings of characters that the shipped learner has not seen."""

    CHARACTERS = 5

    def write_characters(self):
        """Writes each one's drawings, one to learn from; returns its files."""
        import tensorflow_datasets as tfds

        drawings, background = omniglot.load_drawings(data_dir=DATA_DIR)
        held_out = omniglot.split_characters(drawings.names, background)["test"]
        held_out = held_out[~background[held_out]][:: self.CHARACTERS * 4]
        chosen = drawings.names[held_out[: self.CHARACTERS]].tolist()
        builder = tfds.builder_from_directory(
            pathlib.Path(DATA_DIR, "omniglot", omniglot.VERSION)
        )
        names = builder.info.features["label"].names
        data = builder.as_dataset(
            split="test", decoders={"image": tfds.decode.SkipDecoding()}
        )
        counts = dict.fromkeys(chosen, 0)
        for example in data.as_numpy_iterator():
            name = names[example["label"]]
            if name in counts:
                part = "query" if counts[name] else "support"
                folder = self.folder / "characters" / part / name
                path = folder / f"{counts[name]:02}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(example["image"])
                counts[name] += 1
        self.assertEqual(set(counts.values()), {20})
        return drawings, chosen

    def test_shipped_learner(self):
        drawings, chosen = self.write_characters()
        # The command of the guide, as it stands there.
        text = (ROOT / "docs" / "use_a_model.md").read_text("utf-8")
        (flags,) = re.findall(
            r"^maml-tf adapt (.*\\\n.*=characters/support.*)$",
            text,
            re.M,
        )
        stdout = self.assertSucceeds(
            forked.run(
                ROOT / "scripts" / "adapt.py",
                *flags.replace("\\\n", "").split(),
                cwd=self.folder,
            )
        )
        before, after = self.assertAccuracy(stdout)
        self.assertIn(f" of {19 * self.CHARACTERS} examples", stdout)

        # Files at their full size become what training was on.
        learner = maml_tf.load("omniglot_5way_1shot")
        parts = {"support": ([], []), "query": ([], [])}
        for name in sorted(chosen):
            character = drawings.names.tolist().index(name)
            first = drawings.first[character]
            own = drawings.examples[first : first + 20].astype(int)
            for part, (x, y) in parts.items():
                files = sorted(
                    self.folder.glob(f"characters/{part}/{name}/*.png")
                )
                images = [image_files.decode(file).numpy() for file in files]
                self.assertEqual(images[0].shape[:2], (105, 105))
                prepared = np.round(255 * learner.prepare(images)).astype(int)
                for image in prepared:
                    nearest = np.abs(own - image).max((1, 2, 3)).argmin()
                    difference = np.abs(own[nearest] - image)
                    self.assertLessEqual(difference.max(), 1)
                    x.append(own[nearest] / 255.0)
                    y.append(sorted(chosen).index(name))
        # And its accuracy is that of the inner loop on the data set's own.
        (support_x, support_y), (query_x, query_y) = (
            (tf.constant(x, tf.float32), tf.constant(y, tf.int32))
            for x, y in parts.values()
        )
        algorithm = learner.with_outputs(
            self.CHARACTERS, batch_norm="inductive"
        )
        loop = algorithm.inner_loop
        adaptation = loop.adapt(
            algorithm.theta(), support_x, support_y, learner.steps
        )
        for step, accuracy in ((0, before), (-1, after)):
            outputs = loop.predict(
                adaptation.phi[step], adaptation.state, query_x, support_x
            )
            expected = 100 * np.mean(outputs.numpy().argmax(1) == query_y)
            # One of 95 may be on the edge.
            self.assertAlmostEqual(accuracy, expected, delta=1.2)
        # Of 40 random tasks the worst has 75 %, the mean is 93 %.
        self.assertGreater(after, 70)
        self.assertLess(before, 50)


if __name__ == "__main__":
    absltest.main()
