"""Decodes damaged images; a program, because a bad decoder ends its process.

    python fuzz_images.py NUMBER

prints, for each format, how many of so many files were decoded.
"""

import io
import pathlib
import random
import sys
import tempfile

import numpy as np
import PIL.Image

from maml_tf.datasets.images import files

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
# By mode: channels of the array that Pillow makes it of.
_CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}


def picture(generator, mode, width, height):
    """Makes a picture of noise."""
    shape = (height, width, _CHANNELS[mode])
    array = generator.integers(0, 256, shape, dtype=np.uint8)
    return PIL.Image.fromarray(array[..., 0] if mode == "L" else array)


def sound_files(name):
    """Makes files of a format, animated ones too, of several sizes."""
    generator = np.random.default_rng(0)
    for mode, width, height in (("L", 20, 15), ("RGB", 33, 17), ("RGBA", 9, 9)):
        frames = [picture(generator, mode, width, height) for _ in range(3)]
        if name in ("JPEG", "BMP"):
            frames = [frame.convert("RGB") for frame in frames]
        variants = [{}]
        if name == "JPEG":
            variants.append({"progressive": True})
        if name in ("GIF", "PNG", "WEBP"):
            variants.append({"save_all": True, "append_images": frames[1:]})
        for options in variants:
            content = io.BytesIO()
            frames[0].save(content, name, **options)
            yield content.getvalue()


def damaged(content, source):
    """Cuts a file short, or flips some of its bits, more often at its head."""
    content = bytearray(content)
    kind = source.randrange(3)
    if kind == 0:
        return bytes(content[: source.randrange(len(content))])
    end = len(content) if kind == 1 else min(len(content), 60)
    for _ in range(source.choice((1, 1, 2, 5, 20))):
        content[source.randrange(end)] ^= 1 << source.randrange(8)
    return bytes(content)


def main(number):
    """Decodes `number` damaged files of each format."""
    source = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "damaged")
        for name in FORMATS:
            sound = list(sound_files(name))
            decoded = 0
            for _ in range(number):
                path.write_bytes(damaged(source.choice(sound), source))
                shape, image = files.shape(path), files.decode(path)
                if image is not None:
                    decoded += 1
                    assert shape == tuple(image.shape), (name, shape)
            print(name, decoded, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
