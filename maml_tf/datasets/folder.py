"""A folder of your own images, one folder a class."""

import hashlib
import os
import pathlib
import re
import warnings
from typing import NamedTuple

import tensorflow as tf
import tqdm

from maml_tf.datasets import Dataset
from maml_tf.datasets.building import class_splits
from maml_tf.datasets.building.labelled_examples import (
    check_classes,
    classification,
    scale,
)
from maml_tf.datasets.images import files as image_files
from maml_tf.datasets.images import sizes as image_sizes
from maml_tf.datasets.images import source
from maml_tf.datasets.images.preparation import image_preparation
from maml_tf.datasets.images.source import ImageSource
from maml_tf.episodes.augmentation import Augmentation, Augmented
from maml_tf.episodes.class_pool import SPLITS
from maml_tf.episodes.superclasses import ClassesWithin
from maml_tf.errors import InputError

# Raise it when the decoded images change: cache files carry it.
_FORMAT = 2

# Files that systems put beside a user's own.
NOT_OURS = ("__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir")


class Found(NamedTuple):
    """The files of a folder.

    Attributes:
        files: Dict of class to the paths of its files, both sorted by name.
        splits: Dict of split to names of its classes if the folder divides
            them, otherwise None.
    """

    files: dict
    splits: dict | None


def load(
    path: str | os.PathLike,
    cache_dir: str | None = None,
    in_memory: bool | None = None,
    image_size: int | None = None,
    class_split: str | None = None,
    split_seed: int = 0,
    rotations: int = 1,
    augment: tuple[Augmentation, ...] = (),
    augmented: Augmented = "both",
    classes_within: ClassesWithin = "split",
) -> Dataset:
    """Loads a folder of images as a data set of episodes.

    ```
    PATH/<class>/<image>            divided by class_split and split_seed
    PATH/train/<class>/<image>      divided already, with PATH/valid (or val,
                                    dev) and PATH/test, in any case; no class is
                                    in two of them
    PATH/<superclass>/<class>/<image>
                                    classes named <superclass>/<class>; below
                                    train, valid and test as well
    ```

    Images are JPEG, PNG, GIF (the first frame), BMP or WebP, by their content
    and not by their names; see `image_files.decode`. Images that are not square
    are cropped in the middle. All are grey if every image is, otherwise in
    colour; transparent parts become white. Files that cannot be read are left
    out, with a warning that names them. Hidden files and `__MACOSX` are
    ignored, and links are not followed, also with a warning.

    Images are decoded once and kept in the cache until a file in the folder is
    added, removed or changed.

    Args:
        path: The folder.
        cache_dir: As in `source.load`.
        in_memory: As in `source.load`.
        image_size: Height and width that images are resized to, in pixels. By
            default their own if they are all square and of one size, otherwise
            84.
        class_split: As in `class_splits.divide`. Defaults to `random`.
        split_seed: As in `class_splits.divide`.
        rotations: As in `classification`.
        augment: As in `classification`.
        augmented: As in `classification`.
        classes_within: As in `classification`.

    Returns:
        A `Dataset` with inputs in [0, 1], cross-entropy and accuracy.

    Raises:
        InputError: The folder is missing or laid out otherwise, or an argument
            cannot be used.
    """
    where = f"dataset: folder:{path}"
    root = pathlib.Path(os.path.expanduser(path))
    found = find(root, where)
    if found.splits and (class_split is not None or split_seed):
        raise InputError(
            f"class_split: {where} has its classes in train, valid and test"
            " folders; leave class_split and split_seed out."
        )

    def divide(names):
        if found.splits is None:
            return class_splits.divide(
                names, class_split or "random", split_seed
            )
        with_images = {
            split: [name for name in listed if name in names]
            for split, listed in found.splits.items()
        }
        return class_splits.by_names(names, with_images, where)

    # Errors of the division are raised before anything is decoded.
    divide(list(found.files))
    unreadable: list[pathlib.Path] = []
    labelled, _ = source.load(
        _key(root, found.files, image_size),
        lambda: _open(found.files, image_size, unreadable, where),
        in_memory,
        cache_dir,
    )
    if not len(labelled.names):
        raise _no_image(found.files, where)
    if unreadable:
        _warn(
            f"{len(unreadable)} of the files cannot be read as images and are"
            " left out",
            sorted(file.relative_to(root) for file in unreadable),
            where,
        )
    check_classes(labelled, where)
    return classification(
        f"folder:{path}",
        labelled,
        divide(labelled.names.tolist()),
        prepare=scale,
        preparation=image_preparation(labelled.examples.shape[1:]),
        rotations=rotations,
        augment=augment,
        augmented=augmented,
        classes_within=classes_within,
    )


def find(root: pathlib.Path, where: str) -> Found:
    """Finds the images of a folder.

    Args:
        root: The folder.
        where: Its name in messages.

    Returns:
        `Found`.

    Raises:
        InputError: The folder is missing, or is not laid out as `load` says.
    """
    if not root.is_dir():
        fault = "is a file" if root.exists() else "does not exist"
        raise InputError(f"{where} {fault}; give a folder of class folders.")
    links: list[pathlib.Path] = []
    try:
        found = _find(root, links, where)
    except OSError as error:
        raise InputError(
            f"{where} cannot be read: {error.filename}: {error.strerror}."
        ) from error
    if links:
        _warn(
            f"links in it ({len(links)}) are not followed",
            sorted(link.relative_to(root) for link in links),
            where,
        )
    return found


