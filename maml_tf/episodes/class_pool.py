"""Episodes, and how they are drawn from pools of labelled examples.

An episode is one task's data: a support set to adapt on and a query set to
evaluate on. Everything here is a pure function of a stateless seed and runs
inside `tf.function`, so a run is a function of its seed and any episode can be
drawn again by its number.
"""

import typing
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from maml_tf.episodes.class_records import ClassRecords
from maml_tf.episodes.superclasses import (
    ClassesWithin,
    check_way,
    checked,
    members,
)
from maml_tf.errors import InputError, check_at_least_one, refusal
from maml_tf.graph.random_streams import Stream, random_bits, stream

SPLITS = ("train", "valid", "test")


class Episode(typing.NamedTuple):
    """One task's data, without a leading task axis.

    Attributes:
        support_x: Inputs to adapt on, e.g.
            `[way * shot, height, width, channels]`.
        support_y: Their targets, e.g. int32 labels `[way * shot]`.
        query_x: Inputs to evaluate on, e.g.
            `[way * query, height, width, channels]`.
        query_y: Their targets, e.g. int32 labels `[way * query]`.
    """

    support_x: tf.Tensor
    support_y: tf.Tensor
    query_x: tf.Tensor
    query_y: tf.Tensor


def stream_seed(seed: int, split: str) -> tf.Tensor:
    """Makes the stateless seed of one split's endless stream of episodes.

    Args:
        seed: A Python integer, the run's seed.
        split: `"train"`, `"valid"` or `"test"`. The streams of different
            splits are independent.

    Returns:
        An int64 tensor `[2]`; `fold_in` makes each episode's seed from it.

    Raises:
        InputError: The split is unknown.
    """
    if split not in SPLITS:
        raise refusal("split", split, f"available: {', '.join(SPLITS)}")
    return stream(seed, Stream.EPISODES, SPLITS.index(split))


class ClassPool:
    """Examples of many classes, kept on the device.

    Several pools (a data set's splits) may share the examples and differ in
    the classes that `first` and `size` list. Make a pool outside of any
    `tf.function`.

    Args:
        examples: Raw examples `[examples, ...]`, sorted by class; images are
            `[examples, height, width, channels]`, best uint8. An array, a
            tensor, or the `examples` of another pool, which are then shared;
            or `maml_tf.episodes.class_records.ClassRecords`, which stay in
            their files.
        first: Row of each class's first example, `[classes]`.
        size: Number of each class's examples, `[classes]`.
        rotations: 1, or 4 to make each rotation of an image class by 0, 90,
            180 and 270 degrees a class of its own. Images are turned after
            they are drawn, so this takes no memory.
        prepare: Function that turns raw examples into the float32 inputs of a
            network. By default a cast.
        names: Names of the classes for messages, `[classes]`; by default
            their indices.
        superclasses: Name of each class's superclass, such as a character's
            alphabet, `[classes]`; None if there are none.
        classes_within: The set that an episode's classes come from. `split`:
            all classes of the pool. `superclass`: those of one superclass,
            drawn uniformly among the ones with enough classes; its rotation by
            a quarter turn is another superclass. `either`: half of the episodes
            are drawn in one way and half in the other, at random.

    Raises:
        InputError: The arguments do not fit together.
    """

    def __init__(
        self,
        examples: Any,
        first: ArrayLike,
        size: ArrayLike,
        rotations: int = 1,
        prepare: Callable | None = None,
        names: Any = None,
        superclasses: Any = None,
        classes_within: ClassesWithin = "split",
    ) -> None:
        # A GPU can gather uint8 from variables only: all of a tensor would
        # travel to the host each time.
        if not isinstance(examples, tf.Variable | ClassRecords):
            examples = tf.Variable(examples, trainable=False)
        self.examples = examples
        self.first = tf.constant(first, tf.int64)
        self.size = tf.constant(size, tf.int64)
        if self.first.shape.rank != 1 or self.first.shape != self.size.shape:
            raise InputError(
                f"first: the shape {tuple(self.first.shape)} was given, and"
                f" {tuple(self.size.shape)} for size; both must be [classes]."
            )
        if rotations not in (1, 4):
            raise refusal("rotations", rotations, "it must be 1 or 4")
        shape = self.examples.shape
        if rotations == 4 and (shape.rank != 4 or shape[1] != shape[2]):
            raise InputError(
                "rotations: 4 was given for examples of shape"
                f" {tuple(shape[1:])}; only square images [height, width,"
                " channels] can be rotated."
            )
        self.sizes = self.size.numpy().tolist()
        self.rotations = rotations
        self.prepare = prepare or (lambda raw: tf.cast(raw, tf.float32))
        self.names = names
        self.superclasses = checked(
            superclasses, classes_within, len(self.sizes)
        )
        self.classes_within = classes_within

    @property
    def num_classes(self) -> int:
        """Returns the number of classes, every rotation counted."""
        return self.rotations * len(self.sizes)

    def restricted(self, classes: np.ndarray) -> "ClassPool":
        """Returns the pool of some classes alone, given by their indices."""
        return ClassPool(
            self.examples,
            self.first.numpy()[classes],
            self.size.numpy()[classes],
            self.rotations,
            self.prepare,
            None if self.names is None else np.asarray(self.names)[classes],
            None if self.superclasses is None else self.superclasses[classes],
            self.classes_within,
        )

    def read(self, rows: tf.Tensor, turns: tf.Tensor) -> tf.Tensor:
        """Reads examples.

        Args:
            rows: Indices into `examples`, int64 `[number]`.
            turns: Quarter turns anticlockwise of each, int64 `[number]`;
                ignored if `rotations` is 1.

        Returns:
            Prepared inputs `[number, ...]`.
        """
        if isinstance(self.examples, ClassRecords):
            raw = self.examples.read(rows)
        else:
            raw = tf.gather(self.examples, rows)
        if self.rotations > 1:
            raw = _rotate(raw, turns[:, tf.newaxis, tf.newaxis, tf.newaxis])
        return self.prepare(raw)


