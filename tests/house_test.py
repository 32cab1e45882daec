"""Imports point one way: from the commands down to the errors."""

import ast
import pathlib

from absl.testing import absltest

import maml_tf

TESTS = pathlib.Path(__file__).resolve().parent
PACKAGE = TESTS.parent / "maml_tf"

# From the ground up. A part may import itself and what stands below it.
FLOORS = (
    {"errors"},
    {"files", "graph", "registry"},
    {"functional", "training"},
    {"episodes", "networks"},
    {"algorithms"},
    {"datasets", "evaluation"},
    {"learner", "reports", "rl"},
    {"serving"},
    {"commands"},
)
FLOOR_OF = {part: n for n, parts in enumerate(FLOORS) for part in parts}


def imports(path, of="maml_tf"):
    """Yields `(line, part)` for each import of a part of a package."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if package == of and rest:
                yield node.lineno, rest.partition(".")[0]


def home(name):
    """Returns the part that a public name of the package comes from."""
    where = maml_tf._HOMES.get(name) or maml_tf._MODULES.get(name) or name
    return where.partition(".")[0]


class HouseTest(absltest.TestCase):
    def test_imports_point_down(self):
        upwards = []
        for path in sorted(PACKAGE.rglob("*.py")):
            file = path.relative_to(PACKAGE)
            own = file.parts[0].removesuffix(".py")
            if own == "__init__":
                continue
            below = set().union({own}, *FLOORS[: FLOOR_OF[own]])
            for line, name in imports(path):
                part = home(name)
                if part not in below:
                    upwards.append(
                        f"{file}:{line} imports {part}, which does not stand"
                        f" below {own}. Move the imported code into {own} or"
                        f" below it ({', '.join(sorted(below - {own}))}), or"
                        f" this code to {part} or above it."
                    )
        self.assertEmpty(upwards, "\n".join(upwards))

    def test_every_form_of_import_is_seen(self):
        file = self.create_tempfile(
            content="import maml_tf.serving.document as d\n"
            "from maml_tf import export, losses\n"
            "def f():\n    from maml_tf.rl.policy import Policy\n"
        )
        parts = [home(n) for _, n in imports(pathlib.Path(file.full_path))]
        self.assertEqual(parts, ["serving", "serving", "functional", "rl"])

    def test_tests_share_their_helpers_alone(self):
        borrowed = [
            f"{path.relative_to(TESTS)}:{line} imports tests.{part}. Move what"
            " it takes from there into tests/helpers."
            for path in sorted(TESTS.rglob("*.py"))
            for line, part in imports(path, of="tests")
            if part != "helpers"
        ]
        self.assertEmpty(borrowed, "\n".join(borrowed))

    def test_every_part_has_a_floor(self):
        parts = {
            path.name.removesuffix(".py")
            for path in PACKAGE.iterdir()
            if path.suffix == ".py" or (path / "__init__.py").exists()
        }
        self.assertEqual(parts - {"__init__"}, set(FLOOR_OF))

    def test_the_package_is_easy_to_overlook(self):
        entries = {p.name for p in PACKAGE.iterdir()} - {"__pycache__"}
        self.assertLessEqual(len(entries), 18, sorted(entries))

    def test_no_file_is_long(self):
        lines = {
            str(path.relative_to(PACKAGE)): len(
                path.read_text("utf-8").splitlines()
            )
            for path in PACKAGE.rglob("*.py")
        }
        self.assertEmpty({f: n for f, n in lines.items() if n > 400})

    def test_the_algorithm_is_short(self):
        """Algorithm 1 of the paper, from the task to the meta-update."""
        lines = sum(
            len((PACKAGE / "algorithms" / f).read_text("utf-8").splitlines())
            for f in (
                "inner_loop.py",
                "inner_optimizers.py",
                "maml.py",
                "outer_step.py",
            )
        )
        self.assertLess(lines, 900)


if __name__ == "__main__":
    absltest.main()
