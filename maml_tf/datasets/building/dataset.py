"""What meta-training and meta-testing need to know of a data set."""

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Dataset:
    """What meta-training and meta-testing need to know of a data set.

    Attributes:
        name: Its name.
        input_shape: Shape of one input, without the batch axis.
        loss: Function `(y, outputs) -> scalar` to minimise.
        metric: Function `(y, outputs) -> scalar` to report.
        metric_name: `"accuracy"` or `"mse"`.
        outputs: Function from way to the number of network outputs.
        episodes: Function `episodes(split, way, shot, query, seed)` that
            returns a function from an episode's number (an integer or an int64
            scalar tensor) to an `Episode`. The episode is a pure TensorFlow
            function of seed, split (`"train"`, `"valid"`, `"test"`) and number.
            Raises `InputError` where the split does not allow such episodes.
        joint: Function `joint(split, number_of_examples, seed)` that returns a
            function from a number to an `Episode` whose support set are
            examples of all the split's classes, labelled by class, and whose
            query set is empty: what a classifier over all classes learns from.
            None where there are no classes.
        num_classes: Function from split to its number of classes, or None.
        pool: Function from split to its `maml_tf.ClassPool`, which knows the
            classes' names and examples, or None.
        vocabulary_size: Of texts, how many token ids there are; or None.
        preparation: Keras model that makes of raw inputs, such as uint8 images
            or strings, what the network takes; None where they are the same.
        target_mean: Of standardised targets, what was subtracted, a number or
            `[targets]`.
        target_deviation: Of standardised targets, what they were then divided
            by, a number or `[targets]`.
        compiles: Whether XLA can compile the drawing of an episode; not where
            it reads from files.
    """

    name: str
    input_shape: tuple
    loss: Callable
    metric: Callable
    metric_name: str
    outputs: Callable
    episodes: Callable
    joint: Callable | None = None
    num_classes: Callable | None = None
    pool: Callable | None = None
    vocabulary_size: int | None = None
    preparation: Any = None
    target_mean: Any = 0.0
    target_deviation: Any = 1.0
    compiles: bool = True
