"""Omniglot: 1623 handwritten characters of 50 alphabets, 20 drawings each.

Lake, Salakhutdinov, Tenenbaum 2015, read through TensorFlow Datasets. Images
are 28 x 28 with ink = 1, as in MAML (Finn, Abbeel, Levine 2017). They are
decoded once and kept in a cache file.
"""

import dataclasses
import hashlib
import importlib.resources
import json
import os
import warnings

import numpy as np
import tensorflow as tf
import tqdm

from maml_tf import losses
from maml_tf.datasets import Dataset
from maml_tf.episodes import (
    SPLITS,
    ClassPool,
    check_episode,
    draw_episode,
    stream_seed,
)
from maml_tf.errors import InputError
from maml_tf.files import replacing
from maml_tf.random_streams import fold_in

VERSION = "3.0.0"
IMAGE_SIZE = 28
CLASS_SPLITS = ("random", "lake", "vinyals")

# To be raised when what `_decode` returns changes: cache files carry it.
_FORMAT = 1

# TFDS's names of Lake's background and evaluation sets.
_TFDS_SPLITS = ("train", "test")


@dataclasses.dataclass(frozen=True)
class Drawings:
    """All decoded drawings, sorted by character.

    Attributes:
        images: uint8 `[drawings, height, width, 1]`, 255 where there is ink.
        first: Row of each character's first drawing, int64 `[characters]`.
        size: Number of each character's drawings, int64 `[characters]`.
        names: Name of each character, `"<alphabet>_<index from 0>"`,
            `[characters]`.
        background: Whether each character is of Lake's background set (else of
            the evaluation set), bool `[characters]`.
    """

    images: np.ndarray
    first: np.ndarray
    size: np.ndarray
    names: np.ndarray
    background: np.ndarray


def load(
    data_dir=None,
    download=False,
    cache_dir=None,
    class_split="random",
    split_seed=0,
    rotations=4,
    alphabets=(),
):
    """Loads Omniglot as a data set of episodes.

    Args:
        data_dir: Folder of data sets prepared by TensorFlow Datasets. Defaults
            to `$TFDS_DATA_DIR` or `~/tensorflow_datasets`.
        download: Whether TensorFlow Datasets may download and prepare the set
            where it is missing.
        cache_dir: Folder of the decoded images (25 MB). Defaults to
            `maml_tf` in `$XDG_CACHE_HOME` or in `~/.cache`.
        class_split: Which characters are for training / validation / testing.
            `"random"`: 1100 / 100 / 423 by `split_seed`, as in MAML's code
            (60 / 20 / 20 % of the characters left by `alphabets`).
            `"lake"`: the 964 background characters less 100 (or 10 % of those
            left by `alphabets`) for validation by `split_seed`, and the 659 of
            evaluation. `"vinyals"`: the 1028 / 172 / 423 of Vinyals et al.
            2016.
        split_seed: Seed of the division, independent of the run's seed.
        rotations: 4 makes each rotation of a character by a multiple of 90
            degrees a class of its own in every split, as in MAML; 1 does not.
        alphabets: Names of the alphabets to keep, as in TensorFlow Datasets,
            such as `("Futurama",)`. Empty (the default) keeps all.

    Returns:
        A `Dataset` with inputs `[28, 28, 1]` in [0, 1], cross-entropy and
        accuracy.

    Raises:
        InputError: If the set is missing and may not be downloaded, or an
            argument cannot be used.
    """
    if class_split not in CLASS_SPLITS:
        raise InputError(
            f"class_split={class_split!r} was given; it must be one of "
            f"{', '.join(CLASS_SPLITS)}."
        )
    drawings = load_drawings(data_dir, download, cache_dir)
    characters = split_characters(drawings, class_split, split_seed, alphabets)
    examples = tf.Variable(drawings.images, trainable=False)
    pools = {
        split: ClassPool(
            examples,
            drawings.first[chosen],
            drawings.size[chosen],
            rotations=rotations,
            prepare=scale,
            names=drawings.names[chosen],
        )
        for split, chosen in characters.items()
    }

    def episodes(split, way, shot, query, seed):
        stream = stream_seed(seed, split)
        check_episode(pools[split], way, shot, query)
        return lambda number: draw_episode(
            pools[split], way, shot, query, fold_in(stream, number)
        )

    return Dataset(
        name="omniglot",
        input_shape=drawings.images.shape[1:],
        loss=losses.cross_entropy,
        metric=losses.accuracy,
        metric_name="accuracy",
        outputs=lambda way: way,
        episodes=episodes,
    )


