"""Data sets from labelled examples and a division of their classes.

All classification sets share this: images, texts, and a user's own.
"""

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from maml_tf.datasets import Dataset
from maml_tf.datasets.building import fingerprint
from maml_tf.datasets.building.class_splits import counted_classes, first_names
from maml_tf.episodes import augmentation, superclasses
from maml_tf.episodes.augmentation import Augmentation, Augmented
from maml_tf.episodes.class_pool import (
    ClassPool,
    Episode,
    check_episode,
    draw_episode,
    draw_examples,
    episode_classes,
    stream_seed,
)
from maml_tf.episodes.class_records import ClassRecords
from maml_tf.episodes.superclasses import ClassesWithin
from maml_tf.errors import InputError, check_at_least_one
from maml_tf.functional import losses
from maml_tf.graph.random_streams import Stream, fold_in


@dataclasses.dataclass(frozen=True)
class LabelledExamples:
    """Examples sorted by class.

    Attributes:
        examples: `[examples, ...]`: an array, or
            `maml_tf.episodes.class_records.ClassRecords`.
        first: Row of each class's first example, int64 `[classes]`.
        size: Number of each class's examples, int64 `[classes]`.
        names: Name of each class, `[classes]`.
    """

    examples: Any
    first: np.ndarray
    size: np.ndarray
    names: np.ndarray


def sort_by_class(
    examples: Sequence | np.ndarray,
    labels: ArrayLike,
    names: Sequence | np.ndarray,
) -> LabelledExamples:
    """Sorts examples by class; within a class they keep their order.

    Args:
        examples: `[examples, ...]`.
        labels: Index of each one's class in `names`, `[examples]`.
        names: Names of the classes; those without examples are left out.

    Returns:
        `LabelledExamples`.

    Raises:
        InputError: The numbers of labels and examples differ, or a label is not
            an index in `names`.
    """
    labels = np.asarray(labels)
    if labels.shape != (len(examples),):
        raise InputError(
            f"labels: the shape {labels.shape} was given for {len(examples)}"
            " examples; each needs one label."
        )
    check_labels(labels, len(names), "labels")
    order = np.argsort(labels, kind="stable")
    present, first, size = np.unique(
        labels[order], return_index=True, return_counts=True
    )
    return LabelledExamples(
        np.asarray(examples)[order], first, size, np.asarray(names)[present]
    )


def check_labels(
    labels: np.ndarray, number_of_classes: int, where: str
) -> None:
    """Raises `InputError` for the first label that is out of range.

    Args:
        labels: Integers, `[examples]`.
        number_of_classes: Number of classes.
        where: The source of the labels, for the message.

    Raises:
        InputError: A label is negative or too large.
    """
    wrong = np.flatnonzero((labels < 0) | (labels >= number_of_classes))
    if wrong.size:
        raise InputError(
            f"{where}: the label {labels[wrong[0]]} was found, at example"
            f" {wrong[0]}; there are {number_of_classes} classes, so it must be"
            f" from 0 to {number_of_classes - 1}."
        )


