"""CIFAR-100 (Krizhevsky 2009), divided into classes by CIFAR-FS and FC100.

100 classes of 600 colour images, 32 x 32, read through TensorFlow Datasets.
"""

from collections.abc import Sequence

import numpy as np

from maml_tf.datasets import Dataset
from maml_tf.datasets.building import class_splits
from maml_tf.datasets.building.labelled_examples import classification, scale
from maml_tf.datasets.images import prepared
from maml_tf.datasets.images.preparation import image_preparation
from maml_tf.episodes.augmentation import Augmentation, Augmented
from maml_tf.episodes.superclasses import ClassesWithin

VERSION = "3.0.2"


def load_split(
    name: str,
    data_dir: str | None = None,
    download: bool = False,
    cache_dir: str | None = None,
    in_memory: bool | None = None,
    rotations: int = 1,
    augment: tuple[Augmentation, ...] = (),
    augmented: Augmented = "both",
    classes_within: ClassesWithin = "split",
) -> Dataset:
    """Loads CIFAR-100 with the classes divided as in a paper.

    Args:
        name: `"cifar_fs"` or `"fc100"`.
        data_dir: As in `prepared.load`.
        download: As in `prepared.load`.
        cache_dir: As in `prepared.load`.
        in_memory: As in `prepared.load`.
        rotations: As in `classification`.
        augment: As in `classification`.
        augmented: As in `classification`.
        classes_within: As in `classification`.

    Returns:
        A `Dataset` with inputs `[32, 32, 3]` in [0, 1], cross-entropy and
        accuracy.

    Raises:
        InputError: The set is missing and may not be downloaded, or an argument
            cannot be used.
    """
    labelled, _ = prepared.load(
        "cifar100",
        ("whole", lambda image: image),
        f"CIFAR-100 {VERSION}",
        version=VERSION,
        parts=("train", "test"),
        data_dir=data_dir,
        download=download,
        in_memory=in_memory,
        cache_dir=cache_dir,
    )
    classes = class_splits.by_names(
        labelled.names, class_splits.shipped(name), f"the split {name}"
    )
    return classification(
        name,
        labelled,
        classes,
        prepare=scale,
        preparation=image_preparation(labelled.examples.shape[1:]),
        rotations=rotations,
        augment=augment,
        augmented=augmented,
        superclass=superclasses(labelled.names),
        classes_within=classes_within,
    )


def superclasses(names: Sequence[str] | np.ndarray) -> np.ndarray:
    """Returns the superclass ("coarse label") of each class.

    Args:
        names: Names of classes, `[classes]`.

    Returns:
        Their superclasses, `[classes]`.
    """
    of_class = {
        name: superclass
        for superclass, listed in class_splits.shipped(
            "cifar100_superclasses"
        ).items()
        for name in listed
    }
    return np.array([of_class[name] for name in names])
