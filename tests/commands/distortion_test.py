"""Tests of maml_tf/commands/distortion.py, run as a user runs it."""

import json
import re

import numpy as np
import pytest
from absl.testing import absltest

from tests.helpers.scripts import SMALL, ScriptTestCase, run
from tests.helpers.tiny_omniglot import write_tiny_set

TINY = (
    "--dataset=omniglot",
    "--way=3",
    "--tasks=2",
    "--iterations=2",
    "--iterations_per_call=1",
    "--validation_tasks=2",
    "--jit_compile=false",
    "--noprogress",
)


class DistortionTest(ScriptTestCase):
    def compare(self, *flags):
        """Returns what is printed, what is in the JSON file and the picture."""
        path = self.folder / "new" / "compared.svg"
        stdout = self.assertSucceeds(
            run("distortion", f"--output={path}", *flags)
        )
        result = json.loads(path.with_suffix(".json").read_text())
        # Matplotlib draws text as paths and keeps it in comments.
        said = re.findall(r"<!-- (.*?) -->", path.read_text("utf-8"))
        return stdout, result, said

    @pytest.mark.slow
    def test_drawings(self):
        data = self.folder / "data"
        write_tiny_set(data)
        places = f"--data_dir={data}", f"--cache_dir={self.folder}"
        for name, *flags in (
            ("maml", "--network=conv4", "--filters=4"),
            ("protonet", "--network=mlp", "--widths=6,5", "--in_memory=false"),
        ):
            workdir = f"--workdir={self.folder / name}"
            self.assertSucceeds(
                run(
                    "train", *TINY, *places, workdir, *flags,
                    f"--algorithm={name}",
                )
            )  # fmt: skip
        stdout, result, said = self.compare(
            f"--workdir={self.folder / 'maml'},{self.folder / 'protonet'}",
            "--inner_steps=1,0",
            "--num_tasks=3",
            "--shears=0,0.5",
            "--scales=1,2",
        )
        lines = result["lines"]
        self.assertEqual(
            [
                (line["algorithm"], line["steps"], line["batch_norm"])
                for line in lines
            ],
            [
                ("maml", 1, "transductive"),
                ("maml", 0, "transductive"),
                ("maml", 1, "inductive"),
                ("maml", 0, "inductive"),
                ("protonet", None, None),
            ],
        )
        self.assertContainsSubset(
            [
                "omniglot, test, 3-way 1-shot",
                "maml, 1 step, inductive",
                "protonet",
                "shear (radians)",
                "scale",
            ],
            said,
        )
        self.assertIn("scale:\n", stdout)

        # Undistorted, the figures are those of an evaluation.
        for number, *mode in ((2, "--batch_norm=inductive"), (4,)):
            line = lines[number]
            evaluated = self.folder / "evaluated.json"
            self.assertSucceeds(
                run(
                    "evaluate",
                    f"--workdir={line['workdir']}",
                    "--num_tasks=3",
                    f"--inner_steps={line['steps'] or 0}",
                    f"--output={evaluated}",
                    *mode,
                )
            )
            expected = json.loads(evaluated.read_text())["steps"][-1]
            for name in ("shear", "scale"):
                one, other = line[name]["loss"]
                self.assertAlmostEqual(one, expected["loss"], places=5)
                self.assertNotEqual(one, other)
                self.assertEqual(
                    line[name]["accuracy"][0], expected["accuracy"]
                )

    @pytest.mark.slow
    def test_sine_waves_and_refusals(self):
        workdir = self.folder / "run"
        self.assertSucceeds(
            run("train", *SMALL, f"--workdir={workdir}", "--iterations=5")
        )
        own = f"--workdir={workdir}"
        stdout, result, _ = self.compare(
            own,
            "--num_tasks=4",
            "--inner_steps=1",
            "--amplitudes=0.1,5,10",
            "--phases=0,1,2",
        )
        (line,) = result["lines"]
        self.assertIsNone(line["batch_norm"])
        self.assertIn("5 to 10", stdout)
        evaluated = self.folder / "evaluated.json"
        self.assertSucceeds(
            run(
                "evaluate", own, "--num_tasks=4", "--inner_steps=1",
                f"--output={evaluated}",
            )
        )  # fmt: skip
        expected = json.loads(evaluated.read_text())["steps"][1]["mse"]
        for name in ("amplitude", "phase"):
            np.testing.assert_allclose(line[name]["mse"][0], expected, 1e-5)
            self.assertLen(line[name]["mse"], 2)
        # Larger waves are further from what was learned.
        self.assertGreater(line["amplitude"]["mse"][1], 4 * expected)

        picture = f"--output={self.folder / 'x.png'}"
        other = f"--workdir={workdir},omniglot_5way_1shot"
        for flags, patterns in (
            ([own, "--output=x.doc"], ["output: 'x.doc'", "png"]),
            ([other, picture], ["on sinusoid", "on omniglot", "one data set"]),
            (
                ["--workdir=glyphs_5way_1shot", picture],
                ["on glyphs", "omniglot or sinusoid"],
            ),
            ([own, picture, "--shears=0"], ["shears", "amplitudes and phases"]),
            ([own, picture, "--amplitudes=1,nan"], ["amplitudes: 'nan'"]),
            ([own, picture, "--phases=1,0"], ["phases: '1,0'", "lowest up"]),
            ([own, picture, "--inner_steps=-1"], ["inner_steps: '-1'"]),
            (
                [own, picture, "--batch_norm=x"],
                ["batch_norm: 'x'", "inductive"],
            ),
            (
                ["--workdir=omniglot_5way_1shot", picture, "--shears=1.6"],
                ["shears: '1.6'", "-1.5 to 1.5"],
            ),
        ):
            with self.subTest(flags):
                self.assertRefuses(run("distortion", *flags), *patterns)
        self.assertFalse((self.folder / "x.json").exists())


if __name__ == "__main__":
    absltest.main()
