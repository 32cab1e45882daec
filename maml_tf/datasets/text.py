"""Few-shot classification of texts: a user's own, in a table of text and label.

Texts become the ids of their words by Keras's `TextVectorization`; in scripts
without spaces, such as Chinese and Thai, the ids of their characters. The
vocabulary comes from the training classes alone: a word that only held-out
classes have is unknown, as a new word is when the model is used.
"""

import csv
import io
import os
import pathlib
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from maml_tf.datasets import Dataset
from maml_tf.datasets.building import class_splits, fingerprint
from maml_tf.datasets.building.delimiters import delimiter
from maml_tf.datasets.building.labelled_examples import (
    classification,
    sort_by_class,
)
from maml_tf.datasets.building.scripts_without_spaces import without_spaces
from maml_tf.episodes.superclasses import ClassesWithin
from maml_tf.errors import InputError, check_at_least_one
from maml_tf.files import read_json_lines, read_text

COLUMNS = ("text", "label")


def load(
    path: str | os.PathLike,
    class_split: str = "random",
    split_seed: int = 0,
    vocabulary_size: int = 10000,
    text_length: int = 32,
    classes_within: ClassesWithin = "split",
) -> Dataset:
    """Loads texts and their labels from a file.

    Args:
        path: A .csv, .tsv or .jsonl file in UTF-8 with the columns (or keys)
            `text` and `label`; others are ignored. The delimiter of a .csv file
            is the comma, semicolon or tab that is most frequent in its header.
        class_split: As in `class_splits.divide`.
        split_seed: As in `class_splits.divide`.
        vocabulary_size: Largest number of token ids, two of them for padding
            and unknown words.
        text_length: Words kept of each text, or characters in scripts without
            spaces; shorter texts are padded.
        classes_within: As in `classification`; labels are then
            `superclass/class`.

    Returns:
        A `Dataset` with int32 inputs `[text_length]`, cross-entropy and
        accuracy.

    Raises:
        InputError: The file cannot be read, or an argument cannot be used.
    """
    texts, labels = read(path)
    names = sorted(set(labels))
    classes = class_splits.divide(names, class_split, split_seed)
    return texts_of_classes(
        f"text:{path}",
        texts,
        labels,
        names,
        classes,
        vocabulary_size,
        text_length,
        classes_within=classes_within,
    )


def texts_of_classes(
    name: str,
    texts: Sequence[str],
    labels: Sequence[str],
    names: Sequence[str],
    classes: dict[str, np.ndarray],
    vocabulary_size: int,
    text_length: int,
    **options: Any,
) -> Dataset:
    """Makes a data set of labelled texts.

    Args:
        name: The data set's name.
        texts: Strings.
        labels: The name of each text's class.
        names: Names of all classes.
        classes: Dict of split to indices in `names`.
        vocabulary_size: As in `load`.
        text_length: As in `load`.
        **options: `superclass` and `classes_within` of `classification`.

    Returns:
        A `Dataset`; its `preparation` is the Keras model from strings to ids.

    Raises:
        InputError: An argument cannot be used.
    """
    check_at_least_one(text_length=text_length)
    if vocabulary_size < 3:
        raise InputError(
            f"vocabulary_size: {vocabulary_size} was given; it must be 3 or"
            " more, because padding and unknown words take two ids."
        )
    index = {name: number for number, name in enumerate(names)}
    numbers = np.array([index[label] for label in labels])
    learned = np.isin(numbers, classes["train"])
    preparation = fit_preparation(
        [text for text, known in zip(texts, learned, strict=True) if known],
        vocabulary_size,
        text_length,
    )
    ids = preparation.predict(
        np.array(texts, object), batch_size=4096, verbose=0
    )
    return classification(
        name,
        sort_by_class(ids.astype(np.int32), numbers, names),
        classes,
        prepare=lambda ids: ids,
        identity=sort_by_class(
            fingerprint.of_texts(texts), numbers, names
        ).examples,
        vocabulary_size=len(preparation.layers[-1].get_vocabulary()),
        preparation=preparation,
        **options,
    )