def check_episode(pool: ClassPool, way: int, shot: int, query: int) -> None:
    """Checks that a pool allows an episode.

    Args:
        pool: A `ClassPool`.
        way: Classes an episode.
        shot: Support examples a class.
        query: Query examples a class.

    Raises:
        InputError: The pool has too few classes or examples, or a number is
            below 1.
    """
    check_at_least_one(way=way, shot=shot, query=query)
    if way > pool.num_classes:
        raise refusal(
            "way",
            way,
            f"the pool has only {pool.num_classes} classes, so way can be at"
            f" most {pool.num_classes}",
        )
    if pool.classes_within != "split" and pool.superclasses is not None:
        check_way(pool.superclasses, way)
    smallest = min(pool.sizes)
    if shot + query > smallest:
        index = pool.sizes.index(smallest)
        name = index if pool.names is None else pool.names[index]
        raise InputError(
            f"shot: {shot} was given, and {query} for query; class {name} has"
            f" {smallest} examples, so shot + query can be at most {smallest}."
        )


def draw_episode(
    pool: ClassPool, way: int, shot: int, query: int, seed: tf.Tensor
) -> Episode:
    """Draws an N-way K-shot episode.

    Classes are distinct, examples within a class too (so support and query are
    disjoint), and labels are assigned to classes at random. Examples come
    sorted by label. `check_episode` tells whether the pool allows the episode;
    this function, made for compiled loops, does not check.

    Args:
        pool: A `ClassPool`.
        way: Classes an episode, a Python integer.
        shot: Support examples a class, a Python integer.
        query: Query examples a class, a Python integer.
        seed: Stateless seed, an integer tensor `[2]`.

    Returns:
        An `Episode` with int32 labels in `0 ... way - 1`.
    """
    largest_size = max(pool.sizes)
    bits = _episode_bits(pool, way, seed)
    classes = _largest(bits[: pool.num_classes], way)
    base = classes % len(pool.sizes)

    bits = tf.reshape(bits[pool.num_classes :], [way, largest_size])
    if min(pool.sizes) < largest_size:
        exists = (
            tf.range(largest_size, dtype=tf.int64)
            < tf.gather(pool.size, base)[:, tf.newaxis]
        )
        bits = tf.where(exists, bits, tf.int64.min)
    rows = _largest(bits, shot + query)
    rows += tf.gather(pool.first, base)[:, tf.newaxis]

    # Support and query are read at once: each small operation has overhead.
    labels = np.arange(way, dtype=np.int32)
    support_y = np.repeat(labels, shot)
    query_y = np.repeat(labels, query)
    rotation = classes // len(pool.sizes)
    x = pool.read(
        tf.concat(
            [
                tf.reshape(rows[:, :shot], [-1]),
                tf.reshape(rows[:, shot:], [-1]),
            ],
            axis=0,
        ),
        tf.gather(rotation, np.concatenate([support_y, query_y])),
    )
    return Episode(
        support_x=x[: way * shot],
        support_y=tf.constant(support_y),
        query_x=x[way * shot :],
        query_y=tf.constant(query_y),
    )


