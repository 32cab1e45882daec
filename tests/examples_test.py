"""The examples, run as a reader runs them."""

import json
import pathlib
import re
import subprocess
import sys

import pytest
from absl.testing import absltest

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"
SCRIPT = EXAMPLES / "from_drawing_to_server.py"


def cells(script):
    """`(kind, text)` of each cell that `# %%` begins, as a notebook has it."""
    for head, body in re.findall(
        r"^# %%([^\n]*)\n(.*?)(?=^# %%|\Z)", script, re.M | re.S
    ):
        commented = "markdown" in head or "active-ipynb" in head
        if commented:
            body = re.sub(r"^# ?", "", body, flags=re.M).replace('"""', "")
        yield "markdown" if "markdown" in head else "code", body.strip()


class FromDrawingToServerTest(absltest.TestCase):
    def test_notebook_is_the_script_with_its_outputs(self):
        notebook = json.loads(SCRIPT.with_suffix(".ipynb").read_text("utf-8"))
        self.assertEqual(
            [
                (cell["cell_type"], "".join(cell["source"]).strip())
                for cell in notebook["cells"]
            ],
            list(cells(SCRIPT.read_text("utf-8"))),
        )
        outputs = [
            output
            for cell in notebook["cells"]
            for output in cell.get("outputs", ())
        ]
        pictures = [o for o in outputs if "image/png" in o.get("data", ())]
        self.assertLen(pictures, 1)
        for output in outputs:
            self.assertNotIn(output.get("name"), ("stderr",))
            self.assertNotEqual(output["output_type"], "error")

    @pytest.mark.slow
    def test_script_says_what_the_notebook_kept(self):
        result = subprocess.run(
            [sys.executable, str(SCRIPT)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        notebook = json.loads(SCRIPT.with_suffix(".ipynb").read_text("utf-8"))
        kept = "".join(
            line
            for cell in notebook["cells"]
            for output in cell.get("outputs", ())
            for line in output.get("text", ())
        )

        # The words and the shares right; another machine may round otherwise.
        def said(text):
            return re.sub(r" *[\d.]+%", "", text)

        self.assertEqual(said(result.stdout), said(kept))
        right = re.findall(r"(\d+)% right, by the SavedModel", result.stdout)
        self.assertGreaterEqual(int(right[0]), 70)


if __name__ == "__main__":
    absltest.main()
