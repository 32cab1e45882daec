"""Names the packages; everything else is in `pyproject.toml`."""

import setuptools

# The flagfiles of the experiments lie at the root and travel in the package.
setuptools.setup(
    packages=[
        *setuptools.find_packages(include=["maml_tf", "maml_tf.*"]),
        "maml_tf.flags",
    ],
    package_dir={"maml_tf.flags": "flags"},
)
