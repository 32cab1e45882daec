"""Omniglot: 1623 handwritten characters of 50 alphabets, 20 drawings each.

Lake, Salakhutdinov, Tenenbaum 2015, read through TensorFlow Datasets. Images
are 28 x 28 with ink = 1, as in MAML (Finn, Abbeel, Levine 2017). They are
decoded once and kept in a cache file.
"""

import importlib.resources
import json
import math
import os
from collections.abc import Sequence
from typing import Literal

import numpy as np
import tensorflow as tf

from maml_tf.datasets import Dataset
from maml_tf.datasets.building.labelled_examples import (
    LabelledExamples,
    classification,
    scale,
)
from maml_tf.datasets.images import prepared
from maml_tf.datasets.images.preparation import image_preparation
from maml_tf.episodes.augmentation import Augmentation, Augmented
from maml_tf.episodes.class_pool import SPLITS
from maml_tf.episodes.superclasses import ClassesWithin
from maml_tf.errors import InputError, refusal

VERSION = "3.0.0"
IMAGE_SIZE = 28
CLASS_SPLITS = ("random", "lake", "lake_alphabets", "vinyals")

# The names of Lake's background and evaluation sets in TensorFlow Datasets.
_TFDS_SPLITS = ("train", "test")


def load(
    data_dir: str | None = None,
    download: bool = False,
    cache_dir: str | None = None,
    class_split: Literal[
        "random", "lake", "lake_alphabets", "vinyals"
    ] = "random",
    split_seed: int = 0,
    rotations: int = 4,
    alphabets: tuple[str, ...] = (),
    in_memory: bool | None = None,
    augment: tuple[Augmentation, ...] = (),
    augmented: Augmented = "both",
    classes_within: ClassesWithin = "split",
) -> Dataset:
    """Loads Omniglot as a data set of episodes.

    Args:
        data_dir: As in `prepared.load`.
        download: As in `prepared.load`.
        cache_dir: As in `prepared.load`.
        class_split: Which characters are for training / validation / testing.
            `random`: 1100 / 100 / 423 by `split_seed`, as in MAML's code
            (60 / 20 / 20 % of the characters left by `alphabets`). `lake`: the
            964 background characters less 100 (or 10 % of those left by
            `alphabets`) for validation by `split_seed`, and the 659 of
            evaluation. `lake_alphabets`: as `lake`, and validation has whole
            alphabets, 5 of the 30 (or 10 % of those left, at least one).
            `vinyals`: the 1028 / 172 / 423 of Vinyals et al. 2016.
        split_seed: Seed of the division of the characters, independent of the
            run's seed.
        rotations: As in `classification`. MAML's experiments have 4.
        alphabets: Names of the alphabets to keep, as in TensorFlow Datasets,
            such as Futurama. Defaults to all.
        in_memory: As in `prepared.load`.
        augment: As in `classification`.
        augmented: As in `classification`.
        classes_within: As in `classification`; an alphabet is a
            superclass.

    Returns:
        A `Dataset` with inputs `[28, 28, 1]` in [0, 1], cross-entropy and
        accuracy.

    Raises:
        InputError: The set is missing and may not be downloaded, or an argument
            cannot be used.
    """
    if class_split not in CLASS_SPLITS:
        raise refusal(
            "class_split",
            class_split,
            f"it must be one of {', '.join(CLASS_SPLITS)}",
        )
    drawings, background = load_drawings(
        data_dir, download, cache_dir, in_memory
    )
    return classification(
        "omniglot",
        drawings,
        split_characters(
            drawings.names, background, class_split, split_seed, alphabets
        ),
        prepare=scale,
        preparation=image_preparation(
            drawings.examples.shape[1:], fit="pad", ink=True
        ),
        rotations=rotations,
        augment=augment,
        augmented=augmented,
        superclass=np.array([_alphabet(name) for name in drawings.names]),
        classes_within=classes_within,
    )


