"""Tests of decoding what users bring."""

import io
import pathlib
import subprocess
import sys
from unittest import mock

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.datasets.images import files
from tests.helpers import fuzz_images
from tests.helpers.pictures import noise, smooth


class DecodeTest(tf.test.TestCase, parameterized.TestCase):
    def write(self, image, name, **options):
        path = pathlib.Path(self.create_tempdir().full_path, "image")
        image.save(path, name, **options)
        return path

    @parameterized.product(orientation=list(range(1, 9)), name=("PNG", "JPEG"))
    def test_turned_upright(self, orientation, name):
        upright = smooth(3, 24, 40)
        image = PIL.Image.fromarray(upright)
        # How a camera that was held so stores it: the inverse of its tag.
        stored = {
            2: [PIL.Image.Transpose.FLIP_LEFT_RIGHT],
            3: [PIL.Image.Transpose.ROTATE_180],
            4: [PIL.Image.Transpose.FLIP_TOP_BOTTOM],
            5: [PIL.Image.Transpose.TRANSPOSE],
            6: [PIL.Image.Transpose.ROTATE_90],
            7: [PIL.Image.Transpose.TRANSVERSE],
            8: [PIL.Image.Transpose.ROTATE_270],
        }
        for method in stored.get(orientation, []):
            image = image.transpose(method)
        exif = PIL.Image.Exif()
        exif[0x0112] = orientation
        options = {"quality": 95, "subsampling": 0} if name == "JPEG" else {}
        path = self.write(image, name, exif=exif, **options)
        decoded = files.decode(path).numpy()
        self.assertEqual(files.shape(path), (24, 40, 3))
        self.assertEqual(decoded.shape, (24, 40, 3))
        if name == "PNG":
            self.assertAllEqual(decoded, upright)
        else:  # It loses a little.
            difference = np.abs(decoded.astype(int) - upright)
            self.assertLess(difference.mean(), 4.0)

    @parameterized.parameters("GIF", "WEBP")
    def test_the_first_frame_of_an_animation(self, name):
        frames = [
            PIL.Image.fromarray(np.full((6, 7, 3), value, np.uint8))
            for value in (200, 10, 90)
        ]
        options = {"lossless": True} if name == "WEBP" else {}
        path = self.write(
            frames[0],
            name,
            save_all=True,
            append_images=frames[1:],
            **options,
        )
        image = files.decode(path)
        self.assertEqual(files.shape(path), (6, 7, 3))
        self.assertAllEqual(image, np.full((6, 7, 3), 200))

    @parameterized.parameters(3, 4)
    def test_lossless_webp(self, channels):
        pixels = noise(0, 5, 9, channels)
        path = self.write(PIL.Image.fromarray(pixels), "WEBP", lossless=True)
        image = files.decode(path).numpy()
        self.assertEqual(image.shape, pixels.shape)
        if channels == 4:  # Nothing is kept where nothing shows.
            visible = pixels[..., 3:] > 0
            self.assertAllEqual(image * visible, pixels * visible)
        else:
            self.assertAllEqual(image, pixels)

    def test_too_many_pixels_are_not_an_image(self):
        path = self.write(PIL.Image.fromarray(noise(0, 10, 10)), "PNG")
        self.assertIsNotNone(files.decode(path))
        with mock.patch.object(files, "MOST_PIXELS", 99):
            self.assertIsNone(files.decode(path))
            self.assertIsNone(files.shape(path))

    def test_no_image(self):
        path = pathlib.Path(self.create_tempdir().full_path, "image")
        for content in (b"", b"RIFF", b"RIFF0000WEBPVP8 ", b"\xff\xd8\xff"):
            path.write_bytes(content)
            self.assertIsNone(files.decode(path))
            self.assertIsNone(files.shape(path))


class FuzzTest(tf.test.TestCase):
    def decode(self, number):
        result = subprocess.run(
            [sys.executable, "-m", "tests.helpers.fuzz_images", str(number)],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        self.assertEqual(result.returncode, 0, result.stderr[-2000:])
        decoded = dict(line.split() for line in io.StringIO(result.stdout))
        self.assertEqual(tuple(decoded), fuzz_images.FORMATS)
        for name, count in decoded.items():
            self.assertBetween(int(count), 0.01 * number, 0.9 * number, name)

    def test_no_damaged_file_ends_the_process(self):
        self.decode(100)

    @pytest.mark.slow
    def test_two_thousand_of_all_formats(self):
        self.decode(2000 // len(fuzz_images.FORMATS))


if __name__ == "__main__":
    tf.test.main()
