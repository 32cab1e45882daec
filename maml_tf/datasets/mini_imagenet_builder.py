"""Prepares mini-ImageNet for TensorFlow Datasets from images that you have.

ImageNet's terms do not allow anybody to pass its images on, so nothing can be
downloaded here. `find` says which folders can be used.
"""

import csv
import os
import pathlib
import warnings

import tensorflow as tf
import tensorflow_datasets as tfds
import tqdm

from maml_tf.datasets.building import class_splits
from maml_tf.datasets.images import files as image_files
from maml_tf.datasets.images import sizes as image_sizes
from maml_tf.episodes.class_pool import SPLITS
from maml_tf.errors import InputError

IMAGE_SIZE = 84

# Number of images of each class.
IMAGES = 600
# Number of classes of each split.
CLASSES = {"train": 64, "valid": 16, "test": 20}


class MiniImagenet(tfds.core.GeneratorBasedBuilder):
    """Mini-ImageNet (Vinyals et al. 2016) with Ravi and Larochelle's classes.

    100 classes of 600 colour images, 84 x 84, classes divided 64 / 16 / 20.
    Resized with Lanczos' filter and without regard to the aspect, as in the
    code of MAML (Finn, Abbeel, Levine 2017).
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "The first one."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    One of these folders:
    (a) ImageNet's (ILSVRC2012): `train/<WordNet id>/*.JPEG`, or the folder that
        holds the WordNet ids itself. If Ravi and Larochelle's train.csv,
        val.csv and test.csv are beside them, the images listed there are taken,
        otherwise the first 600 of each class by name.
    (b) `images/*.jpg` with the three .csv files beside `images`.
    (c) `train/<class>/*`, `val/<class>/*` (or `valid`) and `test/<class>/*`.
    """

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description=type(self).__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(
                        shape=(IMAGE_SIZE, IMAGE_SIZE, 3),
                        encoding_format="png",
                    ),
                    # Its names are set when the classes are known.
                    "label": tfds.features.ClassLabel(),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager):
        found = find(dl_manager.manual_dir)
        self.info.features["label"].names = sorted(
            name for classes in found.values() for name in classes
        )
        return {
            split: self._generate_examples(split, classes)
            for split, classes in found.items()
        }

    def _generate_examples(self, split, classes):
        items = [
            (name, key, path)
            for name, files in classes.items()
            for key, path in files.items()
        ]
        images = image_files.in_parallel(lambda item: _png(item[2]), items)
        unreadable = []
        bar = tqdm.tqdm(
            images, f"preparing {split}", len(items), unit="image", disable=None
        )
        for (name, key, path), image in zip(items, bar):
            if image is None:
                unreadable.append(str(path))
            else:
                yield f"{name}/{key}", {"image": image, "label": name}
        if unreadable:
            warnings.warn(
                f"manual_dir: {len(unreadable)} of the files cannot be read as"
                f" images and are left out: {_some(unreadable)}.",
                stacklevel=2,
            )


def find(manual_dir: str | os.PathLike) -> dict[str, dict[str, dict]]:
    """Finds the images of mini-ImageNet in a folder.

    `MiniImagenet.MANUAL_DOWNLOAD_INSTRUCTIONS` lists the folders that can be
    used. The .csv files have the columns `filename` and `label`. A file name
    such as `n0153282900000005.jpg` is a WordNet id, `n01532829`, and the
    image's place among all images of that class in ImageNet, in the order of
    the numbers in their names (`n01532829_<number>.JPEG`) and counted from 1.
    Therefore ImageNet's class folders must be complete if .csv files select
    images from them.

    A warning names classes with fewer than 600 images. If a class folder has
    more, the first 600 by name are taken.

    Args:
        manual_dir: The folder.

    Returns:
        Dict of split to a dict of class to a dict of the images' names to their
        paths.

    Raises:
        InputError: The folder is not one of these, or a class or a listed file
            is missing.
    """
    root = pathlib.Path(manual_dir)
    if not root.is_dir():
        raise InputError(f"manual_dir: {root} is not a folder.")
    found = _find(root)
    for split, classes in found.items():
        if len(classes) != CLASSES[split]:
            chosen = class_splits.shipped("mini_imagenet_ravi")[split]
            missing = sorted(set(chosen) - set(classes))
            raise InputError(
                f"manual_dir: {root} has {len(classes)} classes for {split},"
                f" but mini-ImageNet has {CLASSES[split]}; of Ravi and"
                f" Larochelle's it lacks {_some(missing) or 'none'}."
            )
    split_of: dict[str, str] = {}
    for split, classes in found.items():
        for name in classes:
            if split_of.setdefault(name, split) != split:
                raise InputError(
                    f"manual_dir: {root} has the class {name} for"
                    f" {split_of[name]} and for {split}; the splits' classes"
                    " must be disjoint."
                )
    short = [
        f"{name} has {len(files)}"
        for classes in found.values()
        for name, files in classes.items()
        if len(files) < IMAGES
    ]
    if short:
        warnings.warn(
            f"manual_dir: {len(short)} of the {len(split_of)} classes in {root}"
            f" have fewer than {IMAGES} images: {_some(short)}.",
            stacklevel=2,
        )
    return found