def classification(
    name: str,
    labelled: LabelledExamples,
    classes: dict[str, np.ndarray],
    *,
    prepare: Callable | None = None,
    rotations: int = 1,
    augment: tuple[Augmentation, ...] = (),
    augmented: Augmented = "both",
    superclass: np.ndarray | None = None,
    classes_within: ClassesWithin = "split",
    identity: np.ndarray | None = None,
    **attributes: Any,
) -> Dataset:
    """Makes a data set of N-way K-shot episodes.

    An episode is drawn from the classes that have `shot + query` examples;
    others are left out of it, with one warning.

    Args:
        name: The data set's name.
        labelled: `LabelledExamples`.
        classes: Dict of split to indices of its classes.
        prepare: As in `ClassPool`.
        rotations: 4: every rotation of an image class by a multiple of 90
            degrees is a class of its own, in every split; 1: none is.
        augment: Random changes of training images, applied in this order.
        augmented: Which sets of a training episode are changed at random.
        superclass: Name of each class's superclass, `[classes]`. By default the
            part before the slash of names such as `"animals/cat"`.
        classes_within: Classes that those of an episode are drawn from.
            `split`: all of its split. `superclass`: those of one superclass,
            such as an alphabet or a domain, which are harder to tell apart.
            `either`: half of the episodes are drawn in each way.
        identity: Numbers that identify the examples, `[examples]`, for the
            fingerprint. Defaults to the examples themselves.
        **attributes: Further attributes of `Dataset`.

    Returns:
        A `Dataset`, with cross-entropy and accuracy.

    Raises:
        InputError: An argument cannot be used.
    """
    if superclass is None:
        superclass = superclasses.of_names(labelled.names)
    examples = labelled.examples
    input_shape = tuple(examples.shape[1:])
    augment = tuple(augment)
    augmentation.check(augment, augmented, input_shape)
    if isinstance(examples, np.ndarray):
        examples = tf.Variable(examples, trainable=False)
    pools = {
        split: ClassPool(
            examples,
            labelled.first[chosen],
            labelled.size[chosen],
            rotations=rotations,
            prepare=prepare,
            names=labelled.names[chosen],
            superclasses=None if superclass is None else superclass[chosen],
            classes_within=classes_within,
        )
        for split, chosen in classes.items()
    }

    def episodes(split, way, shot, query, seed):
        stream = stream_seed(seed, split)
        pool = _large_enough(pools[split], shot + query)
        _warn_of_small_classes(pools[split], split, pool, shot + query)
        check_episode(pool, way, shot, query)
        _warn_of_small_superclasses(pool, split, way)

        def draw(number):
            episode = draw_episode(
                pool, way, shot, query, fold_in(stream, number)
            )
            if augment and split == "train":
                seed = fold_in(fold_in(stream, Stream.AUGMENTATION), number)
                episode = augmentation.augment_episode(
                    episode, augment, augmented, seed
                )
            return episode

        return draw

    def superclass_of(split, way, shot, query, seed):
        stream = stream_seed(seed, split)
        pool = _large_enough(pools[split], shot + query)

        def name(number):
            drawn = episode_classes(pool, way, fold_in(stream, number))
            return str(pool.superclasses[drawn[0] % len(pool.sizes)])

        return name

    def joint(split, number_of_examples, seed):
        stream = fold_in(stream_seed(seed, split), Stream.JOINT_EXAMPLES)
        check_at_least_one(number_of_examples=number_of_examples)

        def draw(number):
            x, y = draw_examples(
                pools[split], number_of_examples, fold_in(stream, number)
            )
            return Episode(x, y, x[:0], y[:0])

        return draw

    return Dataset(
        name=name,
        input_shape=input_shape,
        loss=losses.cross_entropy,
        metric=losses.accuracy,
        metric_name="accuracy",
        outputs=lambda way: way,
        episodes=episodes,
        joint=joint,
        num_classes=lambda split: pools[split].num_classes,
        pool=pools.__getitem__,
        superclass_of=superclass_of if classes_within == "superclass" else None,
        compiles=not isinstance(examples, ClassRecords),
        fingerprint=fingerprint.by_split(
            examples if identity is None else identity,
            labelled.first,
            labelled.size,
            labelled.names,
            classes,
        ),
        **attributes,
    )


def _large_enough(pool, number):
    """Leaves classes of fewer examples out, unless that leaves none."""
    large = np.flatnonzero(np.array(pool.sizes) >= number)
    if len(large) in (0, len(pool.sizes)):
        return pool
    return pool.restricted(large)


def _warn_of_small_classes(pool, split, large, number):
    """Warns of the classes that `_large_enough` left out."""
    if large is pool:
        return
    small = [i for i, size in enumerate(pool.sizes) if size < number]
    warnings.warn(
        f"{len(small)} of the {len(pool.sizes)} classes of the {split} split"
        f" are left out, having fewer than shot + query = {number} examples:"
        f" {first_names([pool.names[i] for i in small])}.",
        stacklevel=3,
    )


def _warn_of_small_superclasses(pool, split, way):
    """Warns of superclasses that no episode is drawn from."""
    if pool.classes_within == "split":
        return
    sizes = superclasses.classes_by_superclass(pool.superclasses)
    small = [name for name, classes in sizes.items() if len(classes) < way]
    if small:
        warnings.warn(
            f"{len(small)} of the {len(sizes)} superclasses of the"
            f" {split} split are left out, having fewer than way = {way}"
            f" classes: {first_names(small)}.",
            stacklevel=3,
        )


def scale(images: tf.Tensor) -> tf.Tensor:
    """Converts uint8 images to float32 in [0, 1]."""
    return tf.cast(images, tf.float32) / 255.0


def check_classes(labelled: LabelledExamples, where: Any) -> None:
    """Raises `InputError` unless there are two classes or more.

    Args:
        labelled: `LabelledExamples`.
        where: The argument or the path that they are from, for the message.

    Raises:
        InputError: There are fewer than two classes.
    """
    if len(labelled.names) < 2:
        names = ", ".join(map(str, labelled.names)) or "none"
        raise InputError(
            f"{where} has {counted_classes(len(labelled.names))} ({names});"
            " few-shot classification needs several."
        )
