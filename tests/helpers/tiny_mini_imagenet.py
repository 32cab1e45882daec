"""A tiny mini-ImageNet as our builder prepares it, of plain colours."""

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from maml_tf.datasets.building import class_splits
from maml_tf.episodes.class_pool import SPLITS


def write_tiny_set(data_dir, images=20):
    """Writes the tiny set as TFDS would.

    Args:
        data_dir: where to.
        images: how many of each of the 100 classes.
    """
    classes = class_splits.shipped("mini_imagenet_ravi")
    names = sorted(name for split in SPLITS for name in classes[split])
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(84, 84, 3)),
            "label": tfds.features.ClassLabel(names=names),
        }
    )

    def split(own):
        labels = np.repeat([names.index(name) for name in own], images)
        colors = np.random.RandomState(0).randint(
            0, 256, [len(labels), 1, 1, 3]
        )
        return tf.data.Dataset.from_tensor_slices(
            {
                "image": np.broadcast_to(
                    colors.astype(np.uint8), [len(labels), 84, 84, 3]
                ),
                "label": labels.astype(np.int64),
            }
        )

    tfds.dataset_builders.store_as_tfds_dataset(
        name="mini_imagenet",
        version="1.0.0",
        features=features,
        split_datasets={name: split(classes[name]) for name in SPLITS},
        data_dir=data_dir,
    )