def _find(root, links, where):
    """Finds the images of a folder; adds to `links`."""
    names = [folder.name for folder in _entries(root, links)[0]]
    parts = {class_splits.ALIASES.get(n.lower(), n.lower()): n for n in names}
    if "train" not in parts or not {"valid", "test"} & set(parts):
        return Found(_class_files(root, links, where), None)
    if set(parts) != set(SPLITS) or len(names) != len(SPLITS):
        raise InputError(
            f"{where} has the folders {', '.join(names[:8])}; a folder whose"
            " classes are divided already has train, valid (or val, dev) and"
            " test, and nothing else."
        )
    files: dict[str, list[pathlib.Path]] = {}
    splits: dict[str, list[str]] = {}
    split_of: dict[str, str] = {}
    for split in SPLITS:
        of_split = _class_files(
            root / parts[split], links, f"{where}/{parts[split]}"
        )
        for name in of_split:
            if name in split_of:
                raise InputError(
                    f"{where} has the class {name} in {split_of[name]} and in"
                    f" {split}; a class belongs to one split, so put all class"
                    " folders into one folder and have class_split divide them."
                )
            split_of[name] = split
        files.update(of_split)
        splits[split] = list(of_split)
    return Found(dict(sorted(files.items())), splits)


def _class_files(root, links, where):
    """Returns the files of each class folder in `root`; adds to `links`."""
    folders = _entries(root, links)[0]
    if not folders:
        raise InputError(
            f"{where} has no class folders; put each class's images into a"
            " folder that is named after it."
        )
    inside = {folder.name: _entries(folder, links) for folder in folders}
    if all(folders and not files for folders, files in inside.values()):
        return {
            f"{name}/{folder.name}": _images(folder, links, f"{where}/{name}")
            for name, (folders, _) in inside.items()
            for folder in folders
        }
    return {folder.name: _images(folder, links, where) for folder in folders}


def _images(folder, links, where):
    """Returns the files of a class folder; adds to `links`."""
    files = _entries(folder, links)[1]
    if not files:
        raise InputError(
            f"{where} has the class folder {folder.name} without images"
            " directly in it; remove it, or put some there."
        )
    return files


def _entries(folder, links):
    """Returns a folder's `(folders, files)` by name; adds to `links`."""
    folders, files = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            path = pathlib.Path(entry.path)
            if entry.name.startswith(".") or entry.name in NOT_OURS:
                continue
            if entry.is_symlink():
                links.append(path)
            elif entry.is_dir():
                folders.append(path)
            # Pipes and devices are left out: reading them may never end.
            elif entry.is_file():
                files.append(path)
    return sorted(folders), sorted(files)


def _key(root, files, image_size):
    """Returns a name for the cache that changes with the files."""
    digest = hashlib.sha256(os.fsencode(root.resolve()))
    for paths in files.values():
        for path in paths:
            status = path.stat()
            digest.update(b"\0" + os.fsencode(path.relative_to(root)))
            digest.update(f"\0{status.st_size}\0{status.st_mtime_ns}".encode())
    name = re.sub(r"[^A-Za-z0-9_-]", "_", root.resolve().name)[:40]
    size = "own" if image_size is None else f"{image_size}px"
    return f"folder-{name}-{digest.hexdigest()[:16]}-{size}-{_FORMAT}"


def _open(files, image_size, unreadable, where):
    """Returns a folder's `ImageSource`; adds to `unreadable` as it is read."""
    paths = [path for of_class in files.values() for path in of_class]
    with _bar(f"looking at {where}", len(paths)) as bar:
        shapes = {}
        for path, shape in zip(
            paths, image_files.in_parallel(image_files.shape, paths)
        ):
            if shape is None:
                unreadable.append(path)
            else:
                shapes[path] = shape
            bar.update()
    if not shapes:
        raise _no_image(files, where)
    sizes = {shape[:2] for shape in shapes.values()}
    if image_size is None:
        height, width = next(iter(sizes))
        same = len(sizes) == 1 and height == width
        image_size = height if same else image_sizes.DEFAULT_SIZE
    # One or two channels are grey, the second being alpha.
    channels = 1 if max(shape[2] for shape in shapes.values()) < 3 else 3

    def read(path):
        image = image_files.decode(path)
        if image is None:
            return None
        # The CPU makes the same image of a file on all machines.
        with tf.device("CPU"):
            image = image_sizes.to_channels(image, channels)
            return image_sizes.square(image, image_size).numpy()

    names = list(files)
    readable = [[p for p in files[name] if p in shapes] for name in names]

    def images(classes):
        labelled = [(c, path) for c in sorted(classes) for path in readable[c]]
        decoded = image_files.in_parallel(lambda item: read(item[1]), labelled)
        with _bar(f"decoding {where}", len(labelled)) as bar:
            for (label, path), image in zip(labelled, decoded):
                if image is None:
                    unreadable.append(path)
                else:
                    yield label, image
                bar.update()

    return ImageSource(
        names,
        [len(of_class) for of_class in readable],
        (image_size, image_size, channels),
        images,
    )


def _bar(label, total):
    """Returns a progress bar over images."""
    return tqdm.tqdm(total=total, desc=label, unit="image", disable=None)


def _no_image(files, where):
    """Returns the error for a folder without a readable image."""
    number = sum(map(len, files.values()))
    return InputError(
        f"{where} has {number} files in its class folders, and none of them is"
        " an image that can be read; JPEG, PNG, GIF and BMP can."
    )


def _warn(message, paths, where):
    """Warns of files or links, naming five."""
    named = ", ".join(ascii(str(path))[1:-1] for path in paths[:5])
    warnings.warn(
        f"{where}: {message}: {named}{', ...' if len(paths) > 5 else ''}.",
        stacklevel=3,
    )
