"""The outlines of Matplotlib's own fonts, and images of them."""

import os
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib import ft2font
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path
from matplotlib.transforms import IdentityTransform

from maml_tf.errors import InputError


class FontOutlines:
    """The outlines of characters, read once each.

    Args:
        faces: Names of the font faces, such as `"DejaVuSans-Bold"`.

    Raises:
        InputError: Matplotlib does not have a font of these.
    """

    def __init__(self, faces: Sequence[str]) -> None:
        self._fonts = {face: _open(face) for face in faces}
        self._outlines: dict[tuple[str, int], tuple] = {}

    def characters(self, face: str) -> set[int]:
        """Returns the code points that a face has; it draws others as a box.

        Args:
            face: Name of a font face.
        """
        return set(self._fonts[face].get_charmap())

    def outline(self, face: str, code: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns a character's outline in polygons of short edges.

        Args:
            face: Name of a font face.
            code: The character's code point, one of the face's.

        Returns:
            `(points, codes)`: `[points, 2]`, upwards, centred and with a longer
            side of 1, and Matplotlib's code of each; both are empty for a blank
            character.
        """
        key = face, code
        if key not in self._outlines:
            self._outlines[key] = _outline(self._fonts[face], code)
        return self._outlines[key]


def _open(face):
    """Opens the font file of a face."""
    path = os.path.join(
        matplotlib.get_data_path(), "fonts", "ttf", f"{face}.ttf"
    )
    if not os.path.exists(path):
        raise InputError(
            f"dataset: glyphs needs the fonts that Matplotlib installs, and"
            f" {path} is missing; install Matplotlib with pip, or use another"
            " data set."
        )
    return ft2font.FT2Font(path)


def _outline(font, code):
    """Reads an outline, centred and with a longer side of 1."""
    # In the font's own units, all versions of FreeType give the same outline.
    font.load_char(code, _flags("NO_SCALE") | _flags("IGNORE_TRANSFORM"))
    points, codes = font.get_path()
    if not len(points):
        return points, codes
    # `to_polygons` makes curves smooth at 100 units a side.
    size = np.ptp(points, axis=0).max()
    polygons = [
        _with_short_edges(polygon)
        for polygon in Path(points * 100 / size, codes).to_polygons()
    ]
    points = np.concatenate(polygons)
    codes = np.full(len(points), Path.LINETO, Path.code_type)
    ends = np.cumsum([len(polygon) for polygon in polygons])
    codes[0] = codes[ends[:-1]] = Path.MOVETO
    codes[ends - 1] = Path.CLOSEPOLY
    low, high = points.min(axis=0), points.max(axis=0)
    return (points - (low + high) / 2) / (high - low).max(), codes


def _flags(name):
    """Returns a flag of FreeType, in old and new versions of Matplotlib."""
    if hasattr(ft2font, "LoadFlags"):  # Since 3.10.
        return ft2font.LoadFlags[name]
    return getattr(ft2font, f"LOAD_{name}")


def _with_short_edges(polygon, longest=5.0):
    """Divides a closed polygon's edges so that they can be bent."""
    edges = np.diff(polygon, axis=0)
    parts = np.ceil(np.linalg.norm(edges, axis=1) / longest).astype(int)
    edge = np.repeat(np.arange(len(edges)), parts)
    part = np.arange(len(edge)) - np.repeat(np.cumsum(parts) - parts, parts)
    points = polygon[edge] + (part / parts[edge])[:, np.newaxis] * edges[edge]
    return np.concatenate([points, polygon[:1]])


class Canvas:
    """A square of pixels on which outlines are drawn.

    Args:
        size: Height and width of the images in pixels.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._renderer = RendererAgg(size, size, 72)
        self._context = self._renderer.new_gc()
        self._context.set_snap(False)

    def draw(
        self, points: np.ndarray, codes: np.ndarray, weight: float = 0.0
    ) -> np.ndarray:
        """Fills an outline, antialiased.

        Args:
            points: Points `[points, 2]` in pixels from the middle, upwards.
            codes: Matplotlib's code of each point.
            weight: Number of pixels by which strokes become thicker or, if it
                is negative, thinner. Defaults to 0.

        Returns:
            A uint8 array `[size, size]`; ink is 255, paper 0.
        """
        black, white = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        paper = np.asarray(Path.unit_rectangle().vertices) * self._size
        self._fill(Path(paper), black, black, 0)
        # A line along the outline, half of it inside, adds ink or paper.
        line = white if weight > 0 else black
        path = Path(points + self._size / 2, codes)
        self._fill(path, white, line, abs(weight))
        return np.array(self._renderer.buffer_rgba())[..., 0]

    def _fill(self, path, color, line_color, line_width):
        """Fills a path and draws its line."""
        self._context.set_foreground(line_color)
        self._context.set_linewidth(line_width)
        self._renderer.draw_path(
            self._context, path, IdentityTransform(), color
        )