def scale(images):
    """Converts uint8 images to float32 in [0, 1]."""
    return tf.cast(images, tf.float32) / 255.0


def split_characters(
    drawings, class_split="random", split_seed=0, alphabets=()
):
    """Divides the characters into those to train, validate and test on.

    Args:
        drawings: `Drawings`.
        class_split: As in `load`.
        split_seed: As in `load`.
        alphabets: As in `load`.

    Returns:
        Dict of `"train"`, `"valid"` and `"test"` to disjoint, sorted indices of
        characters.

    Raises:
        InputError: If an alphabet is unknown, or a split would be empty.
    """
    kept = _of_alphabets(drawings, alphabets)
    # RandomState's stream is frozen: NumPy may change that of default_rng, and
    # then a seed would no longer name the same characters.
    shuffled = np.random.RandomState(split_seed).permutation(kept)
    if class_split == "random":
        if kept.size == 1623:
            valid, test = 100, 423
        else:
            valid = test = round(0.2 * kept.size)
        train, valid, test = np.split(
            shuffled, [kept.size - valid - test, kept.size - test]
        )
    elif class_split == "lake":
        background = shuffled[drawings.background[shuffled]]
        valid = 100 if background.size == 964 else round(0.1 * background.size)
        train, valid = background[valid:], background[:valid]
        test = kept[~drawings.background[kept]]
    else:
        listed = _vinyals()
        train, valid, test = (
            kept[np.isin(drawings.names[kept], listed[split])]
            for split in SPLITS
        )
    characters = dict(
        zip(SPLITS, map(np.sort, (train, valid, test)), strict=True)
    )
    for split, chosen in characters.items():
        if not chosen.size:
            raise InputError(
                f"class_split={class_split!r} leaves the {split} split no "
                f"characters of alphabets={','.join(alphabets) or 'all'}; "
                "class_split='random' divides those of any alphabets."
            )
    return characters


def _of_alphabets(drawings, alphabets):
    """Returns the indices of the characters of some alphabets, or of all."""
    of_character = np.array([_alphabet(name) for name in drawings.names])
    known = sorted(set(of_character))
    for alphabet in alphabets:
        if alphabet not in known:
            raise InputError(
                f"alphabets has {alphabet!r}, which is not one of "
                f"{', '.join(known)}."
            )
    if not alphabets:
        return np.arange(of_character.size)
    return np.flatnonzero(np.isin(of_character, list(alphabets)))


def _alphabet(name):
    """Returns the alphabet in a character's name."""
    return name.rpartition("_")[0]


def _vinyals():
    """Returns the character names of each split of Vinyals et al. 2016."""
    folder = importlib.resources.files("maml_tf.datasets") / "splits"
    text = (folder / "omniglot_vinyals.json").read_text("utf-8")
    keys = {"train": "train", "val": "valid", "test": "test"}
    # The file counts "character01" where TFDS counts "<alphabet>_0".
    return {
        keys[key]: [
            f"{alphabet}_{int(character.removeprefix('character')) - 1}"
            for alphabets in parts.values()
            for alphabet, characters in alphabets.items()
            for character in characters
        ]
        for key, parts in json.loads(text).items()
    }


def load_drawings(data_dir=None, download=False, cache_dir=None):
    """Loads all drawings, from the cache file if there is one.

    Args:
        data_dir: As in `load`.
        download: As in `load`.
        cache_dir: As in `load`.

    Returns:
        `Drawings`.

    Raises:
        InputError: If the set is missing and `download` is false.
    """
    data_dir = _data_dir(data_dir)
    info = os.path.join(data_dir, "omniglot", VERSION, "dataset_info.json")
    if not tf.io.gfile.exists(info):
        if not download:
            raise InputError(
                f"data_dir={data_dir} does not hold Omniglot {VERSION}; give "
                "--download to have TensorFlow Datasets fetch it, or give "
                "--data_dir a folder that TensorFlow Datasets has prepared."
            )
        _download(data_dir)
    # Whoever prepares the set anew, or another one of the name, gets another
    # cache file.
    with tf.io.gfile.GFile(info, "rb") as file:
        prepared = hashlib.sha256(file.read()).hexdigest()[:12]
    arrays = cached_arrays(
        f"omniglot-{VERSION}-{prepared}-{IMAGE_SIZE}px-bilinear-{_FORMAT}",
        lambda: _decode(data_dir),
        cache_dir,
    )
    return Drawings(**arrays)


