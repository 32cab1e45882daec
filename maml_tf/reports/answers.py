"""A model's answers before and after adaptation."""

import dataclasses

import numpy as np
import tensorflow as tf

from maml_tf.datasets.images import sizes as image_sizes

# Pixels of an image's longer side.
_THUMBNAIL = 160


@dataclasses.dataclass(frozen=True)
class Answers:
    """The examples that were asked about, and the model's answers.

    Attributes:
        names: Name of each example.
        x: The examples; images as `thumbnail` gives them.
        y: The name of each one's class, None if it is not known.
        labels: Names of the classes that the model knows.
        before: Probabilities before adaptation, `[examples, classes]`.
        after: Probabilities after adaptation, `[examples, classes]`.
    """

    names: list
    x: list
    y: list
    labels: list
    before: np.ndarray
    after: np.ndarray

    @property
    def counted(self) -> list[int]:
        """Returns the indices of the examples whose class the model knows."""
        return [i for i, label in enumerate(self.y) if label in self.labels]

    def accuracy(self, probabilities: np.ndarray) -> tuple[int, int]:
        """Counts right answers.

        Args:
            probabilities: `before` or `after`.

        Returns:
            `(right, counted)`: right answers, and answers that are counted.
        """
        right = [self.answer(probabilities, i)[2] for i in self.counted]
        return sum(map(bool, right)), len(right)

    def answer(
        self, probabilities: np.ndarray, index: int
    ) -> tuple[str, float, bool | None]:
        """Returns the answer about one example.

        Args:
            probabilities: `before` or `after`.
            index: Index of the example.

        Returns:
            `(class, its probability, whether it is right)`, the last None if
            that is not known.
        """
        best = probabilities[index].argmax()
        label, true = self.labels[best], self.y[index]
        right = label == true if true in self.labels else None
        return label, float(probabilities[index, best]), right


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Makes the small image that the picture shows, its aspect kept.

    Args:
        image: A uint8 array `[height, width, 1 to 4]`.

    Returns:
        A float array `[height, width, 1 or 3]` in [0, 1], of 160 pixels at
        most.
    """
    grey = image.shape[-1] < 3
    image = image_sizes.to_channels(tf.constant(image), 1 if grey else 3)
    size = np.array(image.shape[:2])
    if size.max() > _THUMBNAIL:
        size = np.maximum(1, np.round(size * (_THUMBNAIL / size.max())))
        image = tf.image.resize(image, size.astype(int), antialias=True)
    return np.clip(np.asarray(image, np.float32) / 255.0, 0.0, 1.0)
