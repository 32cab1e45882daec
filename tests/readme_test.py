"""The README's Python and commands, run as they stand there."""

import ast
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

import pytest
from absl.testing import absltest

from tests.helpers import forked
from tests.helpers.pictures import noise, write_png

ROOT = pathlib.Path(__file__).resolve().parents[1]


def write_own_data(folder):
    """What the README's commands expect, of 35 classes."""
    classes = [f"class{number}" for number in range(35)]
    for index, name in enumerate(classes):
        for number in range(6):
            path = folder / "pictures" / name / f"{number}.png"
            write_png(path, noise(10 * index + number, 20, 24))
    mails = [f"mail {i} of {name},{name}" for name in classes for i in range(6)]
    (folder / "mails.csv").write_text("\n".join(["text,label", *mails]))
    rows = [f"{n},{i},{2 * i},{i + 0.5}" for n in classes for i in range(20)]
    header = "task,temperature,load,y"
    (folder / "machines.csv").write_text("\n".join([header, *rows]))


class ReadmeTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.text = (ROOT / "README.md").read_text(encoding="utf-8")
        self.folder = self.create_tempdir().full_path
        # A reader is in the repository, and writes results/ there.
        pathlib.Path(self.folder, "examples").symlink_to(ROOT / "examples")

    def python(self, containing):
        """Runs the one example that contains some text; returns its output."""
        examples = re.findall(r"```python\n(.*?)```", self.text, re.S)
        (code,) = [code for code in examples if containing in code]
        result = subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def command(self, script):
        """Runs the first command with a script and a model that is shipped."""
        flags, *_ = re.findall(
            rf"^python scripts/{script}.py (--workdir=omni(?:.*\\\n)*.*)",
            self.text,
            re.M,
        )
        status, stdout, stderr = forked.run(
            ROOT / "scripts" / f"{script}.py",
            *shlex.split(flags.replace("\\\n", " ")),
            cwd=self.folder,
        )
        self.assertEqual(status, 0, stderr)
        return stdout

    @pytest.mark.slow
    def test_python_example_learns(self):
        stdout = self.python("iterations_per_call")
        errors = re.findall(r"^\d steps: (\S+) ± \S+$", stdout, re.M)
        self.assertLen(errors, 6)
        # Two thousand iterations; without adaptation the error is about 3.
        self.assertGreater(float(errors[0]), 2.0)
        self.assertLess(float(errors[1]), 1.2)
        self.assertLess(float(errors[5]), float(errors[1]))

    @pytest.mark.slow
    def test_policy_example_adapts(self):
        stdout = self.python("PolicyOuterStep")
        before, after = re.search(
            r"^(-\S+), then (-\S+) ± \S+$", stdout, re.M
        ).groups()
        # A random walk, which a gradient step improves by much.
        self.assertGreater(float(after), float(before) + 5)

    @pytest.mark.slow
    def test_example_with_a_generator_learns(self):
        found = ast.literal_eval(self.python("def waves").splitlines()[-1])
        # The wave's own mean square, which is the error of predicting 0, is 6.
        self.assertLess(found["mse"], 1.0)

    @pytest.mark.slow
    def test_example_with_a_trained_model_and_its_command(self):
        stdout = self.python("user_examples")
        accuracy = re.search(r"'accuracy': ([\d.]+)", stdout).group(1)
        self.assertGreaterEqual(float(accuracy), 0.7)
        stdout = self.command("adapt")
        self.assertIn(f"-> {100 * float(accuracy):.1f}% after", stdout)
        for name in ("report.png", "adapted.keras", "drawings.keras"):
            self.assertGreater(
                pathlib.Path(self.folder, name).stat().st_size, 10_000
            )

    @pytest.mark.slow
    def test_export_and_call(self):
        self.command("export")
        self.assertEqual(self.python("adapt_and_predict"), "(5, 5)\n")

    @pytest.mark.slow
    def test_commands_for_ones_own_data_run(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        section = re.search(r"## Your own data.*?\n## ", text, re.S).group()
        commands = re.findall(
            r"^python scripts/train.py ((?:.*\\\n)*.*)", section, re.M
        )
        self.assertLen(commands, 3)
        with tempfile.TemporaryDirectory() as folder:
            write_own_data(pathlib.Path(folder))
            for command in commands:
                with self.subTest(command):
                    status, stdout, stderr = forked.run(
                        ROOT / "scripts" / "train.py",
                        *shlex.split(
                            command.replace("\\\n", " ").replace(
                                "=flags/", f"={ROOT}/flags/"
                            )
                        ),
                        # Smaller, not different.
                        "--iterations=2",
                        "--iterations_per_call=1",
                        "--tasks=2",
                        "--inner_steps=1",
                        "--test_inner_steps=1",
                        "--validation_tasks=2",
                        "--jit_compile=false",
                        "--cache_dir=cache",
                        cwd=folder,
                    )
                    self.assertEqual(status, 0, stderr)
                    self.assertIn("Trained 2 iterations", stdout)

    def test_files_it_names_exist(self):
        for name in ("README.md", "CONTRIBUTING.md"):
            text = (ROOT / name).read_text(encoding="utf-8")
            paths = re.findall(
                r"\]\((?!http|#)([^)]+)\)|--flagfile=([\w/.]+)", text
            )
            for path in filter(None, (x for pair in paths for x in pair)):
                self.assertTrue((ROOT / path).exists(), f"{name}: {path}")


if __name__ == "__main__":
    absltest.main()
