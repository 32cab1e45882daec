"""Glyphs: drawings of some 900 letters of 15 scripts, made here, synthetic.

A stand-in for Omniglot that needs no download: the letters are those of the
fonts that Matplotlib installs, distorted at random. The splits are of different
scripts, so that testing is on scripts never seen: Georgian, Hebrew, Arabic,
Tifinagh, Lisu, Lao, Ogham and Old Italic. Results on it are comparable with one
another only.
"""

import unicodedata
from typing import NamedTuple

import matplotlib
import numpy as np
import tqdm

from maml_tf.datasets.building.labelled_examples import (
    LabelledExamples,
    classification,
    scale,
)
from maml_tf.datasets.font_outlines import Canvas, FontOutlines
from maml_tf.datasets.images import cache
from maml_tf.datasets.images.preparation import image_preparation
from maml_tf.episodes.augmentation import Augmentation, Augmented

IMAGE_SIZE = 28
DRAWINGS = 20
# As Unicode names them; of two that look alike the later one is dropped.
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

# To be raised when what is drawn changes: the cache file carries them.
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

# Pixels: a letter's longer side when compared, how near its ink must be to
# another's to look like it, and its longer side when drawn.
_COMPARED_SIZE, _NEAR, _DRAWN_SIZE = 22, 2.5, 18


class Letter(NamedTuple):
    """A letter and where it is drawn.

    Attributes:
        script: One of `SCRIPTS`.
        code: Its Unicode code point.
        faces: Names of the font faces that have it.
    """

    script: str
    code: int
    faces: tuple

    @property
    def name(self):
        """The name of its class, such as `"GEORGIAN_U+10D0"`."""
        return f"{self.script.replace(' ', '_')}_U+{self.code:04X}"


def load(
    cache_dir: str | None = None,
    rotations: int = 1,
    augment: tuple[Augmentation, ...] = (),
    augmented: Augmented = "both",
):
    """Loads the drawings as a data set of episodes.

    Args:
        cache_dir: As in `cache.folder`.
        rotations: As in `classification`. Some turned letters look like
            others, Canadian syllabics above all.
        augment: As in `classification`.
        augmented: As in `classification`.

    Returns:
        A `Dataset` with inputs `[28, 28, 1]` in [0, 1], cross-entropy and
        accuracy.

    Raises:
        InputError: If Matplotlib's fonts are missing, or an argument cannot be
            used.
    """
    drawings = load_drawings(cache_dir)
    return classification(
        "glyphs",
        drawings,
        split_letters(drawings.names),
        prepare=scale,
        # As of Omniglot's, to which they are alike.
        preparation=image_preparation(
            drawings.examples.shape[1:], fit="pad", ink=True
        ),
        rotations=rotations,
        augment=augment,
        augmented=augmented,
    )


def load_drawings(cache_dir=None):
    """Loads all drawings, from the cache if they are there.

    Args:
        cache_dir: As in `load`.

    Returns:
        `LabelledExamples` with uint8 images `[28, 28, 1]`, 255 where there is
        ink, 20 of each letter.

    Raises:
        InputError: If Matplotlib's fonts are missing.
    """
    kept = cache.cached_arrays(
        f"glyphs-{_FORMAT}-matplotlib-{matplotlib.__version__}"
        f"-seed-{_SEED}-drawings-{DRAWINGS}",
        _draw_all,
        cache_dir,
    )
    names, images = kept["names"], kept["images"]
    return LabelledExamples(
        images,
        np.arange(len(names)) * DRAWINGS,
        np.full(len(names), DRAWINGS),
        names,
    )


def split_letters(names):
    """Divides letters by script.

    Args:
        names: Names of the classes, `[classes]`.

    Returns:
        Dict of `"train"`, `"valid"` and `"test"` to sorted indices.
    """
    script = np.array([name.rpartition("_U+")[0] for name in names])
    return {
        split: np.flatnonzero(
            np.isin(script, [name.replace(" ", "_") for name in scripts])
        )
        for split, scripts in SCRIPTS.items()
    }


def all_letters(outlines):
    """Returns the letters that the fonts have, before look-alikes are dropped.

    Letters in the sense of Unicode, without those composed of others, such as
    accented ones, and without the modifiers.

    Args:
        outlines: `FontOutlines` of `FACES`.

    Returns:
        A list of `Letter`, in the order of `SCRIPTS` and of code points.
    """
    faces = {}
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
    return (
        unicodedata.name(character, "").startswith(f"{script} ")
        and unicodedata.category(character)[0] == "L"
        and not unicodedata.decomposition(character)
    )


def distinct(outlines, letters):
    """Returns the letters of which no earlier one is a look-alike.

    Args:
        outlines: `FontOutlines` of `FACES`.
        letters: A list of `Letter`.

    Returns:
        A list of `Letter`.
    """
    alike = look_alikes(outlines, letters)
    kept = []
    for number in range(len(letters)):
        if not alike[number, kept].any():
            kept.append(number)
    return [letters[number] for number in kept]


def look_alikes(outlines, letters):
    """Tells which letters look alike.

    Two letters do where in some upright faces, brought to the same centre and
    the same longer side of 22 pixels, no ink of either is farther than 2.5
    pixels from ink of the other: their Hausdorff distance is 2.5 or less.

    Args:
        outlines: `FontOutlines` of `FACES`.
        letters: A list of `Letter`.

    Returns:
        A symmetric array of bools, `[letters, letters]`.
    """
    canvas = Canvas(IMAGE_SIZE)
    which, ink = [], []
    for number, letter in enumerate(letters):
        for face in (face for face in _UPRIGHT if face in letter.faces):
            points, codes = outlines.outline(face, letter.code)
            image = canvas.draw(points * _COMPARED_SIZE, codes)
            which.append(number)
            ink.append(image > 127)
    ink = np.array(ink)
    far = ~_thickened(ink, _NEAR)
    ink, far = (
        pixels.reshape(len(pixels), -1).astype(np.float32)
        for pixels in (ink, far)
    )
    alike = np.zeros([len(letters), len(letters)], bool)
    # Half of them: pixels of the one that are far from the other.
    outside = ink @ far.T > 0
    first, second = np.nonzero(~(outside | outside.T))
    which = np.array(which)
    alike[which[first], which[second]] = True
    return alike


def _thickened(ink, radius):
    """All pixels within a radius of ink, bool `[..., height, width]`."""
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


def draw(outlines, canvas, letter, number):
    """Makes one of a letter's drawings, always the same.

    The face, a bending of its outline, rotation, shear, width, size, place and
    the weight of the stroke are random.

    Args:
        outlines: `FontOutlines` of `FACES`.
        canvas: A `Canvas` of 28 pixels.
        letter: A `Letter`.
        number: Which of its drawings.

    Returns:
        uint8 `[28, 28]`, 255 where there is ink.
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
    """A 2 x 2 matrix that turns, shears, stretches and scales row vectors."""
    angle = np.deg2rad(random.uniform(-15, 15))
    shear = random.uniform(-0.2, 0.2)
    width, size = random.uniform(0.85, 1.15), random.uniform(0.85, 1.1)
    turn = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    return size * np.array([[width, 0], [shear, 1]]) @ turn


def _draw_all():
    """All drawings of all classes, and the classes' names."""
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
