"""Files: read as text or as JSON, and written whole or not at all."""

import contextlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from maml_tf.errors import InputError


def read_text(path: str | os.PathLike, argument: str = "dataset") -> str:
    """Returns the text of a file in UTF-8, with or without a byte-order mark.

    Args:
        path: The file.
        argument: The argument's name in messages. Defaults to `"dataset"`.

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


def read_json(path: str | os.PathLike, argument: str = "dataset") -> Any:
    """Returns the value in a file of JSON.

    Args:
        path: The file, in UTF-8.
        argument: The argument's name in messages. Defaults to `"dataset"`.

    Raises:
        InputError: The file cannot be read, or is not JSON.
    """
    return parse_json(read_text(path, argument), f"{argument}: {path}")


def read_json_lines(
    path: str | os.PathLike,
    argument: str = "dataset",
    may_be_cut_off: bool = False,
) -> list[tuple[int, Any]]:
    """Returns the values in a file of JSON, one a line.

    Empty lines are skipped.

    Args:
        path: The file, in UTF-8.
        argument: The argument's name in messages. Defaults to `"dataset"`.
        may_be_cut_off: Whether the last line is left out if it is not JSON, as
            after a process that was killed while it wrote. Defaults to false.

    Returns:
        Pairs of a line's number, from 1, and its value.

    Raises:
        InputError: The file cannot be read, or a line is not JSON.
    """
    # Not `splitlines`: it divides at characters that JSON allows in a string.
    lines = [
        (number, line)
        for number, line in enumerate(read_text(path, argument).split("\n"), 1)
        if line.strip()
    ]
    values = []
    for number, line in lines:
        try:
            value = parse_json(line, f"{argument}: {path}, line {number}")
        except InputError:
            if may_be_cut_off and number == lines[-1][0]:
                break
            raise
        values.append((number, value))
    return values


def check_folder(path: pathlib.Path, argument: str = "workdir") -> None:
    """Refuses a file where a folder is to be.

    Args:
        path: The folder, which need not exist yet.
        argument: The argument's name in messages. Defaults to `"workdir"`.

    Raises:
        InputError: `path` is a file.
    """
    if path.exists() and not path.is_dir():
        raise InputError(
            f"{argument}: {path} is a file, and must be a folder; move it away."
        )


def parse_json(text: str, where: str) -> Any:
    """Returns the value of a text in JSON.

    Args:
        text: The text.
        where: The argument and the file, as messages begin.

    Raises:
        InputError: The text is not JSON, or is nested too deeply for Python.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"{where} is not JSON: {error}.") from error
    except RecursionError as error:
        raise InputError(f"{where} is nested too deeply to be read.") from error


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Gives a temporary file to write, which replaces `path` at the end.

    Args:
        path: The file to make or to replace; its folder is made. If the `with`
            block raises, the file stays as it was. Files that a killed process
            left of an earlier attempt are removed.

    Yields:
        A `pathlib.Path` beside it, with the same ending.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path)
    partial = partial_name(path)
    try:
        with naming(path):
            yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def partial_folder(folder: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Gives a temporary name for a folder to fill; the caller renames it.

    Args:
        folder: The folder to make; its parent is made. Anything left under the
            temporary name at the end is removed, and so is anything that a
            killed process left of an earlier attempt.

    Yields:
        A `pathlib.Path` beside it, of a folder that does not exist yet.

    Raises:
        OSError: The folder cannot be made there. It is raised at once, and
            names the folder.
    """
    folder = pathlib.Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)
    partial = partial_name(folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    partial.rmdir()
    try:
        with naming(folder):
            yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def naming(path: str | os.PathLike) -> Iterator[None]:
    """Names `path` in an `OSError` of the block that names no file.

    A full disk is told to the writing process without the file's name.

    Args:
        path: The file or folder that the block writes.
    """
    try:
        yield
    except OSError as error:
        # Without a number its text is all that it says.
        if error.filename is None and error.errno is not None:
            error.filename = os.fspath(path)
        raise


def partial_name(path: pathlib.Path) -> pathlib.Path:
    """Returns the name beside `path` under which this process writes it."""
    # With the process's number: two processes must not share a file.
    return path.with_name(f".partial-{os.getpid()}-{path.name}")


def remove_abandoned(path: pathlib.Path) -> None:
    """Removes partial files of `path` that ended processes have left."""
    for partial in path.parent.glob(f".partial-*-{path.name}"):
        number = partial.name.split("-")[1]
        if number.isdigit() and not _runs(int(number)):
            if partial.is_dir():
                shutil.rmtree(partial, ignore_errors=True)
            else:
                partial.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # It belongs to another user.
        return True
    return True
