"""Meta-learning for TensorFlow 2 and Keras 3.

From tasks with a handful of examples each, learns an initialisation from which
any Keras model adapts to a new task in a few gradient steps (MAML, Finn et al.
2017, and its family).

Public names are imported when they are first used: `import maml_tf` alone does
not start TensorFlow.
"""

import importlib
import sys
import types
import typing
import warnings

if typing.TYPE_CHECKING:
    from maml_tf import algorithms, datasets, networks, rl
    from maml_tf.algorithms import adapted_weights, inner_optimizers
    from maml_tf.algorithms.inner_loop import Adaptation, InnerLoop
    from maml_tf.algorithms.outer_step import OuterStep
    from maml_tf.episodes import ClassPool, Episode, draw_episode
    from maml_tf.errors import DivergenceError, InputError
    from maml_tf.evaluation import Curve, MetaTest, meta_test
    from maml_tf.functional import FunctionalModel, losses, testing
    from maml_tf.learner import AdaptedModel, Learner, load
    from maml_tf.networks.context import ContextParameters
    from maml_tf.serving import export
    from maml_tf.training import Checkpoints, Training, meta_train

__version__ = "0.1.0"

__all__ = [
    "AdaptedModel",
    "Adaptation",
    "Checkpoints",
    "ClassPool",
    "ContextParameters",
    "Curve",
    "DivergenceError",
    "Episode",
    "FunctionalModel",
    "InnerLoop",
    "InputError",
    "Learner",
    "MetaTest",
    "OuterStep",
    "Training",
    "adapted_weights",
    "algorithms",
    "datasets",
    "draw_episode",
    "export",
    "inner_optimizers",
    "load",
    "losses",
    "meta_test",
    "meta_train",
    "networks",
    "rl",
    "testing",
]

# The package that each public name is imported from. The other public names
# are packages of this one.
_HOMES = {
    "AdaptedModel": "learner",
    "Adaptation": "algorithms.inner_loop",
    "Checkpoints": "training",
    "ClassPool": "episodes",
    "ContextParameters": "networks.context",
    "Curve": "evaluation",
    "DivergenceError": "errors",
    "Episode": "episodes",
    "FunctionalModel": "functional",
    "InnerLoop": "algorithms.inner_loop",
    "InputError": "errors",
    "Learner": "learner",
    "MetaTest": "evaluation",
    "OuterStep": "algorithms.outer_step",
    "Training": "training",
    "draw_episode": "episodes",
    "export": "serving",
    "load": "learner",
    "meta_test": "evaluation",
    "meta_train": "training",
}

# Public modules that live in a package.
_MODULES = {
    "adapted_weights": "algorithms.adapted_weights",
    "inner_optimizers": "algorithms.inner_optimizers",
    "losses": "functional.losses",
    "testing": "functional.testing",
}

# Modules by their names in version 0.1.0. They warn, and go in version 0.3.
_MOVED = {
    "adaptation_report": "reports.adaptation_report",
    "adapted_model": "learner.adapted_model",
    "algorithms.anil": "algorithms.variants",
    "algorithms.boil": "algorithms.variants",
    "algorithms.fomaml": "algorithms.variants",
    "algorithms.nearest_centroid": "algorithms.baselines",
    "algorithms.oracle": "algorithms.baselines",
    "algorithms.pretrain": "algorithms.baselines",
    "algorithms.scratch": "algorithms.baselines",
    "augmentation": "episodes.augmentation",
    "card": "reports.card",
    "checkpoints": "training.checkpoints",
    "class_records": "episodes.class_records",
    "confusion": "evaluation.confusion",
    "datasets.array_cache": "datasets.images.cache",
    "datasets.class_splits": "datasets.building.class_splits",
    "datasets.image_files": "datasets.images.files",
    "datasets.image_preparation": "datasets.images.preparation",
    "datasets.image_sizes": "datasets.images.sizes",
    "datasets.image_source": "datasets.images.source",
    "datasets.labelled_examples": "datasets.building.labelled_examples",
    "datasets.regression_tasks": "datasets.building.regression_tasks",
    "datasets.text_files": "files",
    "datasets.tfds_images": "datasets.images.prepared",
    "episode_picture": "reports.episode_picture",
    "execution": "graph.execution",
    "export": "serving.saved_model",
    "export_document": "serving.document",
    "generated_episodes": "episodes.generated",
    "head": "learner.head",
    "inner_loop": "algorithms.inner_loop",
    "interruption": "training.interruption",
    "learner_files": "learner.files",
    "loop_body": "graph.loop_body",
    "metrics_log": "training.metrics_log",
    "operations.batch_normalization": "functional.batch_normalization",
    "operations.convolution": "functional.convolution",
    "operations.max_pooling": "functional.max_pooling",
    "outer_step": "algorithms.outer_step",
    "plots": "reports",
    "published": "reports.published",
    "random_streams": "graph.random_streams",
    "raw_inputs": "learner.raw_inputs",
    "redundant_biases": "functional.redundant_biases",
    "rematerialization": "algorithms.rematerialization",
    "rl.over_tasks": "graph.over_tasks",
    "tables": "reports.tables",
    "tflite": "serving.tflite",
    "user_examples": "learner.user_examples",
    "what_moved": "evaluation.what_moved",
    "wilson_interval": "evaluation.intervals",
}


class _Alias(types.ModuleType):
    """Stands in `sys.modules` for a module of another name.

    Args:
        name: Its name.
        home: The name of the module that it stands for.
        moved: Whether it warns when it is used.
    """

    def __init__(self, name, home, moved):
        super().__init__(f"{__name__}.{name}", f"See `{__name__}.{home}`.")
        self.__dict__["_home"] = f"{__name__}.{home}"
        self.__dict__["_moved"] = moved

    def __getattr__(self, name):
        # Tools that look through all modules must not import them.
        if name.startswith("__"):
            raise AttributeError(name)
        if self._moved:
            warnings.warn(
                f"{self.__name__} is now {self._home}; the old name goes in"
                " version 0.3.",
                DeprecationWarning,
                stacklevel=2,
            )
        return getattr(importlib.import_module(self._home), name)


# With these, `from maml_tf.losses import accuracy` works, and
# `import maml_tf.inner_loop` too. `maml_tf.export` is the function, also after
# `import maml_tf.export`.
for _names, _moved in ((_MODULES, False), (_MOVED, True)):
    for _name, _home in _names.items():
        sys.modules.setdefault(
            f"{__name__}.{_name}", _Alias(_name, _home, _moved)
        )


def __getattr__(name):
    if name in _HOMES:
        home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
        value = getattr(home, name)
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    elif name in _MOVED:
        return sys.modules[f"{__name__}.{name}"]
    else:
        try:
            value = importlib.import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
            raise AttributeError(
                f"module {__name__!r} has no attribute {name!r}"
            ) from None
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
