"""Mini-ImageNet: 100 of ImageNet's classes, 600 images of each, 84 x 84.

Vinyals et al. 2016, with the classes that Ravi and Larochelle 2017 chose and
divided, 64 / 16 / 20. You bring the images; see `manual_dir`.
"""

import os
import pathlib

import numpy as np

from maml_tf.datasets import Dataset
from maml_tf.datasets.building.labelled_examples import classification, scale
from maml_tf.datasets.images import prepared
from maml_tf.datasets.images.preparation import image_preparation
from maml_tf.episodes.augmentation import Augmentation, Augmented
from maml_tf.episodes.class_pool import SPLITS
from maml_tf.errors import InputError
from maml_tf.files import partial_folder

VERSION = "1.0.0"


def load(
    data_dir: str | None = None,
    cache_dir: str | None = None,
    in_memory: bool | None = None,
    manual_dir: str | None = None,
    rotations: int = 1,
    augment: tuple[Augmentation, ...] = (),
    augmented: Augmented = "both",
) -> Dataset:
    """Loads mini-ImageNet as a data set of episodes.

    Args:
        data_dir: As in `prepared.load`.
        cache_dir: As in `prepared.load`.
        in_memory: As in `prepared.load`.
        manual_dir: Folder of images to prepare the data set from, once, if
            `data_dir` does not hold it: ImageNet's, or mini-ImageNet's in one
            of its usual forms; see `mini_imagenet_builder`.
        rotations: As in `classification`.
        augment: As in `classification`.
        augmented: As in `classification`.

    Returns:
        A `Dataset` with inputs `[84, 84, 3]` in [0, 1], cross-entropy and
        accuracy.

    Raises:
        InputError: The set is not prepared and cannot be prepared from
            `manual_dir`, or an argument cannot be used.
    """
    labelled, part = prepared.load(
        "mini_imagenet",
        ("whole", lambda image: image),
        f"mini_imagenet {VERSION}",
        version=VERSION,
        parts=SPLITS,
        prepare=lambda folder: prepare(folder, manual_dir),
        data_dir=data_dir,
        in_memory=in_memory,
        cache_dir=cache_dir,
    )
    return classification(
        "mini_imagenet",
        labelled,
        {
            split: np.flatnonzero(part == index)
            for index, split in enumerate(SPLITS)
        },
        prepare=scale,
        preparation=image_preparation(
            labelled.examples.shape[1:], "stretch", "lanczos3"
        ),
        rotations=rotations,
        augment=augment,
        augmented=augmented,
    )


def prepare(
    data_dir: str | os.PathLike, manual_dir: str | os.PathLike | None
) -> None:
    """Prepares mini-ImageNet for TensorFlow Datasets.

    Args:
        data_dir: Folder of prepared sets; the set is put there whole or not at
            all.
        manual_dir: Folder of images; see `mini_imagenet_builder.find`.

    Raises:
        InputError: `manual_dir` is None or cannot be used, or `data_dir` cannot
            be written.
    """
    if manual_dir is None:
        raise InputError(
            f"manual_dir: data_dir={data_dir} does not hold mini_imagenet, and"
            " it cannot be downloaded; give --manual_dir the folder of"
            " ImageNet's training images, or of mini-ImageNet's with their .csv"
            " files or in train, val and test."
        )
    manual_dir = pathlib.Path(os.path.expanduser(manual_dir))
    # TensorFlow Datasets would raise a long message.
    if not manual_dir.is_dir() or not any(manual_dir.iterdir()):
        raise InputError(
            f"manual_dir: {manual_dir} is not a folder, or it is empty; give"
            " the folder of ImageNet's or of mini-ImageNet's images."
        )
    # Imported here because it takes seconds.
    import tensorflow_datasets as tfds

    from maml_tf.datasets.mini_imagenet_builder import MiniImagenet

    prepared = pathlib.Path(data_dir, "mini_imagenet", VERSION)
    # The set is written to a folder of its own: TensorFlow Datasets does not
    # record which process a half-written set belongs to, so nothing could tell
    # when to remove it.
    try:
        with partial_folder(prepared) as partial:
            builder = MiniImagenet(data_dir=partial)
            config = tfds.download.DownloadConfig(
                manual_dir=manual_dir, try_download_gcs=False
            )
            # The builder has its own progress bars, with the number of images.
            tfds.disable_progress_bar()
            try:
                builder.download_and_prepare(download_config=config)
            finally:
                tfds.enable_progress_bar()
            os.replace(builder.data_dir, prepared)
    except OSError as error:
        raise InputError(
            f"data_dir: {data_dir} cannot take mini_imagenet"
            f" ({error.strerror or error}); give a folder that can be written."
        ) from error
