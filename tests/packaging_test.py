"""The package's metadata: one version, and every import declared."""

import ast
import importlib.metadata
import itertools
import pathlib
import re
import sys

from absl.testing import absltest, parameterized

ROOT = pathlib.Path(__file__).resolve().parents[1]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def lists(name, text):
    """Yields the strings of the lists called `name` in a TOML text.

    Python 3.10 has no tomllib.
    """
    for block in re.findall(rf"^{name} = \[(.*?)\]$", text, re.M | re.S):
        yield from re.findall(
            r'"([^"]+)"', re.sub(r"^\s*#.*", "", block, flags=re.M)
        )


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def declared():
    """Returns the names of the packages in the dependencies and extras."""
    text = read("pyproject.toml")
    extras = re.search(
        r"^\[project\.optional-dependencies\]$(.*?)^\[", text, re.M | re.S
    )[1]
    requirements = [*lists("dependencies", text), *lists(r"[a-z-]+", extras)]
    return {
        normalized(re.match(r"[\w.-]+", requirement)[0])
        for requirement in requirements
    }


def imported(folder):
    """Returns third-party top-level modules, and a file that imports each."""
    files = sorted((ROOT / folder).rglob("*.py"))
    own = {path.stem for path in files} | {"maml_tf", "benchmarking"}
    modules = {}
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            for name in names:
                module = name.partition(".")[0]
                if module not in own | sys.stdlib_module_names:
                    modules.setdefault(module, path.relative_to(ROOT))
    return modules


class PackagingTest(parameterized.TestCase):
    def test_the_version_stands_once(self):
        pyproject = read("pyproject.toml")
        self.assertIn('dynamic = ["version"]', pyproject)
        self.assertIn('version = { attr = "maml_tf.__version__" }', pyproject)
        self.assertNotRegex(pyproject, r'(?m)^version = "')
        self.assertNotIn("version", read("setup.py"))
        # setuptools reads it without importing the package: a literal.
        self.assertLen(
            re.findall(
                r'^__version__ = "\d+\.\d+\.\d+\w*"$',
                read("maml_tf/__init__.py"),
                re.M,
            ),
            1,
        )

    def test_the_citation_does_not_name_another_version(self):
        version = re.search(
            r'^__version__ = "(.+)"', read("maml_tf/__init__.py"), re.M
        )[1]
        cited = re.findall(
            r'^version: "?([^"\n]+)"?$', read("CITATION.cff"), re.M
        )
        self.assertIn(cited, ([], [version]))

    @parameterized.parameters("maml_tf", "scripts", "benchmarks", "examples")
    def test_what_is_imported_is_declared(self, folder):
        packages_of = importlib.metadata.packages_distributions()
        known = declared()
        self.assertContainsSubset({"keras", "tensorflow", "mujoco"}, known)
        for module, path in imported(folder).items():
            packages = map(normalized, packages_of.get(module, [module]))
            self.assertTrue(
                known.intersection(packages),
                f"{path} imports {module}; pyproject.toml does not declare it",
            )

    def test_the_pinned_set_has_every_dependency(self):
        pinned = {
            normalized(name)
            for file in ROOT.glob("requirements*.txt")
            for name in re.findall(r"^([\w.-]+)==", read(file), re.M)
        }
        text = read("pyproject.toml")
        extras = (
            lists(name, text) for name in ("dependencies", "docs", "test")
        )
        for name in itertools.chain(*extras):
            name = normalized(re.match(r"[\w.-]+", name)[0])
            if name != "maml-tf":
                self.assertIn(name, pinned)


if __name__ == "__main__":
    absltest.main()
