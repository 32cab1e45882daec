"""Images that TensorFlow Datasets has prepared.

Data sets that are prepared are found without importing TensorFlow Datasets,
which takes seconds and is not needed once images are in the cache.
"""

import hashlib
import os
import pathlib
import re

import numpy as np
import tensorflow as tf
import tqdm

from maml_tf.datasets import image_source
from maml_tf.datasets.image_source import ImageSource
from maml_tf.errors import InputError

# To be raised when what is decoded changes: cache files carry it.
_FORMAT = 1


def load(
    name,
    transform,
    title,
    *,
    version=None,
    parts=None,
    prepare=None,
    data_dir=None,
    download=False,
    in_memory=None,
    cache_dir=None,
):
    """Returns the images of a prepared set, from the cache if they are there.

    Args:
        name: TensorFlow Datasets' name, with the configuration after a slash
            where there is one.
        transform: Pair of a text that names it and a function from one image of
            the set, a uint8 tensor, to the uint8 tensor to keep; None for the
            function keeps images as they are.
        title: What the set is called in messages.
        version: Its version; None: the latest that is prepared.
        parts: TensorFlow Datasets' splits to read, in this order; None: all.
        prepare: Function of the data folder that prepares a set that is
            missing; by default TensorFlow Datasets downloads it, if it may.
        data_dir: Folder of data sets prepared by TensorFlow Datasets. Defaults
            to `$TFDS_DATA_DIR` or `~/tensorflow_datasets`.
        download: Whether TensorFlow Datasets may download and prepare the set
            where it is missing.
        in_memory: As in `image_source.load`.
        cache_dir: As in `array_cache.folder`.

    Returns:
        `(labelled, part)`: `LabelledExamples`, and the index in `parts` of each
        class's first example, int64 `[classes]`.

    Raises:
        InputError: If the set is missing and may not be downloaded, or has no
            images or labels.
    """
    data_dir = os.path.expanduser(
        data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    )
    folder = _find(data_dir, name, version)
    if folder is None:
        if prepare is not None:
            prepare(data_dir)
        elif download:
            _download(data_dir, name, version, title)
        folder = _find(data_dir, name, version)
    if folder is None:
        raise InputError(
            f"data_dir={data_dir} does not hold {title}; give --download to"
            " have TensorFlow Datasets fetch it, or give --data_dir a folder"
            " that TensorFlow Datasets has prepared."
        )
    # Whoever prepares the set anew, or another one of the name, gets another
    # cache file.
    prepared = hashlib.sha256((folder / "dataset_info.json").read_bytes())
    kind, function = transform
    key = "-".join(
        [
            name.replace("/", "-"),
            folder.name,
            prepared.hexdigest()[:12],
            kind,
            str(_FORMAT),
        ]
    )
    labelled, more = image_source.load(
        key,
        lambda: _open(folder, function, parts, title),
        in_memory,
        cache_dir,
    )
    return labelled, more["part"]


def _find(data_dir, name, version):
    """The folder of a prepared set, of the latest version; None if missing."""
    pattern = f"{name}/{version or '*'}/dataset_info.json"
    found = [path.parent for path in pathlib.Path(data_dir).glob(pattern)]
    found = [f for f in found if re.fullmatch(r"\d+\.\d+\.\d+", f.name)]
    return max(
        found, key=lambda f: [int(n) for n in f.name.split(".")], default=None
    )


def _download(data_dir, name, version, title):
    """Has TensorFlow Datasets download and prepare the set."""
    import tensorflow_datasets as tfds

    try:
        tfds.load(
            name if version is None else f"{name}:{version}",
            data_dir=data_dir,
            download=True,
        )
    except Exception as error:  # Of the network, the servers, the disk.
        raise InputError(
            f"{title} could not be downloaded to data_dir={data_dir}"
            f" ({error}); where no network allows it, give --data_dir with a"
            " folder that TensorFlow Datasets has prepared elsewhere."
        ) from error


