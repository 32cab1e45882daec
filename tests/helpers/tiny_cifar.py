"""A tiny CIFAR-100, in the format of TensorFlow Datasets."""

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from maml_tf.datasets import cifar100
from maml_tf.datasets.building import class_splits

NAMES = sorted(
    name
    for names in class_splits.shipped("cifar_fs").values()
    for name in names
)


def tiny_image(label, number):
    """A colour image of one class: its red tells the label."""
    image = np.zeros([32, 32, 3], np.uint8)
    image[..., 0] = label
    image[number % 32, :, 1] = 255
    image[:, number // 32, 2] = 128
    return image


def write_tiny_set(data_dir, images=20):
    """Writes the tiny set as TFDS would.

    Args:
        data_dir: where to.
        images: how many of each of the 100 classes; a fifth of them in TFDS's
            split "test".
    """
    features = tfds.features.FeaturesDict(
        {
            "coarse_label": tfds.features.ClassLabel(num_classes=20),
            "image": tfds.features.Image(shape=(32, 32, 3)),
            "label": tfds.features.ClassLabel(names=NAMES),
        }
    )

    def split(numbers):
        # A class's images are not neighbours.
        pairs = [(label, i) for i in numbers for label in range(100)]
        labels = np.array([label for label, _ in pairs], np.int64)
        return tf.data.Dataset.from_tensor_slices(
            {
                "coarse_label": np.zeros_like(labels),
                "image": np.stack([tiny_image(*pair) for pair in pairs]),
                "label": labels,
            }
        )

    train = images - images // 5
    tfds.dataset_builders.store_as_tfds_dataset(
        name="cifar100",
        version=cifar100.VERSION,
        features=features,
        split_datasets={
            "train": split(range(train)),
            "test": split(range(train, images)),
        },
        data_dir=data_dir,
    )
