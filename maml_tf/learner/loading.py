"""Loads learners from folders."""

from os import PathLike

from maml_tf.errors import InputError
from maml_tf.learner import files
from maml_tf.learner.files import DESCRIPTION, MEMBERS, find_folder, shipped
from maml_tf.learner.knowledge import derive_again
from maml_tf.learner.learned import read_learned
from maml_tf.learner.learner import Learner
from maml_tf.learner.members import take_members, variables
from maml_tf.training.checkpoints import restore_weights
from maml_tf.training.members import read_members, read_together


def load(name: str | PathLike) -> Learner:
    """Loads a learner: one that comes with the package, or a training.

    Args:
        name: One of `maml_tf.learner.files.shipped()`, the folder of a training
            by `maml-tf train` or `Learner.meta_train` (its best weights are
            taken, all that it kept for an ensemble), or a folder that
            `Learner.save` wrote.

    Returns:
        A `Learner`.

    Raises:
        InputError: The folder does not hold a learner, or its files cannot be
            read.
    """
    folder = find_folder(name)
    if not (folder / DESCRIPTION).is_file():
        raise InputError(
            f"workdir: {str(name)!r} has no {DESCRIPTION}; give the folder of a"
            " training by maml-tf train, or one of"
            f" {', '.join(shipped()) or 'none'}."
        )
    try:
        network, preparation, description = files.read(folder)
        options = description.pop("options")
        older = description.pop("checkpoints", None)
        ensemble = description.pop("ensemble", 0)
        learner = Learner(
            network, preparation=preparation, **description, **options
        )
        read_learned(folder, learner.algorithm)
    except InputError:
        raise
    except Exception as error:  # From Keras, zipfile or json.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"workdir: {str(folder)!r} cannot be read as a learner ({reason})."
        ) from error
    has_checkpoints = (folder / "checkpoints").is_dir()
    if has_checkpoints and files.checkpoints(folder) != older:
        restored = restore_weights(
            network, folder / "checkpoints", learner.algorithm.own_variables
        )
        if restored is not None:
            learner.about["iteration"], learner.about["checkpoint"] = restored
            derive_again(network)
        ensemble = 0
        take_members(
            learner, read_members(folder / "checkpoints", variables(learner))
        )
    if ensemble:
        path = folder / MEMBERS
        take_members(learner, read_together(path, variables(learner), ensemble))
    return learner
