"""Glyphs at once: noise in place of drawings, ten letters of each split."""

import contextlib
from unittest import mock

import numpy as np

from maml_tf.datasets import glyphs


def _draw():
    """As `glyphs._draw_all`, which takes ten seconds."""
    names = [
        f"{scripts[0]}_U+{code:04X}"
        for scripts in glyphs.SCRIPTS.values()
        for code in range(10)
    ]
    size = len(names) * glyphs.DRAWINGS, glyphs.IMAGE_SIZE, glyphs.IMAGE_SIZE, 1
    noise = np.random.default_rng(0).integers(0, 256, size)
    return {"images": noise.astype(np.uint8), "names": np.array(names)}


@contextlib.contextmanager
def few_glyphs(cache_dir):
    """Loads of glyphs within it are of these; they are cached in the folder."""
    with (
        mock.patch.object(glyphs, "_draw_all", _draw),
        mock.patch.dict("os.environ", {"XDG_CACHE_HOME": str(cache_dir)}),
    ):
        yield
