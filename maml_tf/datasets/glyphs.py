"""Glyphs: drawings of some 900 letters of 15 scripts, made here, synthetic.

A stand-in for Omniglot that needs no download: letters from the fonts that
Matplotlib installs, distorted at random. The splits have different scripts, and
the scripts of the test split are never trained on: Georgian, Hebrew, Arabic,
Tifinagh, Lisu, Lao, Ogham and Old Italic. Results on it are comparable with one
another only.
"""

import os
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
import tqdm

from maml_tf.datasets import Dataset
from maml_tf.datasets.building.labelled_examples import (
    LabelledExamples,
    classification,
    scale,
)
from maml_tf.datasets.font_outlines import Canvas, FontOutlines
from maml_tf.datasets.images import cache
from maml_tf.datasets.images.preparation import image_preparation
from maml_tf.episodes.augmentation import Augmentation, Augmented
from maml_tf.episodes.superclasses import ClassesWithin

IMAGE_SIZE = 28
DRAWINGS = 20
# Unicode's names, in order: of two look-alike letters the later is dropped.
SCRIPTS = {
    "train": ("LATIN", "GREEK", "COPTIC", "CYRILLIC", "CANADIAN SYLLABICS"),
    "valid": ("ARMENIAN", "NKO"),
    "test": (
        "GEORGIAN",
        "HEBREW",
        "ARABIC",
        "TIFINAGH",
        "LISU",
        "LAO",
        "OGHAM",
        "OLD ITALIC",
    ),
}

# Change them when the drawings change: the cache file's name has both.
_FORMAT, _SEED = 1, 0

_UPRIGHT = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral")
FACES = _UPRIGHT + (
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DejaVuSansMono-BoldOblique",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "STIXGeneralBolIta",
)

# A letter's longer side in pixels, when compared and when drawn.
_COMPARED_SIZE, _DRAWN_SIZE = 22, 18

# Largest distance, in pixels, between the ink of two look-alikes.
_NEAR = 2.5


class Letter(NamedTuple):
    """A letter and the fonts that have it.

    Attributes:
        script: One of `SCRIPTS`.
        code: Its Unicode code point.
        faces: Names of the font faces that have it.
    """

    script: str
    code: int
    faces: tuple

    @property
    def name(self) -> str:
        """The name of its class, such as `"GEORGIAN_U+10D0"`."""
        return f"{self.script.replace(' ', '_')}_U+{self.code:04X}"


def load(
    cache_dir: str | None = None,
    rotations: int = 1,
    augment: tuple[Augmentation, ...] = (),
    augmented: Augmented = "both",
    classes_within: ClassesWithin = "split",
) -> Dataset:
    """Loads the drawings as a data set of episodes.

    Args:
        cache_dir: As in `cache.folder`.
        rotations: As in `classification`. Some turned letters look like
            others, Canadian syllabics above all.
        augment: As in `classification`.
        augmented: As in `classification`.
        classes_within: As in `classification`; a script is a superclass.

    Returns:
        A `Dataset` with inputs `[28, 28, 1]` in [0, 1], cross-entropy and
        accuracy.

    Raises:
        InputError: Matplotlib's fonts are missing, or an argument cannot be
            used.
    """
    drawings = load_drawings(cache_dir)
    return classification(
        "glyphs",
        drawings,
        split_letters(drawings.names),
        prepare=scale,
        # As for Omniglot, a similar set.
        preparation=image_preparation(
            drawings.examples.shape[1:], fit="pad", ink=True
        ),
        rotations=rotations,
        augment=augment,
        augmented=augmented,
        superclass=_scripts(drawings.names),
        classes_within=classes_within,
    )


def load_drawings(
    cache_dir: str | os.PathLike | None = None,
) -> LabelledExamples:
    """Loads all drawings, from the cache if they are there.

    Args:
        cache_dir: As in `load`.

    Returns:
        `LabelledExamples` with uint8 images `[28, 28, 1]`, 20 of each letter;
        ink is 255.

    Raises:
        InputError: Matplotlib's fonts are missing.
    """
    arrays = cache.cached_arrays(
        f"glyphs-{_FORMAT}-matplotlib-{matplotlib.__version__}"
        f"-seed-{_SEED}-drawings-{DRAWINGS}",
        _draw_all,
        cache_dir,
    )
    names, images = arrays["names"], arrays["images"]
    return LabelledExamples(
        images,
        np.arange(len(names)) * DRAWINGS,
        np.full(len(names), DRAWINGS),
        names,
    )


def split_letters(names: Sequence | np.ndarray) -> dict[str, np.ndarray]:
    """Divides letters by script.

    Args:
        names: Names of the classes, `[classes]`.

    Returns:
        Dict of `"train"`, `"valid"` and `"test"` to sorted indices.
    """
    script = _scripts(names)
    return {
        split: np.flatnonzero(
            np.isin(script, [name.replace(" ", "_") for name in scripts])
        )
        for split, scripts in SCRIPTS.items()
    }


def _scripts(names):
    """Returns the script in each letter's name, `[classes]`."""
    return np.array([name.rpartition("_U+")[0] for name in names])


