"""Counts the classes that an adapted model takes for one another.

An episode's labels are drawn at random, so a matrix over labels says nothing:
this one is over the classes themselves, by name.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from maml_tf.algorithms import Algorithm
from maml_tf.episodes.class_pool import (
    ClassPool,
    check_episode,
    draw_episode,
    episode_classes,
    stream_seed,
)
from maml_tf.errors import InputError, check_at_least_one
from maml_tf.evaluation.curve import adaptation_seed
from maml_tf.graph.random_streams import fold_in


@dataclasses.dataclass(frozen=True)
class Confusion:
    """The counts of each class taken for each, over many episodes.

    Attributes:
        names: The classes' names, `[classes]`.
        taken: `[classes, classes]`, how many queries of a row's class were
            taken for a column's.
        possible: `[classes, classes]`, how many could be: an episode has some
            of the classes only.
        accuracies: Each episode's accuracy, `[tasks]`.
    """

    names: list
    taken: np.ndarray
    possible: np.ndarray
    accuracies: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """Returns `taken / possible`, NaN for two classes that never met.

        On the diagonal is each class's accuracy. A row adds up to 1 if every
        episode has all the classes.
        """
        with np.errstate(invalid="ignore"):
            return self.taken / self.possible

    def reordered(self, order: Sequence[int] | np.ndarray) -> "Confusion":
        """Returns the counts with the classes in the order of these indices."""
        both = np.ix_(np.asarray(order), np.asarray(order))
        return Confusion(
            [self.names[i] for i in order],
            self.taken[both],
            self.possible[both],
            self.accuracies,
        )


def counts(true: Iterable, predicted: Iterable, labels: Sequence) -> np.ndarray:
    """Counts predictions.

    Args:
        true: The true classes' names, `[examples]`.
        predicted: The predicted classes' names, `[examples]`.
        labels: Names of all classes.

    Returns:
        An int array `[classes, classes]`, rows true and columns predicted, in
        the order of `labels`.

    Raises:
        InputError: The numbers of names differ, or `labels` lacks a name.
    """
    true, predicted = list(true), list(predicted)
    if len(true) != len(predicted):
        raise InputError(
            f"predicted: {len(predicted)} were given for {len(true)} examples;"
            " give one for each."
        )
    index = {label: number for number, label in enumerate(labels)}
    for name in (*true, *predicted):
        if name not in index:
            raise InputError(
                f"labels: {name!r} was found among the examples' classes;"
                f" available: {', '.join(map(str, labels))}."
            )
    matrix = np.zeros((len(labels), len(labels)), int)
    rows, columns = (
        [index[name] for name in side] for side in (true, predicted)
    )
    np.add.at(matrix, (rows, columns), 1)
    return matrix


def some_classes(pool: ClassPool, number: int, seed: int = 0) -> ClassPool:
    """Chooses classes to compare.

    Args:
        pool: A `ClassPool`, such as `dataset.pool("test")`.
        number: Most classes to choose.
        seed: Seed of the choice.

    Returns:
        A `ClassPool` of them, images upright, in their order in `pool`.

    Raises:
        InputError: The number is below 1.
    """
    check_at_least_one(classes=number)
    # RandomState's stream is frozen: a seed will always name the same classes.
    order = np.random.RandomState(seed).permutation(len(pool.sizes))
    chosen = np.sort(order[:number])
    return ClassPool(
        pool.examples,
        pool.first.numpy()[chosen],
        pool.size.numpy()[chosen],
        prepare=pool.prepare,
        names=np.asarray(pool.names)[chosen],
    )


def confusion(
    algorithm: Algorithm,
    pool: ClassPool,
    way: int,
    shot: int,
    query: int,
    *,
    num_tasks: int = 600,
    steps: int = 1,
    seed: int = 0,
) -> Confusion:
    """Adapts to many episodes of some classes and counts confusions.

    Args:
        algorithm: One of `maml_tf.algorithms` of `way` outputs, with a trained
            model.
        pool: A `ClassPool` with names; see `some_classes`.
        way: Classes an episode.
        shot: Support examples a class.
        query: Query examples a class.
        num_tasks: Number of episodes.
        steps: Inner steps.
        seed: Seed of the episodes and of dropout within them.

    Returns:
        A `Confusion`.

    Raises:
        InputError: An argument cannot be used.
    """
    check_at_least_one(num_tasks=num_tasks)
    check_episode(pool, way, shot, query)
    loop = algorithm.inner_loop
    stream = stream_seed(seed, "test")

    @tf.function(autograph=False)
    def predictions(number):
        """Returns an episode's classes, true labels and predicted labels."""
        episode_seed = fold_in(stream, number)
        episode = draw_episode(pool, way, shot, query, episode_seed)
        adaptation = loop.adapt(
            algorithm.theta(),
            episode.support_x,
            episode.support_y,
            steps,
            adaptation_seed(seed, number),
        )
        outputs = loop.predict(
            adaptation.phi[-1],
            adaptation.state,
            episode.query_x,
            episode.support_x,
        )
        return (
            episode_classes(pool, way, episode_seed),
            episode.query_y,
            tf.argmax(outputs, -1),
        )

    taken = np.zeros((pool.num_classes, pool.num_classes), int)
    possible, accuracies = np.zeros_like(taken), []
    for number in tf.range(num_tasks, dtype=tf.int64):
        classes, true, predicted = (t.numpy() for t in predictions(number))
        np.add.at(taken, (classes[true], classes[predicted]), 1)
        possible[np.ix_(classes, classes)] += query
        accuracies.append(np.mean(true == predicted))
    return Confusion(
        [str(name) for name in pool.names],
        taken,
        possible,
        np.array(accuracies),
    )


def by_similarity(shares: np.ndarray) -> np.ndarray:
    """Orders classes such that those that are confused stand together.

    Sorts them by the Fiedler vector (1973) of the graph whose edge weights are
    confusion rates: the smoothest assignment of numbers to its nodes.

    Args:
        shares: `[classes, classes]`, as in `Confusion.shares`.

    Returns:
        Indices, `[classes]`.
    """
    edges = np.nan_to_num(shares)
    edges = edges + edges.T
    np.fill_diagonal(edges, 0.0)
    laplacian = np.diag(edges.sum(0)) - edges
    _, vectors = np.linalg.eigh(laplacian)
    fiedler = vectors[:, min(1, len(edges) - 1)]
    return np.argsort(fiedler, kind="stable")
