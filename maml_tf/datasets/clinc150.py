"""CLINC150: requests to an assistant, 150 intents in 10 domains.

Larson et al. 2019, "An evaluation dataset for intent classification and
out-of-scope prediction". Each intent has 150 short English texts; texts out of
scope are left out. The authors' files are read as they are.
"""

import json
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from maml_tf.datasets import Dataset, text
from maml_tf.datasets.building import class_splits
from maml_tf.datasets.building.text_files import read_text
from maml_tf.errors import InputError

DOMAINS_FILE = "data_domains.json"

# Keys of the file. It has three more, with the texts out of scope.
_PARTS = ("train", "val", "test")


def load(
    path: str | os.PathLike,
    class_split: str = "domains",
    split_seed: int = 0,
    vocabulary_size: int = 10000,
    text_length: int = 32,
) -> Dataset:
    """Loads CLINC150.

    Args:
        path: The authors' `data_full.json`, or another of their files.
        class_split: As in `class_splits.divide`. `domains`: whole domains, 6 /
            2 / 2 by `split_seed`, as the file `data_domains.json` beside the
            data lists them.
        split_seed: As in `class_splits.divide`.
        vocabulary_size: As in `text.load`.
        text_length: As in `text.load`.

    Returns:
        A `Dataset` with int32 inputs `[text_length]`, cross-entropy and
        accuracy.

    Raises:
        InputError: A file cannot be read, or an argument cannot be used.
    """
    path = pathlib.Path(path)
    content = _json(path)
    try:
        pairs = [pair for part in _PARTS for pair in content[part]]
        texts, labels = map(list, zip(*pairs, strict=True))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"dataset: {path} is not CLINC150's; its {', '.join(_PARTS)} must"
            " be lists of pairs of text and intent."
        ) from error
    names = sorted(set(labels))
    if class_split == "domains":
        classes = split_by_domain(
            names, _json(path.with_name(DOMAINS_FILE)), split_seed
        )
    else:
        classes = class_splits.divide(names, class_split, split_seed)
    return text.texts_of_classes(
        "clinc150", texts, labels, names, classes, vocabulary_size, text_length
    )


def split_by_domain(
    names: Sequence[str], domains: dict[str, list[str]], split_seed: int = 0
) -> dict[str, np.ndarray]:
    """Divides intents by domain, each domain into one split.

    Args:
        names: The intents.
        domains: Dict of domain to its intents.
        split_seed: Seed of the division. Defaults to 0.

    Returns:
        Dict of split to sorted indices in `names`.

    Raises:
        InputError: There are fewer than three domains, or an intent of theirs
            is unknown.
    """
    of_split = class_splits.by_seed(len(domains), split_seed)
    intents = [domains[domain] for domain in sorted(domains)]
    return class_splits.by_names(
        names,
        {
            split: list(np.concatenate([intents[i] for i in chosen]))
            for split, chosen in of_split.items()
        },
        DOMAINS_FILE,
    )


def _json(path):
    """Reads a JSON file."""
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        # InputError is a ValueError too; `read_text` raises it.
        if isinstance(error, InputError):
            raise
        raise InputError(f"dataset: {path} is not JSON: {error}.") from error
