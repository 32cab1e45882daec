"""A network of many outputs that serves tasks of fewer classes."""

import contextlib
import copy

from maml_tf.algorithms import Algorithm
from maml_tf.algorithms.inner_loop import InnerLoop
from maml_tf.errors import InputError
from maml_tf.learner.learner import Learner


def with_most_outputs(
    learner: Learner, max_classes: int, batch_norm: str | None
) -> Algorithm:
    """Returns the algorithm for the most classes that a request may have.

    Args:
        learner: The `maml_tf.Learner`.
        max_classes: As in `maml_tf.export`.
        batch_norm: As in `maml_tf.export`.
    """
    options = {} if batch_norm is None else {"batch_norm": batch_norm}
    if learner.task == "classification":
        outputs = max(max_classes, learner.outputs)
        # BOIL and some users' models cannot be given another head.
        with contextlib.suppress(InputError):
            return learner.with_outputs(outputs, **options)
    return learner.with_outputs(learner.outputs, **options)


def on_first_outputs(loop: InnerLoop, classifies: bool) -> InnerLoop:
    """Makes a loop whose `y` is a pair: labels, and how many outputs count.

    Args:
        loop: An inner loop.
        classifies: Whether it classifies; a regression's loop stays as it is.
    """
    if not classifies:
        return loop
    loop = copy.copy(loop)
    loss = loop.loss
    loop.loss = lambda y, outputs: loss(y[0], outputs[:, : y[1]])
    return loop
