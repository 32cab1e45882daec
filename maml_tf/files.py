"""Files that are written whole or not at all."""

import contextlib
import os
import pathlib
import shutil


@contextlib.contextmanager
def replacing(path):
    """Gives a name to write to, which takes the file's place at the end.

    Args:
        path: The file to make or to replace; its folder is made. If the `with`
            block raises, the file stays as it was. What a killed process left
            of an earlier attempt is removed.

    Yields:
        A `pathlib.Path` beside it, with the same ending.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path)
    partial = partial_name(path)
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def partial_folder(folder):
    """Gives a name for a folder to fill; to rename it is left to the caller.

    Args:
        folder: The folder to make; the one that it goes into is made. What is
            left under the partial name at the end is removed, and what a killed
            process left of an earlier attempt.

    Yields:
        A `pathlib.Path` beside it, of a folder that is not there yet.
    """
    folder = pathlib.Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)
    partial = partial_name(folder)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def partial_name(path):
    """The name beside `path` under which this process writes it."""
    # The process's number: two at once must not write into one another.
    return path.with_name(f".partial-{os.getpid()}-{path.name}")


def remove_abandoned(path):
    """Removes what processes that are no more had begun to write as `path`."""
    for partial in path.parent.glob(f".partial-*-{path.name}"):
        number = partial.name.split("-")[1]
        if number.isdigit() and not _runs(int(number)):
            if partial.is_dir():
                shutil.rmtree(partial, ignore_errors=True)
            else:
                partial.unlink(missing_ok=True)


def _runs(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # It is somebody else's.
        return True
    return True