def split_characters(
    names: np.ndarray,
    background: np.ndarray,
    class_split: str = "random",
    split_seed: int = 0,
    alphabets: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Divides the characters for training, validation and testing.

    Args:
        names: Name of each character, `[characters]`.
        background: Whether each is in Lake's background set, bool
            `[characters]`.
        class_split: As in `load`.
        split_seed: As in `load`.
        alphabets: As in `load`.

    Returns:
        Dict of `"train"`, `"valid"` and `"test"` to disjoint, sorted indices of
        characters.

    Raises:
        InputError: An alphabet is unknown, or a split would be empty.
    """
    kept = _of_alphabets(names, alphabets)
    # RandomState's stream is frozen. NumPy may change that of default_rng; a
    # seed would then name other characters.
    shuffled = np.random.RandomState(split_seed).permutation(kept)
    if class_split == "random":
        share = round(0.2 * kept.size)
        valid, test = (100, 423) if kept.size == 1623 else (share, share)
        parts = np.split(shuffled, [kept.size - valid - test, kept.size - test])
    elif class_split == "lake":
        learned = shuffled[background[shuffled]]
        valid = 100 if learned.size == 964 else round(0.1 * learned.size)
        parts = [learned[valid:], learned[:valid], kept[~background[kept]]]
    elif class_split == "lake_alphabets":
        learned, tested = kept[background[kept]], kept[~background[kept]]
        of = np.array([_alphabet(name) for name in names[learned]], str)
        order = np.random.RandomState(split_seed).permutation(np.unique(of))
        number = 5 if order.size == 30 else max(1, round(0.1 * order.size))
        held_out = np.isin(of, order[:number])
        parts = [learned[~held_out], learned[held_out], tested]
    else:
        listed = _vinyals()
        parts = [kept[np.isin(names[kept], listed[split])] for split in SPLITS]
    characters = dict(zip(SPLITS, map(np.sort, parts), strict=True))
    for split, chosen in characters.items():
        if not chosen.size:
            raise InputError(
                f"class_split: {class_split!r} leaves the {split} split no"
                f" characters of the alphabets {', '.join(alphabets) or 'all'};"
                " random divides the characters of any alphabets."
            )
    return characters


def _of_alphabets(names, alphabets):
    """Returns the indices of the characters of some alphabets, or of all."""
    of_character = np.array([_alphabet(name) for name in names])
    available = sorted(set(of_character))
    for alphabet in alphabets:
        if alphabet not in available:
            raise refusal(
                "alphabets", alphabet, f"available: {', '.join(available)}"
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
    # The file's "character01" is "<alphabet>_0" in TensorFlow Datasets.
    return {
        keys[key]: [
            f"{alphabet}_{int(character.removeprefix('character')) - 1}"
            for alphabets in parts.values()
            for alphabet, characters in alphabets.items()
            for character in characters
        ]
        for key, parts in json.loads(text).items()
    }


def load_drawings(
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
    cache_dir: str | os.PathLike | None = None,
    in_memory: bool | None = None,
) -> tuple[LabelledExamples, np.ndarray]:
    """Loads all drawings, from the cache if they are there.

    Args:
        data_dir: As in `load`.
        download: As in `load`.
        cache_dir: As in `load`.
        in_memory: As in `load`.

    Returns:
        `(drawings, background)`: `LabelledExamples` with uint8 images
        `[28, 28, 1]`, ink being 255, and names `"<alphabet>_<index from 0>"`;
        and whether each character is in Lake's background set (otherwise in
        the evaluation set), bool `[characters]`.

    Raises:
        InputError: The set is missing and `download` is false.
    """
    drawings, part = prepared.load(
        "omniglot",
        (f"{IMAGE_SIZE}px-ink", shrink),
        f"Omniglot {VERSION}",
        version=VERSION,
        parts=_TFDS_SPLITS,
        data_dir=data_dir,
        download=download,
        in_memory=in_memory,
        cache_dir=cache_dir,
    )
    return drawings, part == _TFDS_SPLITS.index("train")


def shrink(image: tf.Tensor, size: int = IMAGE_SIZE) -> tf.Tensor:
    """Shrinks a drawing and inverts it: ink becomes bright.

    Bilinear with antialiasing: each pixel is a weighted mean of the pixels that
    it covers, so thin strokes grow faint but never vanish.

    Args:
        image: Black ink on white, 255 being white, `[height, width, channels]`
            or `[images, height, width, channels]`.
        size: Height and width of the result in pixels. Defaults to 28.

    Returns:
        A uint8 tensor `[size, size, 1]` or `[images, size, size, 1]`; full ink
        is 255.
    """
    ink = 255 - image[..., :1]
    ink = tf.image.resize(ink, [size, size], "bilinear", antialias=True)
    return tf.saturate_cast(tf.round(ink), tf.uint8)


def load_originals(
    names: Sequence[str],
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
) -> np.ndarray:
    """Decodes the drawings of some characters as they were drawn.

    Args:
        names: Names of the characters, as those of `load_drawings`.
        data_dir: As in `load`.
        download: As in `load`.

    Returns:
        A uint8 array `[drawings, 105, 105, 1]` of black ink on white, by
        character and then in the order of `load_drawings`.

    Raises:
        InputError: The set is missing and `download` is false.
    """
    return prepared.originals(
        "omniglot",
        lambda image: image[:, :, :1],
        f"Omniglot {VERSION}",
        names,
        version=VERSION,
        parts=_TFDS_SPLITS,
        data_dir=data_dir,
        download=download,
    )


def distort(
    images: np.ndarray | tf.Tensor, shear: float = 0.0, scale: float = 1.0
) -> tf.Tensor:
    """Shears and scales drawings about their centre, on white paper.

    A point at `(x, y)` from the centre, y upwards, goes to
    `scale * (x + tan(shear) * y, y)`. Pixels are interpolated bilinearly.

    Args:
        images: Black ink on white, uint8 `[images, height, width, channels]`.
        shear: Angle by which upright lines lean to the right, in radians.
        scale: Factor of the size.

    Returns:
        A float32 tensor of the shape of `images`; 255 is white.
    """
    images = tf.cast(images, tf.float32)
    height, width = images.shape[1:3]
    x, y = (width - 1) / 2, (height - 1) / 2
    along, across = 1 / scale, math.tan(shear) / scale
    # From places in the result to those in the drawing, rows counted downwards.
    matrix = [along, across, x - along * x - across * y]
    matrix += [0.0, along, y - along * y, 0.0, 0.0]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=[matrix],
        output_shape=[height, width],
        fill_value=255.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