def _find(root):
    """Finds the images in any of the forms; see `find`."""
    listed = _listed(root)
    if listed and (root / "images").is_dir():
        return _of_one_folder(root / "images", listed)
    ravi = class_splits.shipped("mini_imagenet_ravi")
    for folder in (root / "train", root):
        # ImageNet has the test classes in the same folder as the others.
        if any((folder / name).is_dir() for name in ravi["test"]):
            if listed:
                return _of_imagenet_listed(folder, listed)
            return _of_imagenet(folder, ravi)
    parts = {
        split: next(
            (f for f in _folders(root) if _split(f.name) == split), None
        )
        for split in SPLITS
    }
    if not listed and all(parts.values()):
        return {
            split: {
                c.name: _first(_files(c)) for c in _folders(part) if _files(c)
            }
            for split, part in parts.items()
        }
    raise InputError(
        f"manual_dir: {root} has neither ImageNet's train/<WordNet id>, nor"
        " images with train.csv, val.csv and test.csv, nor train, val and test"
        " with a folder of each class."
    )


def _listed(root):
    """Reads the .csv files: split -> class -> file names, or None."""
    paths = {
        split: root / f"{'val' if split == 'valid' else split}.csv"
        for split in SPLITS
    }
    present = [path.name for path in paths.values() if path.is_file()]
    if not present:
        return None
    listed: dict[str, dict[str, list[str]]] = {}
    for split, path in paths.items():
        listed[split] = {}
        try:
            with open(path, newline="", encoding="utf-8-sig") as file:
                for row in csv.DictReader(file):
                    names = listed[split].setdefault(row["label"], [])
                    names.append(row["filename"])
        except (OSError, UnicodeError, csv.Error) as error:
            raise InputError(
                f"manual_dir: {path} cannot be read ({error}); {root} has"
                f" {', '.join(present)}, and needs train.csv, val.csv and"
                " test.csv or none of them."
            ) from error
        except KeyError as error:
            raise InputError(
                f"manual_dir: {path} has no column {error}; it must have"
                " filename and label."
            ) from error
    return listed


def _of_one_folder(folder, listed):
    """Finds the listed images in one folder."""
    paths = {path.name: path for path in _files(folder)}
    return _resolve(listed, lambda label: paths, folder)


def _of_imagenet_listed(folder, listed):
    """Finds the listed images in ImageNet's class folders."""

    def files(label):
        """Returns the class's files by their names in the .csv files."""
        paths = sorted(_files(folder / label), key=_number)
        return {
            f"{label}{place:08d}.jpg": path
            for place, path in enumerate(paths, start=1)
        }

    return _resolve(listed, files, folder)


def _number(path):
    """Returns a key to sort ImageNet's files, n01532829_17.JPEG, by number."""
    number = path.stem.rpartition("_")[2]
    return (int(number) if number.isdecimal() else -1, path.name)


def _resolve(listed, files_of, folder):
    """Finds the listed files; `files_of` gives the files of a class."""
    found: dict[str, dict[str, dict]] = {}
    missing = []
    for split, classes in listed.items():
        found[split] = {}
        for label, names in classes.items():
            files = files_of(label)
            missing += [name for name in names if name not in files]
            found[split][label] = {
                name: files[name] for name in names if name in files
            }
    if missing:
        raise InputError(
            f"manual_dir: {len(missing)} of the images that the .csv files list"
            f" are not in {folder}, the first {missing[0]}."
        )
    return found


def _of_imagenet(folder, classes):
    """Finds the first 600 images of each class in ImageNet's folders."""
    missing = [
        name
        for names in classes.values()
        for name in names
        if not _files(folder / name)
    ]
    if missing:
        raise InputError(
            f"manual_dir: {folder} has no images of {len(missing)} of"
            f" mini-ImageNet's 100 classes: {_some(missing)}."
        )
    return {
        split: {name: _first(_files(folder / name)) for name in names}
        for split, names in classes.items()
    }


def _first(paths):
    """Returns the first 600 files by their names."""
    return {path.name: path for path in paths[:IMAGES]}


def _files(folder):
    """Returns a folder's files, sorted, without hidden ones; [] if missing."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".")
    )


def _folders(folder):
    """Returns the folders in a folder, sorted, without hidden ones."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    )


def _split(name):
    """Returns the split that a folder's name stands for."""
    return class_splits.ALIASES.get(name, name)


def _some(names):
    """Returns the first five names as text."""
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _png(path):
    """Returns an image as PNG in mini-ImageNet's size; None if unreadable."""
    image = image_files.decode(path)
    if image is None:
        return None
    with tf.device("CPU"):
        image = image_sizes.to_channels(image, 3)
        image = image_sizes.resize(image, IMAGE_SIZE, "lanczos3")
        return tf.io.encode_png(image).numpy()
