"""Reads text files, and refuses those that are not UTF-8."""

import os
import pathlib

from maml_tf.errors import InputError


def read_text(path: str | os.PathLike, argument: str = "dataset") -> str:
    """Returns the text of a file in UTF-8, with or without a byte-order mark.

    Args:
        path: The file.
        argument: The argument's name in messages.

    Raises:
        InputError: The file is missing, cannot be read, or is not UTF-8.
    """
    path = pathlib.Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{argument}: {path} cannot be read: {error.strerror}."
        ) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{argument}: {path} is not UTF-8 (line {line}, byte"
            f" {error.start + 1}); save it as UTF-8."
        ) from error


def delimiter(path: pathlib.Path, text: str) -> str:
    """Returns the delimiter of a table, by the file's ending or its header.

    Args:
        path: The file.
        text: Its text.

    Returns:
        A tab for a .tsv file; in others the comma, semicolon or tab that occurs
        most often in the first line.
    """
    if path.suffix.lower() == ".tsv":
        return "\t"
    header = text.lstrip("\r\n").partition("\n")[0]
    return max(",;\t", key=header.count)
