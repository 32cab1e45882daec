"""Configures Sphinx: `make docs` builds the site into docs/_build/html."""

import importlib.resources
import os
import pathlib
import re
import sys

import matplotlib.figure
from sphinx_gallery.scrapers import figure_rst

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import maml_tf  # noqa: E402

project = "maml_tf"
author = "the maml_tf authors"
copyright = author
release = version = maml_tf.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "**/*.ipynb", "sg_execution_times.rst"]
templates_path = ["_templates"]
default_role = "code"
nitpicky = False
# The gallery is configured with a function, which is not cached.
suppress_warnings = ["config.cache"]
# Commands and outputs are not Python.
highlight_language = "none"

html_theme = "furo"
html_title = f"maml_tf {release}"
html_static_path = ["_static"]
html_css_files = ["maml_tf.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
# The mathematics needs one file, which a package of PyPI brings. No page asks
# another host for anything.
mathjax_path = "tex-svg.js"
html_extra_path = []

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 4
# Files of the repository, to which README and pages link.
myst_url_schemes = ("http", "https", "mailto")

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

copybutton_prompt_text = "$ "


def figures_in_variables(block, block_vars, gallery_conf):
    """Saves the Matplotlib figures that an example has made and not yet shown.

    The library draws without pyplot, so sphinx-gallery's own scraper does not
    see its figures.
    """
    del block
    paths = []
    for value in list(block_vars["example_globals"].values()):
        if not isinstance(value, matplotlib.figure.Figure):
            continue
        if getattr(value, "_in_gallery", False):
            continue
        value._in_gallery = True
        path = next(block_vars["image_path_iterator"])
        value.savefig(path, dpi=120)
        paths.append(path)
    return figure_rst(paths, gallery_conf["src_dir"])


sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "examples",
    "filename_pattern": "/from_drawing_to_server|/pendulum_spin",
    "ignore_pattern": "draw_by_hand|^serve",
    "image_scrapers": (figures_in_variables,),
    "capture_repr": (),
    "only_warn_on_example_error": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "remove_config_comments": True,
    "within_subsection_order": "FileNameSortKey",
}


def fences_to_directives(lines):
    """Rewrites Markdown's fenced code in a docstring as reStructuredText."""
    written, indent = [], None
    for line in lines:
        fence = re.match(r"(\s*)```(\w*)\s*$", line)
        if fence and indent is None:
            indent = fence.group(1)
            written += [f"{indent}.. code-block:: {fence.group(2) or 'none'}"]
            written += [""]
        elif fence:
            written += [""]
            indent = None
        else:
            written += [f"    {line}" if indent is not None else line]
    lines[:] = written


def prepare_docstring(app, what, name, obj, options, lines):
    """Comes before napoleon's: docstrings use a little Markdown."""
    fences_to_directives(lines)


def skip_fields(app, what, name, obj, skip, options):
    """Leaves out a named tuple's fields, which "Attributes" describes."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def drop_notebook_cells(app, docname, source):
    """Leaves out the cells that only the notebook runs (`active-ipynb`)."""
    if docname.startswith("examples/"):
        source[0] = re.sub(
            r"^from IPython\.display import Image\n\n^Image\(.*\)\n",
            "",
            source[0],
            flags=re.M,
        )


def copy_mathjax(app, exception):
    """Puts MathJax's one file in the place where the pages look for it."""
    if exception is None and app.builder.format == "html":
        package = importlib.resources.files("mathjax")
        script = package / "static" / "mathjax" / "es5" / "tex-svg.js"
        static = pathlib.Path(app.outdir, "_static")
        (static / mathjax_path).write_bytes(script.read_bytes())


def setup(app):
    """Connects the functions above."""
    app.connect("autodoc-process-docstring", prepare_docstring, priority=400)
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("source-read", drop_notebook_cells)
    app.connect("build-finished", copy_mathjax)
