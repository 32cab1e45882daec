"""Reading text files, with a sentence for those that cannot be."""

import pathlib

from maml_tf.errors import InputError


def read_text(path, argument="dataset"):
    """Returns the text of a file in UTF-8, with or without a byte-order mark.

    Args:
        path: The file.
        argument: What messages call it.

    Raises:
        InputError: If it is missing, cannot be read, or is not UTF-8.
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
