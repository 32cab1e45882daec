"""The outlines of Matplotlib's own fonts, and what they look like in pixels."""

import os

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
        InputError: If Matplotlib has no such font.
    """

    def __init__(self, faces):
        self._fonts = {face: _open(face) for face in faces}
        self._outlines = {}

    def characters(self, face):
        """Returns the code points that a face has; others it draws as a box."""
        return set(self._fonts[face].get_charmap())

    def outline(self, face, code):
        """Returns a character's outline in polygons of short edges.

        Args:
            face: Name of a font face.
            code: The character's code point, one of the face's.

        Returns:
            `(points, codes)`: `[points, 2]`, upwards, centred and with a longer
            side of 1, and Matplotlib's code of each; none for what is blank.
        """
        key = face, code
        if key not in self._outlines:
            self._outlines[key] = _outline(self._fonts[face], code)
        return self._outlines[key]


def _open(face):
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
    # In the font's own units: as designed, whichever the version of FreeType.
    font.load_char(code, _flags("NO_SCALE") | _flags("IGNORE_TRANSFORM"))
    points, codes = font.get_path()
    if not len(points):
        return points, codes
    # As large as makes for smooth curves.
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
    """A flag of FreeType, by the name that this version of Matplotlib has."""
    if hasattr(ft2font, "LoadFlags"):  # Since 3.10.
        return ft2font.LoadFlags[name]
    return getattr(ft2font, f"LOAD_{name}")


def _with_short_edges(polygon, longest=5.0):
    """Divides a closed polygon's edges, so that they can be bent."""
    edges = np.diff(polygon, axis=0)
    parts = np.ceil(np.linalg.norm(edges, axis=1) / longest).astype(int)
    edge = np.repeat(np.arange(len(edges)), parts)
    part = np.arange(len(edge)) - np.repeat(np.cumsum(parts) - parts, parts)
    points = polygon[edge] + (part / parts[edge])[:, np.newaxis] * edges[edge]
    return np.concatenate([points, polygon[:1]])


class Canvas:
    """Where outlines become images.

    Args:
        size: Height and width of the images in pixels.
    """

    def __init__(self, size):
        self._size = size
        self._renderer = RendererAgg(size, size, 72)
        self._context = self._renderer.new_gc()
        self._context.set_snap(False)

    def draw(self, points, codes, weight=0.0):
        """Fills an outline, antialiased.

        Args:
            points: `[points, 2]` in pixels from the middle, upwards.
            codes: Matplotlib's code of each.
            weight: By how many pixels strokes are to be thicker or, where
                negative, thinner.

        Returns:
            uint8 `[size, size]`, 255 where there is ink.
        """
        black, white = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        paper = Path.unit_rectangle().vertices * self._size
        self._fill(Path(paper), black, black, 0)
        # The outline's own line, half of it inside, is ink or paper.
        line = white if weight > 0 else black
        path = Path(points + self._size / 2, codes)
        self._fill(path, white, line, abs(weight))
        return np.array(self._renderer.buffer_rgba())[..., 0]

    def _fill(self, path, color, line_color, line_width):
        self._context.set_foreground(line_color)
        self._context.set_linewidth(line_width)
        self._renderer.draw_path(
            self._context, path, IdentityTransform(), color
        )
