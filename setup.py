"""Installs maml_tf: `pip install .`, or `make test` for development."""

import pathlib

import setuptools

# Reinforcement learning: MuJoCo's half cheetah, Gymnasium environments.
RL = ["gymnasium[mujoco]>=1.2,<2", "mujoco>=3.3,<4"]

setuptools.setup(
    name="maml_tf",
    version="0.1.0",
    description="Meta-learning for TensorFlow and Keras, MAML and its kin.",
    long_description=pathlib.Path(__file__)
    .with_name("README.md")
    .read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="the maml_tf authors",
    license="Apache-2.0",
    license_files=["LICENSE"],
    packages=setuptools.find_packages(include=["maml_tf", "maml_tf.*"]),
    package_data={
        "maml_tf": ["py.typed"],
        "maml_tf.datasets": ["splits/*.json"],
        "maml_tf.learner": ["shipped/*/*"],
    },
    python_requires=">=3.10,<3.14",
    install_requires=[
        "absl-py>=2.0",
        # tensorflow-datasets imports it without declaring it.
        "importlib_resources>=6.0",
        "keras>=3.12",
        "matplotlib>=3.8",
        "numpy>=1.26",
        # TensorFlow writes summaries with it and, since 2.21, leaves it out.
        "tensorboard>=2.20",
        "tensorflow>=2.21,<3",
        "tensorflow-datasets>=4.9.10",
        "tqdm>=4.60",
    ],
    extras_require={
        "and-cuda": ["tensorflow[and-cuda]>=2.21,<3"],
        "benchmark": ["jax>=0.5.3", "optax>=0.2.4", "torch>=2.6"],
        "rl": RL,
        "test": [
            *RL,
            "hypothesis>=6.100",
            "pytest>=8.0",
            "pytest-xdist>=3.5",
            "ruff>=0.9",
        ],
    },
)
