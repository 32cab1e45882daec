"""A tiny Omniglot, in the format of TensorFlow Datasets."""

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from maml_tf.datasets import omniglot

# Two alphabets of Lake's background set and one of the evaluation set.
ALPHABETS = {"Greek": 10, "N_Ko": 10, "Tengwar": 5}
NAMES = [
    f"{alphabet}_{index}"
    for alphabet, count in ALPHABETS.items()
    for index in range(count)
]
DRAWINGS = 4


def tiny_image(label, drawing):
    """A black bar on white: its row tells the label, its start the drawing."""
    image = np.full([105, 105, 3], 255, np.uint8)
    image[4 * label : 4 * label + 4, 5 * drawing :] = 0
    return image


def write_tiny_set(data_dir, drawings=DRAWINGS, alphabet=None):
    """Writes the tiny set as TFDS would.

    Args:
        data_dir: where to.
        drawings: how many of each of the 25 characters, at most 20.
        alphabet: name of the one alphabet of all; None: as `ALPHABETS`.
    """
    names, alphabets = NAMES, list(ALPHABETS)
    if alphabet:
        names, alphabets = [f"{alphabet}_{i}" for i in range(25)], [alphabet]
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(
                shape=(105, 105, 3), encoding_format="png"
            ),
            "alphabet": tfds.features.ClassLabel(names=alphabets),
            "alphabet_char_id": np.int64,
            "label": tfds.features.ClassLabel(names=names),
        }
    )

    def split(labels):
        # A character's drawings are not neighbours, nor are they in the file.
        pairs = [(label, i) for i in range(drawings) for label in labels]
        labels = np.array([label for label, _ in pairs], np.int64)
        return tf.data.Dataset.from_tensor_slices(
            {
                "image": np.stack([tiny_image(*pair) for pair in pairs]),
                "alphabet": np.zeros_like(labels),
                "alphabet_char_id": np.zeros_like(labels),
                "label": labels,
            }
        )

    tfds.dataset_builders.store_as_tfds_dataset(
        name="omniglot",
        version=omniglot.VERSION,
        features=features,
        split_datasets={
            "train": split(range(20)),
            "test": split(range(20, 25)),
        },
        data_dir=data_dir,
    )
