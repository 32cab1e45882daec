"""Files that are written whole or not at all."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator


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
    """
    folder = pathlib.Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)
    partial = partial_name(folder)
    shutil.rmtree(partial, ignore_errors=True)
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
        if error.filename is None:
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
