"""The Python, commands and links of README and docs, as they stand there."""

import ast
import functools
import importlib
import json
import pathlib
import re
import shlex
import subprocess
import sys

import pytest
from absl.testing import absltest, parameterized

from maml_tf.commands.main import COMMANDS
from tests.helpers import forked
from tests.helpers.pictures import noise, write_png

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Not docs/api and docs/examples, which the site's builder writes.
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "examples" / "README.rst",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "algorithms").glob("*.md")),
]
# Flags of programs other than maml-tf, and of its help.
OTHER_FLAGS = {
    "execute",  # jupytext
    "exclude-editable",  # pip
    "flagfile",
    "load",  # benchmarks/serving.py
    "help",
    "helpfull",
    "repeats",  # benchmarks/environment_speed.py
    "to",  # jupytext
}
# Examples that tests of their own run, by words in them.
TESTED = (
    "iterations_per_call",
    "PolicyOuterStep",
    "def waves",
    "user_examples",
    "saved_model.load",
    "urllib.request",
    "encoder.tflite",
)


def read(page):
    return page.read_text(encoding="utf-8")


@functools.cache
def text_of_all():
    return "\n".join(map(read, PAGES))


def blocks(language, text):
    """Returns the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def command_lines(text):
    """Yields `(command, flags)` of each line that calls maml-tf or a script."""
    text = text.replace("\\\n", " ")
    for name, script, rest in re.findall(
        r"^ *(?:maml-tf ([\w-]+)|python scripts/(\w+)\.py)\b(.*)$", text, re.M
    ):
        yield (
            (name or script).replace("_", "-"),
            shlex.split(rest, comments=True),
        )


@functools.cache
def parse(command):
    """Parses all command lines of a command, in a process.

    Returns:
        `(exit status, stdout, stderr)`; stdout has the names of its flags.
    """
    lines = [
        flags for name, flags in command_lines(text_of_all()) if name == command
    ]
    return forked.run(
        ROOT / "tests" / "helpers" / "parse_commands.py",
        command,
        json.dumps(lines),
        cwd=ROOT,
    )


def functions(path):
    """Returns the names of a file's functions and methods."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names.add(getattr(node, "name", None))
        if isinstance(node, ast.ClassDef):
            names |= {
                f"{node.name}.{inner.name}"
                for inner in node.body
                if isinstance(inner, ast.FunctionDef)
            }
    return names


def write_own_data(folder):
    """Writes the data that the commands for one's own expect, of 35 classes."""
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


class ExamplesTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        # A reader is in the repository, and writes results/ there.
        pathlib.Path(self.folder, "examples").symlink_to(ROOT / "examples")

    def run_python(self, code):
        """Runs an example; returns its output."""
        result = subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.assertEqual(result.returncode, 0, f"{code}\n{result.stderr}")
        return result.stdout

    def python(self, containing):
        """Runs the one example that contains some text; returns its output."""
        (code,) = [
            code
            for code in blocks("python", text_of_all())
            if containing in code
        ]
        return self.run_python(code)

    def command(self, name):
        """Runs the first command of a name with a model that is shipped."""
        flags, *_ = (
            flags
            for command, flags in command_lines(text_of_all())
            if command == name and flags[0] == "--workdir=omniglot_5way_1shot"
        )
        status, stdout, stderr = forked.run(
            ROOT / "scripts" / f"{name}.py", *flags, cwd=self.folder
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
        self.assertEqual(self.python("saved_model.load"), "(5, 5)\n")

    @pytest.mark.slow
    def test_other_python_examples_print_what_they_say(self):
        write_own_data(pathlib.Path(self.folder))
        others = [
            code
            for code in blocks("python", text_of_all())
            if not any(words in code for words in TESTED)
        ]
        self.assertGreaterEqual(len(others), 4)
        for code in others:
            stdout = self.run_python(code)
            said = re.findall(r"^print\(.*\)  # (.*)$", code, re.M)
            self.assertEqual(stdout.splitlines(), said, code)

    @pytest.mark.slow
    def test_commands_for_ones_own_data_run(self):
        # The flags in the comment make it smaller, not different.
        commands = re.findall(
            r"^<!-- run with: (.*?) -->\n\n```sh\n(.*?)^```",
            text_of_all(),
            re.M | re.S,
        )
        self.assertLen(commands, 3)
        write_own_data(pathlib.Path(self.folder))
        for smaller, text in commands:
            ((command, flags),) = command_lines(text)
            with self.subTest(text):
                status, stdout, stderr = forked.run(
                    ROOT / "scripts" / f"{command}.py",
                    *flags,
                    *shlex.split(smaller),
                    cwd=self.folder,
                )
                self.assertEqual(status, 0, stderr)
                self.assertIn("Trained 2 iterations", stdout)


class PagesTest(parameterized.TestCase):
    def test_the_readme_is_short(self):
        self.assertLessEqual(len(read(ROOT / "README.md").splitlines()), 200)

    def test_flags_of_commands_parse(self):
        # `list` has no flags.
        for command in set(COMMANDS) - {"list"}:
            status, _, stderr = parse(command)
            self.assertEqual(status, 0, stderr)

    def test_commands_and_flags_that_are_named_exist(self):
        known = set(OTHER_FLAGS)
        for command in set(COMMANDS) - {"list"}:
            known |= set(parse(command)[1].split())
        for page in PAGES:
            text = read(page)
            named = set(re.findall(r"(?<![\w-])--([a-z][\w-]+)", text))
            self.assertEmpty(named - known, page)
            commands = set(re.findall(r"maml-tf ([a-z-]+)", text))
            self.assertEmpty(commands - set(COMMANDS), page)

    def test_python_imports_names_that_exist(self):
        for code in blocks("python", text_of_all()):
            tree = ast.parse(code)
            imports = [
                node
                for node in tree.body
                if isinstance(node, (ast.Import, ast.ImportFrom))
            ]
            module = ast.Module(imports, type_ignores=[])
            exec(compile(module, "<page>", "exec"), {})

    def test_names_of_the_package_exist(self):
        # A function's arguments follow the name, in calls; no file names.
        for name in set(
            re.findall(r"(?<![\w./])maml_tf((?:\.[A-Za-z]\w*)+)", text_of_all())
        ):
            found = importlib.import_module("maml_tf")
            for part in name[1:].split("."):
                if not hasattr(found, part):
                    importlib.import_module(f"{found.__name__}.{part}")
                found = getattr(found, part)

    def test_algorithm_1_is_where_the_readme_says(self):
        rows = re.findall(
            r"^\| \d \| .* \| `([\w/.]+)` \| `([\w.]+)` \|$",
            read(ROOT / "README.md"),
            re.M,
        )
        self.assertLen(rows, 7)
        for path, function in rows:
            self.assertIn(function, functions(ROOT / "maml_tf" / path))

    @parameterized.parameters(str(page.relative_to(ROOT)) for page in PAGES)
    def test_files_it_names_exist(self, name):
        page = ROOT / name
        text = re.sub(r"^```python.*?^```", "", read(page), flags=re.M | re.S)
        for path in re.findall(r"\]\((?!http|#)([^)#]+)", text):
            # The site makes pages of the examples.
            if path.endswith(".rst"):
                path = f"../{path.removesuffix('.rst')}.py"
            self.assertTrue((page.parent / path).exists(), path)
        folders = "benchmarks|docs|examples|flags|maml_tf|scripts|tests"
        for path in re.findall(rf"`((?:{folders})/[\w./]*)`", text):
            # `NAME` stands for a name.
            if "NAME" not in path:
                self.assertTrue((ROOT / path).exists(), path)


if __name__ == "__main__":
    absltest.main()
