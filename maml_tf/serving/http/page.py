"""The files of the page, read once and sent as they are."""

import mimetypes
import pathlib

from starlette.responses import Response

from maml_tf.serving.http.refusals import NOT_FOUND, Refusal

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "page"
_FIRST = "index.html"
# The page takes nothing from other hosts, and is not shown within others.
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


class Page:
    """The files of a folder, by their paths in it.

    Args:
        folder: The folder; one that does not exist has no files.
    """

    def __init__(self, folder: pathlib.Path = FOLDER) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix not in (".py", ".pyc")
        }

    def file(self, name: str = _FIRST) -> Response:
        """Returns the answer with a file.

        Args:
            name: Its path in the folder.

        Raises:
            Refusal: There is no such file.
        """
        if name not in self._files:
            raise Refusal(NOT_FOUND, "page: there is no such file.")
        suffix = pathlib.PurePosixPath(name).suffix
        kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0]
        return Response(
            self._files[name],
            headers=_HEADERS,
            media_type=kind or "application/octet-stream",
        )