def fit_preparation(
    texts: Sequence[str], vocabulary_size: int, text_length: int
) -> keras.Model:
    """Fits the vocabulary: the most frequent words of `texts`.

    Words are in lower case, without punctuation. Texts in scripts without
    spaces are divided into characters, with a warning.

    Args:
        texts: Strings.
        vocabulary_size: As in `load`.
        text_length: As in `load`.

    Returns:
        A `keras.Model` from strings `[texts]` to ids `[texts, text_length]`.

    Raises:
        InputError: The texts have no words.
    """
    split = "whitespace"
    if without_spaces(texts):
        split = "character"
        warnings.warn(
            "The texts of the training classes are in a script without spaces,"
            f" and are divided into characters; text_length={text_length}"
            " counts characters.",
            stacklevel=3,
        )
    fitted = keras.layers.TextVectorization(
        max_tokens=vocabulary_size, split=split
    )
    fitted.adapt(np.array(texts, object))
    if not fitted.get_vocabulary(include_special_tokens=False):
        raise InputError(
            "dataset: the texts of the training classes have no words, only"
            " punctuation; give texts with words."
        )
    # A vocabulary that is given as a list is part of the configuration.
    vectorization = keras.layers.TextVectorization(
        max_tokens=vocabulary_size,
        split=split,
        output_sequence_length=text_length,
        vocabulary=fitted.get_vocabulary(include_special_tokens=False),
        name="vectorization",
    )
    return keras.Sequential(
        [keras.Input((), dtype="string", name="text"), vectorization],
        name="preparation",
    )


def read(
    path: str | os.PathLike,
    argument: str = "dataset",
    must_have: Sequence[str] = COLUMNS,
) -> tuple[list[str], list]:
    """Reads texts and labels.

    Args:
        path: As in `load`.
        argument: Name of the file in messages. Defaults to `"dataset"`.
        must_have: The names in `COLUMNS` that must be there; others may be
            missing or empty. Defaults to both.

    Returns:
        `(texts, labels)`, two lists of strings; a missing label is None.

    Raises:
        InputError: The file is missing, is not UTF-8, has another form, or a
            text or label is empty.
    """
    path = pathlib.Path(path)
    readers = {".csv": _table, ".tsv": _table, ".jsonl": _json_lines}
    if path.suffix not in readers:
        raise InputError(
            f"{argument}: {path} was given; the file's ending must be one of"
            f" {', '.join(readers)}."
        )
    where = f"{argument}: {path}"
    rows = readers[path.suffix](path, argument, must_have)
    texts, labels = [], []
    for line, text, label in rows:
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{where}, line {line}: text is empty.")
        label = "" if label is None else str(label).strip()
        if not label and "label" in must_have:
            raise InputError(f"{where}, line {line}: label is empty.")
        check_characters(f"{where}, line {line}", text, label)
        texts.append(text)
        labels.append(label or None)
    if not texts:
        raise InputError(
            f"{where} has no texts; give a row for each, with the"
            f" columns {' and '.join(must_have)}."
        )
    return texts, labels


def check_characters(where: str, *texts: str) -> None:
    """Refuses halves of characters, such as U+D800, which JSON can write.

    Args:
        where: The argument and the place, as messages begin.
        *texts: Strings.

    Raises:
        InputError: A string cannot be written as UTF-8.
    """
    for text in texts:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            half = ascii(text[error.start])[1:-1]
            raise InputError(
                f"{where}: {half} is half a character; write the whole one, or"
                " leave it out."
            ) from error


def _table(path, argument, must_have):
    """Yields `(line, text, label)` of a table with a header."""
    where = f"{argument}: {path}"
    content = read_text(path, argument)
    reader = csv.DictReader(
        io.StringIO(content, newline=""), delimiter=delimiter(path, content)
    )
    try:
        yield from _rows(reader, where, must_have)
    except csv.Error as error:
        raise InputError(
            f"{where}, line {reader.reader.line_num}: {error}."
        ) from error


def _rows(reader, where, must_have):
    """Yields `(line, text, label)` of a `csv.DictReader`."""
    columns = [name.strip() for name in reader.fieldnames or []]
    # `Text` will do if there is no `text`.
    reader.fieldnames = columns = [
        name.lower()
        if name.lower() in COLUMNS and name.lower() not in columns
        else name
        for name in columns
    ]
    for column in must_have:
        if column not in columns:
            raise InputError(
                f"{where} has no column {column!r}; its first line names"
                f" {', '.join(columns) or 'none'}, and"
                f" {' and '.join(must_have)}"
                f" {'is' if len(must_have) == 1 else 'are'} needed."
            )
    for row in reader:
        yield reader.line_num, row["text"], row.get("label")


def _json_lines(path, argument, must_have):
    """Yields `(line, text, label)` of JSON objects, one a line."""
    for line, record in read_json_lines(path, argument):
        if not isinstance(record, dict) or not set(must_have) <= set(record):
            raise InputError(
                f"{argument}: {path}, line {line} has no keys"
                f" {' and '.join(must_have)}."
            )
        yield line, record["text"], record.get("label")
