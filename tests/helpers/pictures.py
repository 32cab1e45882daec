"""Pictures to write into files and read back."""

import os
import pathlib

import numpy as np
import tensorflow as tf

# Where TensorFlow Datasets has prepared CIFAR-100, for photographs.
REAL_DATA = os.environ.get("MAML_TF_DATA_DIR")


def noise(seed, height=8, width=8, channels=3):
    """Every pixel by itself, uint8 `[height, width, channels]`."""
    generator = np.random.RandomState(seed)
    return generator.randint(0, 256, [height, width, channels]).astype(np.uint8)


def smooth(seed, height=40, width=60):
    """Colours that change slowly, as in a photograph out of focus."""
    small = noise(seed, 4, 4).astype(np.float32)
    large = tf.image.resize(small, [height, width], "bicubic")
    return tf.saturate_cast(large, tf.uint8).numpy()


def photographs(number):
    """Photographs of CIFAR-100 where there are any, else smooth pictures."""
    folder = pathlib.Path(REAL_DATA or "", "cifar100")
    if not REAL_DATA or not folder.is_dir():
        return [smooth(seed) for seed in range(number)]
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(next(folder.glob("*.*.*")))
    data = builder.as_dataset(split=f"test[:{number}]")
    return [example["image"] for example in data.as_numpy_iterator()]


def write_png(path, image):
    """Writes an image without loss; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tf.io.encode_png(image).numpy())


def write_jpeg(path, image):
    """Writes an image with a little loss; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tf.io.encode_jpeg(image, quality=95).numpy())
