"""Files that are written whole or not at all."""

import contextlib
import os
import pathlib


@contextlib.contextmanager
def replacing(path):
    """Gives a name to write to, which takes the file's place at the end.

    Args:
        path: the file to make or to replace; its folder is made. If the `with`
            block raises, the file stays as it was.

    Yields:
        A `pathlib.Path` beside it, with the same ending.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process's number: two at once must not write into one another.
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
