"""Tests of maml_tf/commands/plot.py, run as a user runs it."""

import json
import re

import pytest
import tensorflow as tf

from tests.helpers.scripts import SMALL, ScriptTestCase, run
from tests.helpers.tiny_omniglot import write_tiny_set

TINY = (
    "--network=mlp",
    "--widths=6,5",
    "--way=3",
    "--tasks=2",
    "--iterations=4",
    "--validation_interval=2",
    "--validation_tasks=3",
    "--dataset=omniglot",
    "--noprogress",
)


class PlotScriptTest(ScriptTestCase):
    def train(self, algorithm, *flags):
        workdir = self.folder / algorithm
        data_dir = self.folder / "data"
        if not data_dir.exists():
            write_tiny_set(data_dir)
        self.assertSucceeds(
            run(
                "train",
                *TINY,
                f"--algorithm={algorithm}",
                f"--workdir={workdir}",
                f"--data_dir={data_dir}",
                f"--cache_dir={self.folder}",
                *flags,
            )
        )
        return workdir

    def plot(self, name, *flags):
        """Draws; returns what is written in the picture."""
        path = self.folder / name
        stdout = self.assertSucceeds(run("plot", f"--output={path}", *flags))
        self.assertIn(f"Written to {path}: ", stdout)
        if path.suffix == ".png":
            image = tf.io.decode_png(path.read_bytes()).numpy()
            self.assertGreater(image.std(), 10)
            return None
        # Matplotlib draws text as paths and keeps it in comments.
        return re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"))

    @pytest.mark.slow
    def test_each_kind_of_a_classification(self):
        maml, anil = self.train("maml"), self.train("anil")
        both = f"--workdir={maml},{anil}"

        # One run was meta-tested, the other one validated alone.
        self.assertSucceeds(
            run("evaluate", f"--workdir={maml}", "--num_tasks=7")
        )
        said = self.plot("curves.svg", both)
        self.assertContainsSubset(
            ["Adaptation: 3-way 1-shot", "seed 0, batch norm transductive"],
            said,
        )
        self.assertContainsSubset(
            [
                "maml, omniglot, test, 7 tasks",
                "anil, omniglot, validation, 3 tasks",
                "maml, after 1 step, 3 tasks",
            ],
            said,
        )

        said = self.plot(
            "moved.svg", both, "--kind=moved", "--num_tasks=4", "--query=2"
        )
        self.assertContainsSubset(
            [
                "What the inner loop moves: omniglot, test, 3-way 1-shot",
                "4 tasks, seed 0, batch norm transductive,"
                " 2 queries a class, 1 gradient step",
                "maml",
                "anil",
                "dense1",
                "head",
            ],
            said,
        )
        # ANIL's two hidden layers.
        self.assertEqual(said.count("0"), 2)

        confusion = (f"--workdir={anil}", "--kind=confusion", "--num_tasks=5")
        said = self.plot("confusion.svg", *confusion, "--classes=4")
        self.assertIn("taken for", said)
        # Of the set's 4 drawings of a class, one is learned from.
        self.assertIn(
            "5 tasks, seed 0, batch norm transductive, 3 queries a class,"
            " 1 gradient step",
            said,
        )
        names = {text for text in said if re.fullmatch(r"\w+_\d+", text)}
        self.assertLen(names, 4)

        picture = f"--output={self.folder / 'x.png'}"
        for flags, patterns in (
            ([both, "--kind=confusion"], ["workdir: 2 were given"]),
            ([confusion[0], "--kind=fits"], ["kind: fits", "omniglot"]),
            ([*confusion, "--classes=2"], ["way: 3 ", "at most 2"]),
        ):
            with self.subTest(flags):
                self.assertRefuses(run("plot", picture, *flags), *patterns)

    @pytest.mark.slow
    def test_learned_rates(self):
        workdirs = []
        for kind in ("per_weight_and_step", "per_element", "fixed"):
            workdirs.append(self.folder / kind)
            flags = f"--workdir={workdirs[-1]}", f"--inner_rates={kind}"
            self.assertSucceeds(
                run(
                    "train", *SMALL, *flags, "--iterations=5", "--inner_steps=2"
                )
            )
        learned = f"--workdir={workdirs[0]},{workdirs[1]}"
        said = self.plot("rates.svg", learned, "--kind=rates")
        self.assertContainsSubset(
            ["step 1", "step 2", "median, 5th to 95th percentile"], said
        )
        picture = f"--output={self.folder / 'x.png'}", "--kind=rates"
        self.assertRefuses(
            run("plot", f"--workdir={workdirs[2]}", *picture), "kind: rates"
        )

    @pytest.mark.slow
    def test_each_kind_of_a_regression(self):
        workdir = self.folder / "run"
        self.assertSucceeds(
            run("train", *SMALL, f"--workdir={workdir}", "--iterations=20")
        )
        self.plot("fits.png", f"--workdir={workdir}", "--kind=fits")
        self.assertFalse((self.folder / "fits_curves.png").exists())
        said = self.plot(
            "moved.svg",
            f"--workdir={workdir}",
            "--kind=moved",
            "--num_tasks=3",
            "--shot=5",
        )
        self.assertIn(
            "What the inner loop moves: sinusoid, test, 5 examples", said
        )
        self.assertRefuses(
            run(
                "plot",
                f"--workdir={workdir}",
                "--kind=confusion",
                f"--output={self.folder / 'x.png'}",
            ),
            "kind: confusion",
            "sinusoid",
        )

        # Curves of accuracies and of errors have no common axis.
        lines = (workdir / "metrics.jsonl").read_text().splitlines()
        other = self.folder / "other"
        other.mkdir()
        (other / "experiment.flags").write_text("--dataset=glyphs\n")
        (other / "metrics.jsonl").write_text(
            "\n".join(
                json.dumps({"accuracy": v.pop("mse"), **v})
                for v in map(json.loads, lines)
            )
        )
        self.assertRefuses(
            run(
                "plot",
                f"--workdir={other},{workdir}",
                f"--output={self.folder / 'x.png'}",
            ),
            "workdir",
            "mse",
            "accuracy",
        )


if __name__ == "__main__":
    tf.test.main()
