"""Images that TensorFlow Datasets has prepared.

Prepared data sets are found without importing TensorFlow Datasets, which takes
seconds and is not needed once images are in the cache.
"""

import contextlib
import hashlib
import json
import logging
import os
import pathlib
import re
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tqdm

from maml_tf.datasets.building.labelled_examples import (
    LabelledExamples,
    check_labels,
)
from maml_tf.datasets.images import source
from maml_tf.datasets.images.source import ImageSource
from maml_tf.errors import InputError

# Raise it when the decoded images change: cache files carry it.
_FORMAT = 1


def load(
    name: str,
    transform: tuple[str, Callable],
    title: str,
    *,
    version: str | None = None,
    parts: Sequence[str] | None = None,
    prepare: Callable | None = None,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
    in_memory: bool | None = None,
    cache_dir: str | os.PathLike | None = None,
) -> tuple[LabelledExamples, np.ndarray]:
    """Returns the images of a prepared set, from the cache if they are there.

    Args:
        name: TensorFlow Datasets' name, with the configuration after a slash if
            it is not the default one.
        transform: Pair of a text that names it and a function from one image of
            the set, a uint8 tensor whose shape is known as far as the set tells
            it, to the uint8 tensor to keep.
        title: The set's name in messages.
        version: Its version; None: the latest that is prepared.
        parts: TensorFlow Datasets' splits to read, in this order; None: all.
            Some contain others, so equal images of a class then count as one.
        prepare: Function of the data folder that prepares a set that is
            missing or raises `InputError`; by default TensorFlow Datasets
            downloads it, if it may.
        data_dir: Folder of data sets prepared by TensorFlow Datasets. Defaults
            to `$TFDS_DATA_DIR` or `~/tensorflow_datasets`.
        download: Whether TensorFlow Datasets may download and prepare a data
            set that is missing.
        in_memory: As in `source.load`.
        cache_dir: As in `source.load`.

    Returns:
        `(labelled, part)`: `LabelledExamples`, and the index in `parts` of each
        class's first example, int64 `[classes]`.

    Raises:
        InputError: The set is missing and may not be downloaded, or has no
            images or labels.
    """
    folder = _folder(data_dir, name, version, title, prepare, download)
    # A set that is prepared again, or another one of the name, gets another
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
    labelled, arrays = source.load(
        key,
        lambda: _open(folder, function, parts, title),
        in_memory,
        cache_dir,
    )
    return labelled, arrays["part"]


def originals(
    name: str,
    transform: Callable,
    title: str,
    classes: Sequence[str],
    *,
    version: str | None = None,
    parts: Sequence[str] | None = None,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
) -> np.ndarray:
    """Decodes the images of some classes of a prepared set, past the cache.

    Args:
        name: As in `load`.
        transform: Function from an image to the uint8 tensor to return.
        title: As in `load`.
        classes: Names of the classes.
        version: As in `load`.
        parts: As in `load`.
        data_dir: As in `load`.
        download: As in `load`.

    Returns:
        A uint8 array `[images, ...]`: the images of the first class in the
        order that `load` has them in, then those of the second, and so on.

    Raises:
        InputError: The set is missing and may not be downloaded, or has no
            images or labels.
    """
    folder = _folder(data_dir, name, version, title, download=download)
    opened = _open(folder, transform, parts, title)
    numbers = {label: number for number, label in enumerate(opened.names)}
    found: dict[int, list] = {numbers[label]: [] for label in classes}
    for number, image in opened.images(set(found)):
        found[number].append(image)
    return np.stack([image for images in found.values() for image in images])


def _folder(data_dir, name, version, title, prepare=None, download=False):
    """Returns a prepared set's folder, which is prepared if it may be."""
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
            f"data_dir: {data_dir} does not hold {title}; give --download to"
            " have TensorFlow Datasets fetch it, or give --data_dir a folder"
            " that TensorFlow Datasets has prepared."
        )
    return folder