def _data_dir(data_dir):
    """Returns the folder of data sets, by default TFDS's own."""
    default = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return os.path.expanduser(data_dir or default)


def _download(data_dir):
    """Has TensorFlow Datasets download and prepare the set."""
    import tensorflow_datasets as tfds

    try:
        tfds.load(f"omniglot:{VERSION}", data_dir=data_dir, download=True)
    except Exception as error:  # Of the network, the servers, the disk.
        raise InputError(
            f"Omniglot {VERSION} could not be downloaded to "
            f"data_dir={data_dir} ({error}); where no network allows it, give "
            "--data_dir with a folder that TensorFlow Datasets has prepared "
            "elsewhere."
        ) from error


def _decode(data_dir):
    """Reads, shrinks and sorts all drawings; returns the dict of `Drawings`."""
    # Imported here because it takes seconds and the cache needs none of it.
    import tensorflow_datasets as tfds

    parts, info = tfds.load(
        f"omniglot:{VERSION}",
        split=list(_TFDS_SPLITS),
        data_dir=data_dir,
        download=False,
        with_info=True,
    )
    images, labels, background = [], [], []
    for split, part in zip(_TFDS_SPLITS, parts, strict=True):
        part = part.map(
            lambda example: (shrink(example["image"]), example["label"]),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        progress = tqdm.tqdm(
            part.batch(256).as_numpy_iterator(),
            desc=f"decoding Omniglot ({split})",
            total=-(-info.splits[split].num_examples // 256),
            unit="batch",
            disable=None,
        )
        for batch_images, batch_labels in progress:
            images.append(batch_images)
            labels.append(batch_labels)
            background.append(np.full(batch_labels.shape, split == "train"))
    labels = np.concatenate(labels)
    order = np.argsort(labels, kind="stable")
    present, first, size = np.unique(
        labels[order], return_index=True, return_counts=True
    )
    return {
        "images": np.concatenate(images)[order],
        "first": first,
        "size": size,
        "names": np.array(info.features["label"].names)[present],
        "background": np.concatenate(background)[order][first],
    }


def shrink(image, size=IMAGE_SIZE):
    """Shrinks a drawing and inverts it, so that ink is bright.

    Bilinear with antialiasing: each pixel is a weighted mean of those that it
    covers, so thin strokes grow faint but never vanish.

    Args:
        image: Black ink on white, uint8 `[height, width, channels]`.
        size: Height and width of the result in pixels.

    Returns:
        uint8 `[size, size, 1]`, 255 where there is ink only.
    """
    ink = 255 - image[:, :, :1]
    ink = tf.image.resize(ink, [size, size], "bilinear", antialias=True)
    return tf.saturate_cast(tf.round(ink), tf.uint8)


def cached_arrays(name, make, cache_dir=None):
    """Returns arrays from a cache file, which is written if there is none.

    A damaged file is made anew, with a warning; a folder that cannot be written
    costs a warning only.

    Args:
        name: Name of the file without its extension; it must tell all that
            the arrays depend on.
        make: Function of no arguments that returns a dict of arrays.
        cache_dir: The folder. Defaults to `maml_tf` in `$XDG_CACHE_HOME` or in
            `~/.cache`.

    Returns:
        A dict of arrays.
    """
    if cache_dir is None:
        root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        cache_dir = os.path.join(root, "maml_tf")
    path = os.path.join(os.path.expanduser(cache_dir), f"{name}.npz")
    if os.path.exists(path):
        try:
            # Opened here, because np.load leaves damaged files open.
            with (
                open(path, "rb") as file,
                np.load(file, allow_pickle=False) as arrays,
            ):
                return dict(arrays)
        except Exception as error:  # zipfile and NumPy raise many kinds.
            warnings.warn(
                f"The cache file {path} is damaged ({error}); it is made anew.",
                stacklevel=2,
            )
    arrays = make()
    try:
        _save_arrays(path, arrays)
    except OSError as error:
        warnings.warn(
            f"The cache file {path} cannot be written ({error}); the next run "
            "decodes the images again.",
            stacklevel=2,
        )
    return arrays


def _save_arrays(path, arrays):
    """Writes an .npz file whole or not at all."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)
