"""The description of a data set for meta-training and meta-testing."""

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Dataset:
    """The description of a data set for meta-training and meta-testing.

    Attributes:
        name: The data set's name.
        input_shape: Shape of one input, without the batch axis.
        loss: Function `(y, outputs) -> scalar` to minimise.
        metric: Function `(y, outputs) -> scalar` to report.
        metric_name: `"accuracy"` or `"mse"`.
        outputs: Function from way to the number of network outputs.
        episodes: Function `episodes(split, way, shot, query, seed)` that
            returns a function from an episode's number (an integer or an int64
            scalar tensor) to an `Episode`. The episode is a pure TensorFlow
            function of seed, split (`"train"`, `"valid"`, `"test"`) and number.
            Raises `InputError` if the split does not allow such episodes.
        joint: Function `joint(split, number_of_examples, seed)` that returns a
            function from a number to an `Episode` whose support set has
            examples of all the split's classes, labelled by class, and whose
            query set is empty. A classifier over all classes learns from it.
            None for a data set without classes.
        num_classes: Function from split to its number of classes, or None.
        pool: Function from split to its `maml_tf.ClassPool`, which knows the
            classes' names and examples, or None.
        superclass_of: Function `superclass_of(split, way, shot, query, seed)`
            that returns a function from an episode's number to the name of the
            superclass that its classes were drawn within. None unless all
            episodes are drawn so.
        vocabulary_size: The number of token ids of texts, or None.
        preparation: Keras model from raw inputs (uint8 images, strings) to
            network inputs; None if they are equal.
        target_mean: The mean subtracted from standardised targets, a number or
            `[targets]`.
        target_deviation: The deviation that standardised targets were then
            divided by, a number or `[targets]`.
        scaling: How targets are standardised, `"all"` or `"window"`, as in
            `maml_tf.Learner`.
        compiles: Whether XLA can compile the drawing of an episode; it cannot
            if the drawing reads from files.
        fingerprint: Function without arguments that returns the classes by
            split and what identifies their examples, see
            `maml_tf.datasets.building.fingerprint.by_split`; None for data that
            are made as they are drawn.
        naive: Function from an `Episode` to the metric of the forecast that any
            model should beat, that the last value stays; None except for
            series.
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
    superclass_of: Callable | None = None
    vocabulary_size: int | None = None
    preparation: Any = None
    target_mean: Any = 0.0
    target_deviation: Any = 1.0
    scaling: str = "all"
    compiles: bool = True
    fingerprint: Callable | None = None
    naive: Callable | None = None
