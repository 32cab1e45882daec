"""The README's Python, run as it stands there."""

import pathlib
import re
import subprocess
import sys
import tempfile

from absl.testing import absltest

ROOT = pathlib.Path(__file__).resolve().parents[1]


class ReadmeTest(absltest.TestCase):
    def test_python_example_learns(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run(
                [sys.executable, "-c", code],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        self.assertEqual(result.returncode, 0, result.stderr)
        errors = re.findall(r"^\d steps: (\S+) ± \S+$", result.stdout, re.M)
        self.assertLen(errors, 6)
        # Two thousand iterations; without adaptation the error is about 3.
        self.assertGreater(float(errors[0]), 2.0)
        self.assertLess(float(errors[1]), 1.2)
        self.assertLess(float(errors[5]), float(errors[1]))

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
