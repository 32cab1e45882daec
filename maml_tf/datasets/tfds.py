"""Any image set of TensorFlow Datasets whose examples have a class label."""

import re

from maml_tf.datasets import Dataset
from maml_tf.datasets.building import class_splits
from maml_tf.datasets.building.labelled_examples import (
    check_classes,
    classification,
    scale,
)
from maml_tf.datasets.images import prepared
from maml_tf.datasets.images import sizes as image_sizes
from maml_tf.datasets.images.preparation import image_preparation
from maml_tf.episodes.augmentation import Augmentation, Augmented
from maml_tf.episodes.superclasses import ClassesWithin
from maml_tf.errors import refusal

# A name or name/config, each perhaps with :version.
_NAME = r"(\w+(?:/[\w.+-]*\w)?)(?::(\d+\.\d+\.\d+))?"


def load(
    name: str,
    data_dir: str | None = None,
    download: bool = False,
    cache_dir: str | None = None,
    in_memory: bool | None = None,
    image_size: int | None = None,
    class_split: str | None = None,
    split_seed: int = 0,
    rotations: int = 1,
    augment: tuple[Augmentation, ...] = (),
    augmented: Augmented = "both",
    classes_within: ClassesWithin = "split",
) -> Dataset:
    """Loads an image set as a data set of episodes.

    The set's own splits are taken together, and its classes are divided again;
    equal images of a class count as one. Images that are not square are cropped
    in the middle. They are grey if the set says that they have one channel,
    otherwise in colour. Images are decoded once and kept in the cache.

    Args:
        name: TensorFlow Datasets' name, such as `"stanford_dogs"`,
            `"cifar10_1/v6"` or `"eurosat/rgb:2.0.0"`; by default the default
            configuration and the latest version that is prepared. Its images
            and labels are the features `image` and `label`, or the first of
            their kind.
        data_dir: As in `prepared.load`.
        download: As in `prepared.load`.
        cache_dir: As in `prepared.load`.
        in_memory: As in `prepared.load`.
        image_size: Height and width that images are resized to, in pixels. By
            default the set's own if it is fixed and square, otherwise 84.
        class_split: As in `class_splits.divide`. Defaults to `random`.
        split_seed: As in `class_splits.divide`.
        rotations: As in `classification`.
        augment: As in `classification`.
        augmented: As in `classification`.
        classes_within: As in `classification`; names of
            classes are then `superclass/class`.

    Returns:
        A `Dataset` with inputs in [0, 1], cross-entropy and accuracy.

    Raises:
        InputError: The set is missing and may not be downloaded, has no images
            or labels, or an argument cannot be used.
    """
    where = f"tfds:{name}"
    match = re.fullmatch(_NAME, name)
    if not match:
        raise refusal(
            "dataset",
            where,
            "write it as tfds:name, tfds:name/config or tfds:name:1.0.0",
        )
    kind = "own" if image_size is None else f"{image_size}px"
    labelled, _ = prepared.load(
        match[1],
        (f"square-{kind}", lambda image: _transform(image, image_size)),
        where,
        version=match[2],
        data_dir=data_dir,
        download=download,
        in_memory=in_memory,
        cache_dir=cache_dir,
    )
    check_classes(labelled, f"dataset: {where}")
    return classification(
        where,
        labelled,
        class_splits.divide(
            labelled.names, class_split or "random", split_seed
        ),
        prepare=scale,
        preparation=image_preparation(labelled.examples.shape[1:]),
        rotations=rotations,
        augment=augment,
        augmented=augmented,
        classes_within=classes_within,
    )


def _transform(image, size):
    """Crops and resizes an image, in grey or colour."""
    height, width, channels = image.shape
    if size is None:
        fixed = height is not None and height == width
        size = height if fixed else image_sizes.DEFAULT_SIZE
    image = image_sizes.to_channels(image, 1 if channels == 1 else 3)
    return image_sizes.square(image, size)
