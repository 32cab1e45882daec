"""A model's answers before and after adaptation."""

import dataclasses

import numpy as np
import tensorflow as tf

from maml_tf.datasets.images import sizes as image_sizes

# Pixels of an image's longer side.
_THUMBNAIL = 160


@dataclasses.dataclass(frozen=True)
class Answers:
    """What was asked about, and what the model said.

    Attributes:
        names: What each example is called.
        x: The examples; images as `thumbnail` gives them.
        y: The name of each one's class, None where it is not known.
        labels: Names of the classes that the model knows.
        before: Probabilities before adaptation, `[examples, classes]`.
        after: Likewise, after it.
    """

    names: list
    x: list
    y: list
    labels: list
    before: np.ndarray
    after: np.ndarray

    @property
    def counted(self):
        """The indices of those whose class the model knows."""
        return [i for i, label in enumerate(self.y) if label in self.labels]

    def accuracy(self, probabilities):
        """`(right, counted)` of `before` or of `after`."""
        right = [self.answer(probabilities, i)[2] for i in self.counted]
        return sum(right), len(right)

    def answer(self, probabilities, index):
        """What is said of one example.

        Args:
            probabilities: `before` or `after`.
            index: Of the example.

        Returns:
            `(class, its probability, whether it is right)`, the last None where
            that is not known.
        """
        best = probabilities[index].argmax()
        label, true = self.labels[best], self.y[index]
        right = label == true if true in self.labels else None
        return label, float(probabilities[index, best]), right


def thumbnail(image):
    """An image as the picture shows it, its aspect kept.

    Args:
        image: uint8 `[height, width, 1 to 4]`.

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