def episode_classes(pool: ClassPool, way: int, seed: tf.Tensor) -> tf.Tensor:
    """Returns the classes that `draw_episode` draws.

    Args:
        pool: A `ClassPool`.
        way: As given to `draw_episode`.
        seed: As given to `draw_episode`.

    Returns:
        The index of the class with each label 0 … `way − 1`, int64 `[way]`.
        Indices of classes that are turned once come after those of all upright
        classes, and so on.
    """
    return _largest(_episode_bits(pool, way, seed)[: pool.num_classes], way)


def draw_examples(
    pool: ClassPool, number_of_examples: int, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws examples of all classes at once, for joint training.

    Each example's class is uniform over the pool's classes, rotations counted,
    and the example is uniform within its class.

    Args:
        pool: A `ClassPool`.
        number_of_examples: Number of examples, a Python integer.
        seed: Stateless seed, an integer tensor `[2]`.

    Returns:
        `(x, y)`: prepared inputs `[examples, ...]` and the int32 indices of
        their classes `[examples]`.
    """
    bits = random_bits([2, number_of_examples], seed)
    bits = tf.cast(bits, tf.int64) % 2**32
    classes = bits[0] % pool.num_classes
    base = classes % len(pool.sizes)
    rows = tf.gather(pool.first, base) + bits[1] % tf.gather(pool.size, base)
    x = pool.read(rows, classes // len(pool.sizes))
    return x, tf.cast(classes, tf.int32)


def _episode_bits(pool, way, seed):
    """Draws numbers for an episode's classes and for each class's examples.

    The places of the largest of independent numbers are a subset without
    repetition, in random order: the i-th drawn class gets the label i.
    """
    number = pool.num_classes + way * max(pool.sizes)
    # They are int64: TensorFlow slices and adds int32 tensors on the host.
    if pool.classes_within == "split":
        return tf.cast(random_bits([number], seed), tf.int64)
    may_come = members(pool.superclasses, way, pool.rotations)
    bits = random_bits([number + len(may_come) + 1], seed)
    bits, choice, coin = tf.split(
        tf.cast(bits, tf.int64), [number, len(may_come), 1]
    )
    of_episode = tf.gather(tf.constant(may_come), tf.argmax(choice))
    if pool.classes_within == "either":
        of_episode |= coin >= 0
    classes, examples = tf.split(bits, [pool.num_classes, -1])
    classes = tf.where(of_episode, classes, tf.int64.min)
    return tf.concat([classes, examples], axis=0)


def _largest(values, number):
    """Returns the int64 indices of the largest values along the last axis."""
    # A GPU finds int32 indices only.
    return tf.cast(tf.math.top_k(values, number).indices, tf.int64)


def _rotate(images, turns):
    """Turns each of `[n, height, width, channels]` as `np.rot90` does."""
    # A quarter turn is a transposition and a flip, a half turn two flips.
    # (tf.image.rot90 builds conditionals, which cost more than the turning.)
    quarter = tf.reverse(tf.transpose(images, [0, 2, 1, 3]), axis=[1])
    images = tf.where(turns % 2 == 1, quarter, images)
    return tf.where(turns >= 2, tf.reverse(images, axis=[1, 2]), images)