def _find(data_dir, name, version):
    """Finds a prepared set's folder, of the latest version; None if missing."""
    folder = pathlib.Path(data_dir) / name
    with contextlib.suppress(OSError, ValueError, KeyError):
        # The default one if a set has several configurations.
        text = (folder / ".config" / "metadata.json").read_text("utf-8")
        folder = folder / json.loads(text)["default_config_name"]
    pattern = f"{version or '*'}/dataset_info.json"
    versions = [path.parent for path in folder.glob(pattern)]
    return max(
        (v for v in versions if re.fullmatch(r"\d+\.\d+\.\d+", v.name)),
        key=lambda v: [int(n) for n in v.name.split(".")],
        default=None,
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
    except Exception as error:  # Network, servers and disk raise many kinds.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"data_dir: {title} could not be downloaded to {data_dir}"
            f" ({reason.rstrip('.')}); without a network, give --data_dir a"
            " folder that TensorFlow Datasets has prepared elsewhere."
        ) from error


def _open(folder, transform, parts, title):
    """Returns the `ImageSource` of a prepared set."""
    # The import takes seconds, and the cache does not need it.
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(str(folder))
    features = builder.info.features
    if not isinstance(features, tfds.features.FeaturesDict):
        features = {}

    def is_image(feature):
        return (
            isinstance(feature, tfds.features.Image)
            and feature.np_dtype == np.uint8
            and len(feature.shape) == 3
        )

    def is_label(feature):
        return isinstance(feature, tfds.features.ClassLabel)

    image = _feature(features, is_image, "image", title)
    label = _feature(features, is_label, "label", title)
    distinct = parts is None
    parts = list(builder.info.splits) if distinct else parts
    names = features[label].names

    def examples(part, *keys):
        """Reads some features of a part's examples, undecoded."""
        decoding = tfds.decode.PartialDecoding(
            {key: True for key in keys},
            {key: tfds.decode.SkipDecoding() for key in keys},
        )
        with _without_notes_on_dtype():
            return builder.as_dataset(split=part, decoders=decoding)

    labels = [
        np.fromiter(
            # Test splits that hide their labels say -1.
            examples(part, label)
            .map(lambda example: example[label])
            .filter(lambda number: number >= 0)
            .as_numpy_iterator(),
            np.int64,
        )
        for part in parts
    ]
    all_labels = np.concatenate(labels)
    check_labels(all_labels, len(names), f"dataset: {title}")
    sizes = np.bincount(all_labels, minlength=len(names))
    part_of = np.full(len(names), len(parts), np.int64)
    for index, of_part in enumerate(labels):
        part_of[of_part] = np.minimum(part_of[of_part], index)

    def images(classes):
        chosen = tf.constant(sorted(classes), tf.int64)
        seen = set()
        with tqdm.tqdm(
            total=int(sizes[sorted(classes)].sum()),
            desc=f"decoding {title}",
            unit="image",
            disable=None,
        ) as bar:
            for part in parts:
                # Images are decoded later, so other classes cost little.
                data = examples(part, image, label).filter(
                    lambda example: tf.reduce_any(example[label] == chosen)
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
                    for number, picture in zip(labels, pictures, strict=True):
                        if distinct:
                            digest = hashlib.sha256(picture).digest()[:16]
                            if (number, digest) in seen:
                                continue
                            seen.add((number, digest))
                        yield number, picture
                    bar.update(len(labels))

    return ImageSource(
        names,
        sizes.tolist(),
        _image_shape(transform, features[image].shape),
        images,
        {"part": part_of},
    )


@contextlib.contextmanager
def _without_notes_on_dtype():
    """Silences TensorFlow Datasets' notes on its own use of `dtype`."""
    logger = logging.getLogger("absl")

    def is_other(record):
        return "FeatureConnector.dtype` is deprecated" not in str(record.msg)

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def _image_shape(transform, shape):
    """Returns the shape of a transformed image."""
    spec = tf.TensorSpec(shape, tf.uint8)
    concrete = tf.function(transform).get_concrete_function(spec)
    return tuple(concrete.output_shapes.as_list())


def _feature(features, fits, name, title):
    """Finds the set's feature that fits: `name` itself, or the first."""
    keys = [key for key in features if fits(features[key])]
    if not keys:
        raise InputError(
            f"dataset: {title} has no {name} (it has"
            f" {', '.join(sorted(features)) or 'no features by name'});"
            " few-shot classification needs 8-bit images and a class label of"
            " each."
        )
    return name if name in keys else keys[0]
