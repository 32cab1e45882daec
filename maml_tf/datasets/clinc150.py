"""CLINC150: requests to an assistant, 150 intents in 10 domains.

Larson et al. 2019, "An evaluation dataset for intent classification and
out-of-scope prediction". Each intent has 150 short English texts; texts out of
scope are left out. The authors' files are read as they are.
"""

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from maml_tf.datasets import Dataset, text
from maml_tf.datasets.building import class_splits
from maml_tf.episodes.superclasses import ClassesWithin
from maml_tf.errors import InputError
from maml_tf.files import read_json

DOMAINS_FILE = "data_domains.json"

# Keys of the file. It has three more, with the texts out of scope.
_PARTS = ("train", "val", "test")


def load(
    path: str | os.PathLike,
    class_split: str = "domains",
    split_seed: int = 0,
    vocabulary_size: int = 10000,
    text_length: int = 32,
    classes_within: ClassesWithin = "split",
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
        classes_within: As in `classification`; a domain is a superclass, as the
            file `data_domains.json` lists them.

    Returns:
        A `Dataset` with int32 inputs `[text_length]`, cross-entropy and
        accuracy.

    Raises:
        InputError: A file cannot be read, or an argument cannot be used.
    """
    path = pathlib.Path(path)
    content = read_json(path)
    try:
        pairs = [pair for part in _PARTS for pair in content[part]]
        texts, labels = map(list, zip(*pairs, strict=True))
        together = "".join(texts + labels)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"dataset: {path} is not CLINC150's; its {', '.join(_PARTS)} must"
            " be lists of pairs of text and intent."
        ) from error
    text.check_characters(f"dataset: {path}", together)
    names = sorted(set(labels))
    domains: dict[str, list[str]] = {}
    if class_split == "domains" or classes_within != "split":
        domains = _domains(path.with_name(DOMAINS_FILE), names)
    if class_split == "domains":
        classes = split_by_domain(names, domains, split_seed)
    else:
        classes = class_splits.divide(names, class_split, split_seed)
    of = {name: d for d, listed in domains.items() for name in listed}
    return text.texts_of_classes(
        "clinc150",
        texts,
        labels,
        names,
        classes,
        vocabulary_size,
        text_length,
        superclass=np.array([of[name] for name in names]) if of else None,
        classes_within=classes_within,
    )


def _domains(path, names):
    """Reads the intents of each domain, all of them."""
    domains = read_json(path)
    if not class_splits.holds_names(domains):
        raise InputError(
            f"dataset: {path} must hold an object with lists of intents by"
            " domain."
        )
    missing = sorted(set(names) - set(sum(domains.values(), [])))
    if missing:
        raise InputError(
            f"dataset: {path} lists no domain for"
            f" {class_splits.first_names(missing)}; each intent needs one."
        )
    return domains


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