def all_letters(outlines: FontOutlines) -> list[Letter]:
    """Returns the letters of the fonts, before look-alikes are dropped.

    They are letters in the sense of Unicode, without the modifiers and without
    letters composed of others, such as accented ones.

    Args:
        outlines: `FontOutlines` of `FACES`.

    Returns:
        A list of `Letter`, in the order of `SCRIPTS` and of code points.
    """
    faces: dict[int, list[str]] = {}
    for face in FACES:
        for code in outlines.characters(face):
            faces.setdefault(code, []).append(face)
    letters = []
    for scripts in SCRIPTS.values():
        for script in scripts:
            letters += [
                Letter(script, code, tuple(faces[code]))
                for code in sorted(faces)
                if _is_letter_of(script, chr(code))
                and len(outlines.outline(faces[code][0], code)[0])
            ]
    return letters


def _is_letter_of(script, character):
    """Returns whether a character is a letter of a script, not composed."""
    return (
        unicodedata.name(character, "").startswith(f"{script} ")
        and unicodedata.category(character)[0] == "L"
        and not unicodedata.decomposition(character)
    )


def distinct(outlines: FontOutlines, letters: list[Letter]) -> list[Letter]:
    """Returns the letters that do not look like an earlier one returned.

    Args:
        outlines: `FontOutlines` of `FACES`.
        letters: A list of `Letter`.

    Returns:
        A list of `Letter`.
    """
    alike = look_alikes(outlines, letters)
    kept: list[int] = []
    for number in range(len(letters)):
        if not alike[number, kept].any():
            kept.append(number)
    return [letters[number] for number in kept]


def look_alikes(outlines: FontOutlines, letters: list[Letter]) -> np.ndarray:
    """Tells which letters look alike.

    Each letter is drawn in its upright faces, with the same centre and the same
    longer side of 22 pixels. Two letters look alike if, in some faces, all ink
    of either is within 2.5 pixels of ink of the other: their Hausdorff distance
    is 2.5 or less.

    Args:
        outlines: `FontOutlines` of `FACES`.
        letters: A list of `Letter`.

    Returns:
        A symmetric array of bools, `[letters, letters]`.
    """
    canvas = Canvas(IMAGE_SIZE)
    numbers, images = [], []
    for number, letter in enumerate(letters):
        for face in (face for face in _UPRIGHT if face in letter.faces):
            points, codes = outlines.outline(face, letter.code)
            image = canvas.draw(points * _COMPARED_SIZE, codes)
            numbers.append(number)
            images.append(image > 127)
    is_ink = np.array(images)
    ink, far = (
        pixels.reshape(len(pixels), -1).astype(np.float32)
        for pixels in (is_ink, ~_thickened(is_ink, _NEAR))
    )
    alike = np.zeros([len(letters), len(letters)], bool)
    # Whether an image has ink far from the ink of another image.
    outside = ink @ far.T > 0
    first, second = np.nonzero(~(outside | outside.T))
    letter_of = np.array(numbers)
    alike[letter_of[first], letter_of[second]] = True
    return alike


def _thickened(ink, radius):
    """Returns the pixels within a radius of ink, `[..., height, width]`."""
    reach = int(radius)
    steps = range(-reach, reach + 1)
    height, width = ink.shape[-2:]
    padded = np.pad(ink, [(0, 0)] + [(reach, reach)] * 2)
    return np.any(
        [
            padded[:, reach + y :, reach + x :][:, :height, :width]
            for y in steps
            for x in steps
            if x * x + y * y <= radius * radius
        ],
        axis=0,
    )


def draw(
    outlines: FontOutlines, canvas: Canvas, letter: Letter, number: int
) -> np.ndarray:
    """Makes one of a letter's drawings, always the same.

    The face, a bending of its outline, rotation, shear, width, size, place and
    the weight of the stroke are random.

    Args:
        outlines: `FontOutlines` of `FACES`.
        canvas: A `Canvas` of 28 pixels.
        letter: A `Letter`.
        number: Number of the drawing, from 0.

    Returns:
        A uint8 array `[28, 28]`; ink is 255.
    """
    # RandomState's stream is frozen, and this one is the drawing's own.
    random = np.random.RandomState([_SEED, letter.code, number])
    face = letter.faces[random.randint(len(letter.faces))]
    points, codes = outlines.outline(face, letter.code)
    points = _bent(points, random) @ _distortion(random)
    points = points * _DRAWN_SIZE + random.uniform(-2, 2, 2)
    weight = random.uniform(-0.4, 1.2)
    return canvas.draw(points, codes, weight)


def _bent(points, random, waves=3, height=0.03):
    """Moves each point by the sum of some long waves across the letter."""
    frequencies = random.uniform(-1.5, 1.5, [2, waves])
    phases = random.uniform(0, 1, waves)
    heights = random.uniform(-height, height, [waves, 2])
    angles = 2 * np.pi * (points @ frequencies + phases)
    return points + np.sin(angles) @ heights


def _distortion(random):
    """Draws a matrix that turns, shears, stretches and scales row vectors."""
    angle = np.deg2rad(random.uniform(-15, 15))
    shear = random.uniform(-0.2, 0.2)
    width, size = random.uniform(0.85, 1.15), random.uniform(0.85, 1.1)
    turn = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    return size * np.array([[width, 0], [shear, 1]]) @ turn


def _draw_all():
    """Makes all drawings of all classes, and the classes' names."""
    outlines, canvas = FontOutlines(FACES), Canvas(IMAGE_SIZE)
    letters = distinct(outlines, all_letters(outlines))
    images = [
        draw(outlines, canvas, letter, number)
        for letter in tqdm.tqdm(
            letters, desc="drawing glyphs", unit="letter", disable=None
        )
        for number in range(DRAWINGS)
    ]
    return {
        "images": np.array(images)[..., np.newaxis],
        "names": np.array([letter.name for letter in letters]),
    }
