"""Docstrings have one form, and public functions have types."""

import ast
import pathlib
import re
import tokenize

from absl.testing import parameterized

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "maml_tf"
PARTS = sorted({p.relative_to(PACKAGE).parts[0] for p in PACKAGE.rglob("*.py")})

# Sentences without a main verb begin with them.
BANNED = re.compile(r"(What|Of|Which|Whose|Nor)\b")
RETIRED = re.compile(r"\b(anew|likewise)\b", re.IGNORECASE)
# As in "Returns ..."; properties may begin with a noun.
VERB = re.compile(r"[A-Z][a-z-]*s\b")
# A capital, a digit, a formula or code.
BEGINNING = re.compile(r"[^a-z\s]")
UNNAMED = ("Returns:", "Yields:")
SECTIONS = ("Args:", "Attributes:", "Raises:", *UNNAMED)
ENTRY_NAME = re.compile(r"[*\w.`, ]+: (?=\S)")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def faults(path):
    """Returns `(line, sentence)` for each fault of a Python file."""
    tree = ast.parse(path.read_text("utf-8"))
    listed = [(1, text) for text in docstring_faults(tree)]
    for node, in_class in public(tree):
        texts = [] if node.name.startswith("__") else [*docstring_faults(node)]
        if isinstance(node, ast.FunctionDef):
            texts += type_faults(node, in_class)
        listed += [(node.lineno, f"{node.name}: {text}") for text in texts]
    sentences = [*sentences_in_comments(path)]
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
            sentences.append((getattr(node, "lineno", 1), text))
    for line, text in sentences:
        if BANNED.match(text):
            listed.append((line, f"a sentence begins with {text.split()[0]}"))
    return sorted(listed)


def public(tree, in_class=False):
    """Yields `(node, in_class)` for public classes, functions and methods."""
    for node in tree.body:
        if not isinstance(node, DOCUMENTED):
            continue
        if re.match(r"_(?!_(init|call)__)", node.name):
            continue
        if {"setter", "deleter", "overload"}.isdisjoint(decorators(node)):
            yield node, in_class
        if isinstance(node, ast.ClassDef):
            yield from public(node, in_class=True)


def decorators(node):
    """Returns the last names of a function's or class's decorators."""
    listed = getattr(node, "decorator_list", ())
    expressions = (getattr(d, "func", d) for d in listed)
    return [ast.unparse(e).rpartition(".")[2] for e in expressions]


def docstring_faults(node):
    """Yields the faults of a module's, class's or function's docstring."""
    docstring = ast.get_docstring(node)
    if docstring is None:
        yield "has no docstring"
        return
    first = docstring.split("\n")[0]
    if not BEGINNING.match(first):
        yield f"{first!r} does not begin with a capital"
    if not first.endswith((".", ":", "?")):
        yield f"{first!r} does not end with a full stop"
    is_property = any("property" in name for name in decorators(node))
    needs_verb = isinstance(node, ast.FunctionDef) and not is_property
    if needs_verb and not VERB.match(first):
        yield f"{first!r} does not begin with a verb, as in 'Returns'"
    for section, entry in entries(docstring):
        named = section not in UNNAMED
        text = ENTRY_NAME.sub("", entry, count=1) if named else entry
        if not BEGINNING.match(text):
            yield f"{section} {entry!r} does not begin with a capital"
        if not re.search(r"\.[\"')`]?$", text):
            yield f"{section} {entry!r} does not end with a full stop"


def entries(docstring):
    """Yields `(section, entry)`, each entry on one line."""
    section, entry = None, []
    for line in [*filter(str.strip, docstring.split("\n")), "end"]:
        indent = len(line) - len(line.lstrip())
        if entry and (indent == 0 or indent == 4 and section not in UNNAMED):
            yield section, " ".join(entry)
            entry = []
        if indent == 0:
            section = line if line in SECTIONS else None
        elif section:
            entry.append(line.strip())


def type_faults(node, in_class):
    """Yields the parameters without a type, and a missing type of return."""
    parameters = [*node.args.posonlyargs, *node.args.args]
    if in_class and "staticmethod" not in decorators(node):
        parameters = parameters[1:]  # Without self or cls.
    for parameter in [*parameters, *node.args.kwonlyargs]:
        if parameter.annotation is None:
            yield f"{parameter.arg} has no type"
    if node.returns is None and node.name != "__init__":
        yield "its return has no type"


def sentences_in_comments(path):
    """Yields `(line, text)` for each comment line that starts a sentence."""
    before, ended = 0, True
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.COMMENT:
                line, text = token.start[0], token.string.lstrip("# ")
                if line != before + 1 or ended:
                    yield line, text
                before, ended = line, text.endswith((".", ":", "?"))


class DocstringsTest(parameterized.TestCase):
    @parameterized.named_parameters((p.removesuffix(".py"), p) for p in PARTS)
    def test_docstrings_and_types_of_(self, part):
        top = PACKAGE / part
        paths = [top] if top.is_file() else sorted(top.rglob("*.py"))
        listed = [
            f"{path.relative_to(ROOT)}:{line} {text}."
            for path in paths
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
