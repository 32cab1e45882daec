"""Folders of data that come with the package.

Two of them lie beside it in a checkout, and in it when it is installed: a wheel
has `flags/` as `maml_tf/flags/`, and `examples/drawings/` as
`maml_tf/drawings/`.
"""

import pathlib

import maml_tf

_PACKAGE = pathlib.Path(maml_tf.__file__).resolve().parent


def flags() -> pathlib.Path:
    """Returns the folder of the flagfiles, one for each experiment."""
    return _folder("flags", "flags")


def drawings() -> pathlib.Path:
    """Returns the folder of drawings to try `maml-tf adapt` on."""
    return _folder("drawings", "examples/drawings")


def learners() -> pathlib.Path:
    """Returns the folder of the trained models, one folder for each."""
    return _PACKAGE / "learner" / "shipped"


def _folder(installed, checkout):
    folder = _PACKAGE / installed
    return folder if folder.is_dir() else _PACKAGE.parent / checkout
