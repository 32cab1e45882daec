"""Docstrings have one form, and public functions have types."""

import ast
import pathlib
import re
import tokenize

from absl.testing import absltest, parameterized

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "maml_tf"
PARTS = sorted({p.relative_to(PACKAGE).parts[0] for p in PACKAGE.rglob("*.py")})

# They begin a sentence without a verb.
BANNED = re.compile(r"(What|Of|Which|Whose|Nor)\b")
RETIRED = re.compile(r"\b(anew|likewise)\b", re.IGNORECASE)
# An entry of a section, `name: Text.`; in "Returns" the name is missing.
NAMED = re.compile(r"[*\w.`, ]+: (?=\S)")
SECTIONS = {"Args:", "Attributes:", "Raises:", "Returns:", "Yields:"}
# Typed by `self`, or by what they pass on.
UNTYPED = {"args", "kwargs"}
TYPED_DUNDERS = {"__init__", "__call__"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENTED = (ast.Module, ast.ClassDef, *FUNCTIONS)


def faults(path):
    """Returns `(line, sentence)` for each fault of a Python file."""
    tree = ast.parse(path.read_text("utf-8"))
    found = [(1, text) for text in docstring_faults(tree)]
    for node, in_class in public(tree):
        name = node.name
        if not re.fullmatch(r"__\w+__", name):
            texts = docstring_faults(node)
            found += [(node.lineno, f"{name}: {text}") for text in texts]
        if isinstance(node, FUNCTIONS):
            texts = type_faults(node, in_class)
            found += [(node.lineno, f"{name}: {text}") for text in texts]
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED):
            text = ast.get_docstring(node) or ""
            if BANNED.match(text):
                line = getattr(node, "lineno", 1)
                found.append((line, f"begins with {text.split()[0]!r}"))
    found += [
        (line, f"a comment begins with {text.split()[0]!r}")
        for line, text in sentences_in_comments(path)
        if BANNED.match(text)
    ]
    return sorted(found)


def public(tree, in_class=False):
    """Yields `(node, in_class)` for public classes, functions and methods."""
    for node in tree.body:
        if not isinstance(node, (ast.ClassDef, *FUNCTIONS)):
            continue
        dunder = node.name in TYPED_DUNDERS
        if node.name.startswith("_") and not dunder or is_setter(node):
            continue
        yield node, in_class
        if isinstance(node, ast.ClassDef):
            yield from public(node, in_class=True)


def decorators(node):
    """Returns the last names of a function's or class's decorators."""
    expressions = (getattr(d, "func", d) for d in node.decorator_list)
    return [ast.unparse(e).rpartition(".")[2] for e in expressions]


def is_setter(node):
    """Returns whether a function has no docstring of its own."""
    return not {"setter", "deleter", "overload"}.isdisjoint(decorators(node))


def docstring_faults(node):
    """Yields the faults of a module's, class's or function's docstring."""
    docstring = ast.get_docstring(node)
    if docstring is None:
        yield "has no docstring"
        return
    first = docstring.split("\n")[0]
    if not begins_well(first):
        yield f"{first!r} does not begin with a capital"
    if not re.search(r"[.:?]$", first):
        yield f"{first!r} does not end with a full stop"
    if isinstance(node, FUNCTIONS):
        is_property = any("property" in name for name in decorators(node))
        if not is_property and not re.match(r"[A-Z][a-z-]*s\b", first):
            yield f"{first!r} does not begin with a verb, as in 'Returns'"
    for section, entry in entries(docstring):
        text = NAMED.sub("", entry, count=1) if section != "Returns:" else entry
        if not begins_well(text):
            yield f"{section} {entry!r} does not begin with a capital"
        if not re.search(r"\.[\"')`]?$", text):
            yield f"{section} {entry!r} does not end with a full stop"


def begins_well(text):
    """Returns whether text begins as a sentence does, or with a formula."""
    return re.match(r"[^a-z\s]", text) is not None


def entries(docstring):
    """Yields `(section, entry)`, each entry on one line."""
    section, entry = None, []
    for line in [*docstring.split("\n"), "end"]:
        indent = len(line) - len(line.lstrip())
        is_new = indent == 4 and section not in ("Returns:", "Yields:")
        if entry and line.strip() and (indent == 0 or is_new):
            yield section, " ".join(entry)
            entry = []
        if line.strip() and indent == 0:
            section = line if line in SECTIONS else None
        elif section and line.strip():
            entry.append(line.strip())


def type_faults(node, in_class):
    """Yields the parameters without a type, and a missing type of return."""
    arguments = node.args
    parameters = [*arguments.posonlyargs, *arguments.args]
    if in_class and "staticmethod" not in decorators(node):
        parameters = parameters[1:]
    for parameter in [*parameters, *arguments.kwonlyargs]:
        if parameter.annotation is None:
            yield f"{parameter.arg} has no type"
    if node.returns is None and node.name != "__init__":
        yield "its return has no type"


def sentences_in_comments(path):
    """Yields `(line, text)` for each comment line that starts a sentence."""
    before, ended = 0, True
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type != tokenize.COMMENT:
                continue
            line, text = token.start[0], token.string.lstrip("# ")
            if line != before + 1 or ended:
                yield line, text
            before, ended = line, text.endswith((".", ":", "?"))


class DocstringsTest(parameterized.TestCase):
    @parameterized.parameters(*PARTS)
    def test_docstrings_and_types(self, part):
        top = PACKAGE / part
        listed = [
            f"{path.relative_to(ROOT)}:{line} {text}."
            for path in ([top] if top.is_file() else sorted(top.rglob("*.py")))
            for line, text in faults(path)
        ]
        self.assertEmpty(listed, "\n" + "\n".join(listed))

    def test_retired_words(self):
        files = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.md")]
        files += [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        listed = []
        for path in sorted(files):
            text = path.read_text("utf-8")
            for match in RETIRED.finditer(text):
                line = 1 + text.count("\n", 0, match.start())
                listed.append(f"{path.relative_to(ROOT)}:{line} {match[0]}")
        self.assertEmpty(listed, "\n" + "\n".join(listed))


if __name__ == "__main__":
    absltest.main()