def _open(folder, transform, parts, title):
    """The `ImageSource` of a prepared set."""
    # Imported here because it takes seconds and the cache needs none of it.
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(str(folder))
    features = builder.info.features
    image, label = (
        _feature(features, kind, what, title)
        for kind, what in (
            (tfds.features.Image, "image"),
            (tfds.features.ClassLabel, "label"),
        )
    )
    parts = list(builder.info.splits) if parts is None else parts
    names = features[label].names
    labels = [
        np.fromiter(
            builder.as_dataset(
                split=part,
                decoders=tfds.decode.PartialDecoding({label: features[label]}),
            )
            .map(lambda example: example[label])
            .as_numpy_iterator(),
            np.int64,
        )
        for part in parts
    ]
    sizes = np.bincount(np.concatenate(labels), minlength=len(names))
    part_of = np.full(len(names), len(parts), np.int64)
    for index, of_part in enumerate(labels):
        part_of[of_part] = np.minimum(part_of[of_part], index)

    def images(classes):
        wanted = tf.constant(sorted(classes), tf.int64)
        with tqdm.tqdm(
            total=int(sizes[sorted(classes)].sum()),
            desc=f"decoding {title}",
            unit="image",
            disable=None,
        ) as bar:
            for part in parts:
                # Undecoded at first, so that other classes cost little.
                data = builder.as_dataset(
                    split=part, decoders={image: tfds.decode.SkipDecoding()}
                )
                data = data.filter(
                    lambda example: tf.reduce_any(example[label] == wanted)
                )
                data = data.map(
                    lambda example: (
                        example[label],
                        transform(
                            features[image].decode_example(example[image])
                        ),
                    ),
                    num_parallel_calls=tf.data.AUTOTUNE,
                )
                batches = data.batch(64).prefetch(2)
                for labels, pictures in batches.as_numpy_iterator():
                    yield from zip(labels, pictures, strict=True)
                    bar.update(len(labels))

    return ImageSource(
        names,
        sizes.tolist(),
        _image_shape(transform, features[image].shape),
        images,
        {"part": part_of},
    )


def _image_shape(transform, shape):
    """The shape of what `transform` makes of an image."""
    spec = tf.TensorSpec(shape, tf.uint8)
    concrete = tf.function(transform).get_concrete_function(spec)
    return tuple(concrete.output_shapes.as_list())


def _feature(features, kind, what, title):
    """The key of the set's feature of a kind: `what` itself, or the first."""
    keys = [key for key in features if isinstance(features[key], kind)]
    if not keys:
        raise InputError(
            f"dataset: {title} has no {what} (it has"
            f" {', '.join(sorted(features))}); few-shot classification needs"
            " images and a class label of each."
        )
    return what if what in keys else keys[0]


def resize(size, channels=None):
    """Returns a transform to square images, antialiased.

    Args:
        size: Height and width in pixels.
        channels: 1 or 3 to convert grey to colour or the reverse; None: as
            they are.

    Returns:
        A pair, as `load` takes it. Images that are not square are cropped in
        the middle.
    """

    def transform(image):
        image = to_channels(image, channels)
        return square(image, size)

    return f"{size}px" + (f"-{channels}" if channels else ""), transform


def to_channels(image, channels):
    """Converts `[height, width, channels]` to 1 or 3 channels; None: keeps."""
    if channels is None or image.shape[-1] == channels:
        return image
    if channels == 3:
        if image.shape[-1] == 4:
            return image[..., :3]
        return tf.image.grayscale_to_rgb(image[..., :1])
    return tf.image.rgb_to_grayscale(image[..., :3])


def square(image, size):
    """Crops the middle square and resizes it, antialiased.

    Args:
        image: uint8 `[height, width, channels]`.
        size: Height and width of the result in pixels.

    Returns:
        uint8 `[size, size, channels]`.
    """
    channels = image.shape[-1]
    if image.shape[0] is None or image.shape[0] != image.shape[1]:
        side = tf.minimum(tf.shape(image)[0], tf.shape(image)[1])
        image = tf.image.resize_with_crop_or_pad(image, side, side)
    image = tf.image.resize(image, [size, size], "bilinear", antialias=True)
    image = tf.saturate_cast(tf.round(image), tf.uint8)
    return tf.ensure_shape(image, [size, size, channels])
