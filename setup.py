"""Names the packages; everything else is in `pyproject.toml`."""

import setuptools

# Folders at the root that become part of the package, so that its commands find
# the experiments' flagfiles and the drawings to try.
FOLDERS = {
    "maml_tf.drawings": "examples/drawings",
    "maml_tf.flags": "flags",
}

setuptools.setup(
    packages=[
        *setuptools.find_packages(include=["maml_tf", "maml_tf.*"]),
        *FOLDERS,
    ],
    package_dir=FOLDERS,
)
