"""Images that TensorFlow Datasets has prepared.

Data sets that are prepared are found without importing TensorFlow Datasets,
which takes seconds and is not needed once images are in the cache.
"""

import contextlib
import hashlib
import json
import logging
import os
import pathlib
import re

import numpy as np
import tensorflow as tf
import tqdm

from maml_tf.datasets.building.labelled_examples import check_labels
from maml_tf.datasets.images import source
from maml_tf.datasets.images.source import ImageSource
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
            where it is not the default one.
        transform: Pair of a text that names it and a function from one image of
            the set, a uint8 tensor of which as much of the shape is known as
            the set tells, to the uint8 tensor to keep.
        title: What the set is called in messages.
        version: Its version; None: the latest that is prepared.
        parts: TensorFlow Datasets' splits to read, in this order; None: all.
            As some contain others, a class's images that are the same then
            count as one.
        prepare: Function of the data folder that prepares a set that is
            missing or raises `InputError`; by default TensorFlow Datasets
            downloads it, if it may.
        data_dir: Folder of data sets prepared by TensorFlow Datasets. Defaults
            to `$TFDS_DATA_DIR` or `~/tensorflow_datasets`.
        download: Whether TensorFlow Datasets may download and prepare the set
            where it is missing.
        in_memory: As in `source.load`.
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
    labelled, more = source.load(
        key,
        lambda: _open(folder, function, parts, title),
        in_memory,
        cache_dir,
    )
    return labelled, more["part"]


def _find(data_dir, name, version):
    """The folder of a prepared set, of the latest version; None if missing."""
    folder = pathlib.Path(data_dir) / name
    with contextlib.suppress(OSError, ValueError, KeyError):
        # Of a set that has several configurations, the default one.
        text = (folder / ".config" / "metadata.json").read_text("utf-8")
        folder = folder / json.loads(text)["default_config_name"]
    pattern = f"{version or '*'}/dataset_info.json"
    found = [path.parent for path in folder.glob(pattern)]
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
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"{title} could not be downloaded to data_dir={data_dir}"
            f" ({reason.rstrip('.')}); where no network allows it, give"
            " --data_dir with a folder that TensorFlow Datasets has prepared"
            " elsewhere."
        ) from error


def _open(folder, transform, parts, title):
    """The `ImageSource` of a prepared set."""
    # Imported here because it takes seconds and the cache needs none of it.
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
        """Examples of a part, of which some features are read, undecoded."""
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
        wanted = tf.constant(sorted(classes), tf.int64)
        seen = set()
        with tqdm.tqdm(
            total=int(sizes[sorted(classes)].sum()),
            desc=f"decoding {title}",
            unit="image",
            disable=None,
        ) as bar:
            for part in parts:
                # Undecoded at first, so that other classes cost little.
                data = examples(part, image, label).filter(
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
    """Silences what TensorFlow Datasets says of its own use of `dtype`."""
    logger = logging.getLogger("absl")

    def other(record):
        return "FeatureConnector.dtype` is deprecated" not in str(record.msg)

    logger.addFilter(other)
    try:
        yield
    finally:
        logger.removeFilter(other)


def _image_shape(transform, shape):
    """The shape of what `transform` makes of an image."""
    spec = tf.TensorSpec(shape, tf.uint8)
    concrete = tf.function(transform).get_concrete_function(spec)
    return tuple(concrete.output_shapes.as_list())


def _feature(features, fits, what, title):
    """The key of the set's feature that fits: `what` itself, or the first."""
    keys = [key for key in features if fits(features[key])]
    if not keys:
        raise InputError(
            f"dataset: {title} has no {what} (it has"
            f" {', '.join(sorted(features)) or 'no features by name'});"
            " few-shot classification needs 8-bit images and a class label of"
            " each."
        )
    return what if what in keys else keys[0]
