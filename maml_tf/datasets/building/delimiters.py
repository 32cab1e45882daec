"""The delimiter of a table, by its file's ending or its header."""

import pathlib


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
