"""Tests of maml_tf/datasets/glyphs.py.

The whole set is drawn once, into a cache folder that all of them read.
"""

import hashlib
import pathlib
import shutil
import tempfile
import time
import unicodedata
import unittest
from unittest import mock

import matplotlib
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import datasets, losses
from maml_tf.datasets import glyphs
from maml_tf.datasets.font_outlines import Canvas, FontOutlines
from maml_tf.datasets.glyphs import Letter
from maml_tf.errors import InputError


def setUpModule():
    """Draws the whole set, once."""
    cache_dir = tempfile.mkdtemp()
    unittest.addModuleCleanup(shutil.rmtree, cache_dir)
    started = time.process_time()
    GlyphsTest.drawings = glyphs.load_drawings(cache_dir)
    GlyphsTest.seconds = time.process_time() - started
    GlyphsTest.cache_dir = cache_dir
    GlyphsTest.outlines = FontOutlines(glyphs.FACES)
    GlyphsTest.letters = glyphs.all_letters(GlyphsTest.outlines)


class GlyphsTest(tf.test.TestCase, parameterized.TestCase):
    def of_name(self):
        return {letter.name: letter for letter in self.letters}

    def images(self):
        """`[classes, drawings, 28, 28]`."""
        images = self.drawings.examples
        return images.reshape([-1, glyphs.DRAWINGS, *images.shape[1:3]])

    def letter(self, character):
        (letter,) = (x for x in self.letters if chr(x.code) == character)
        return letter


class LettersTest(GlyphsTest):
    def test_they_are_uncomposed_letters_of_their_scripts(self):
        for letter in self.letters:
            character = chr(letter.code)
            self.assertEqual(unicodedata.category(character)[0], "L")
            self.assertEqual(unicodedata.decomposition(character), "")
            self.assertStartsWith(unicodedata.name(character), letter.script)
        self.assertLen(self.of_name(), len(self.letters))

    def test_no_accented_letter_and_no_mark(self):
        characters = {chr(letter.code) for letter in self.letters}
        self.assertContainsSubset("AaßØΩЖᐁԱߊაאبⴰꓐກᚁ𐌀", characters)
        self.assertEmpty(characters & set("éЙά\u0301\u05b0ªⁿ1+"))

    def test_every_face_has_them(self):
        # The glyph 0 is the box drawn for what a font lacks.
        for letter in self.letters:
            for face in letter.faces:
                font = self.outlines._fonts[face]
                self.assertGreater(font.get_char_index(letter.code), 0)
            self.assertIn(letter.faces[0], glyphs.FACES[:4])
        self.assertNotIn("DejaVuSerif", self.letter("א").faces)

    def test_missing_fonts_are_named(self):
        with mock.patch.object(
            matplotlib, "get_data_path", lambda: self.cache_dir
        ):
            with self.assertRaisesRegex(
                InputError, "^dataset: glyphs.*DejaVuSans.ttf is missing; inst"
            ):
                glyphs.load_drawings(self.create_tempdir().full_path)


class LookAlikesTest(GlyphsTest):
    def alike(self, characters):
        letters = [self.letter(character) for character in characters]
        return glyphs.look_alikes(self.outlines, letters)

    @parameterized.parameters("AΑАꓮ", "OοОօ", "Cc", "Ss", "HНꓧ", "Iוا", "ⵙʘ")
    def test_look_alikes(self, *characters):
        characters = "".join(characters)
        self.assertTrue(self.alike(characters).all())

    def test_different_letters(self):
        # The letters of a pair differ by a stroke or a dot.
        self.assertAllEqual(self.alike("EFOQbdبتᐁᐃთლ"), np.eye(12))

    def test_the_earlier_is_kept(self):
        letters = [self.letter(character) for character in "AbАcbꓮ"]
        kept = glyphs.distinct(self.outlines, letters)
        self.assertEqual("".join(chr(x.code) for x in kept), "Abc")

    def test_no_two_classes_look_alike(self):
        letters = [self.of_name()[name] for name in self.drawings.names]
        alike = glyphs.look_alikes(self.outlines, letters)
        self.assertAllEqual(alike, np.eye(len(letters)))

    def test_every_dropped_letter_looks_like_an_earlier_class(self):
        names = set(self.drawings.names)
        kept = np.array([x.name in names for x in self.letters])
        alike = glyphs.look_alikes(self.outlines, self.letters)
        earlier = np.tril(alike, -1)[:, kept].any(axis=1)
        self.assertAllEqual(earlier, ~kept)

    def test_criterion_is_the_hausdorff_distance(self):
        # Two squares of 4 pixels, the second moved by 2.
        ink = np.zeros([2, 12, 12], bool)
        ink[0, 4:8, 4:8] = ink[1, 4:8, 6:10] = True
        for radius, covered in ((1.9, False), (2, True)):
            thick = glyphs._thickened(ink, radius)
            self.assertEqual((thick[0] >= ink[1]).all(), covered)
            self.assertEqual((thick[1] >= ink[0]).all(), covered)


class SplitTest(GlyphsTest):
    def test_sizes(self):
        classes = glyphs.split_letters(self.drawings.names)
        sizes = {split: len(indices) for split, indices in classes.items()}
        self.assertEqual(sizes, {"train": 634, "valid": 53, "test": 216})

    def test_disjoint_and_complete(self):
        classes = glyphs.split_letters(self.drawings.names)
        self.assertAllEqual(
            np.sort(np.concatenate(list(classes.values()))),
            np.arange(len(self.drawings.names)),
        )

    def test_by_script(self):
        self.assertEqual(
            len({s for scripts in glyphs.SCRIPTS.values() for s in scripts}),
            sum(map(len, glyphs.SCRIPTS.values())),
        )
        for split, indices in glyphs.split_letters(self.drawings.names).items():
            scripts = set()
            for name in self.drawings.names[indices]:
                character = chr(int(name.rpartition("U+")[2], 16))
                unicode_name = unicodedata.name(character)
                scripts |= {
                    script
                    for script in glyphs.SCRIPTS[split]
                    if unicode_name.startswith(script)
                }
            self.assertEqual(scripts, set(glyphs.SCRIPTS[split]))

    def test_they_never_change(self):
        # With other versions of Python or Matplotlib, older models would
        # otherwise be tested on letters that they were trained on.
        digest = hashlib.sha256("\n".join(self.drawings.names).encode())
        self.assertStartsWith(digest.hexdigest(), "de0093178c758e3b")

    def test_names(self):
        self.assertContainsSubset(
            ["LATIN_U+0041", "CANADIAN_SYLLABICS_U+1403", "GEORGIAN_U+10D0"],
            self.of_name(),
        )
        self.assertEqual(
            self.drawings.names[[0, -1]].tolist(),
            ["LATIN_U+0041", "OLD_ITALIC_U+1031D"],
        )


class DrawTest(GlyphsTest):
    def test_shapes(self):
        number = len(self.drawings.names)
        self.assertEqual(self.drawings.examples.dtype, np.uint8)
        self.assertEqual(self.drawings.examples.shape, (20 * number, 28, 28, 1))
        self.assertAllEqual(self.drawings.size, np.full(number, 20))
        self.assertAllEqual(self.drawings.first, np.arange(number) * 20)

    def test_a_letter_drawn_alone_is_the_same(self):
        outlines, canvas = FontOutlines(glyphs.FACES), Canvas(28)
        # In another order than in the set.
        for index in (len(self.drawings.names) - 1, 300, 7):
            letter = self.of_name()[self.drawings.names[index]]
            for number in (19, 0, 5):
                self.assertAllEqual(
                    glyphs.draw(outlines, canvas, letter, number),
                    self.images()[index, number],
                )

    def test_global_random_state_is_neither_read_nor_written(self):
        letter = self.letter("ა")
        before = np.random.get_state()[1].copy()
        glyphs.draw(self.outlines, Canvas(28), letter, 0)
        self.assertAllEqual(np.random.get_state()[1], before)

    def test_all_drawings_differ(self):
        images = self.drawings.examples
        self.assertLen({image.tobytes() for image in images}, len(images))

    def test_ink(self):
        images = self.images()
        self.assertGreater(images.max(axis=(2, 3)).min(), 150)
        self.assertEqual(images.max(), 255)
        self.assertEqual(images.min(), 0)
        # Drawn in full: hardly any touches the margin.
        ink = images.sum(axis=(2, 3)) / 255.0
        self.assertGreater(ink.min(), 8)
        margin = np.ones([28, 28], bool)
        margin[1:-1, 1:-1] = False
        touches = (images[:, :, margin] > 100).any(axis=-1)
        self.assertLess(touches.mean(), 0.02)

    def test_no_drawing_is_the_box_of_missing_glyphs(self):
        outlines = FontOutlines(("DejaVuSans",))
        self.assertNotIn(0xE000, outlines.characters("DejaVuSans"))
        font = outlines._fonts["DejaVuSans"]
        font.load_glyph(0)
        boxes = {font.get_path()[0].tobytes()}
        for letter in self.letters:
            if "DejaVuSans" not in letter.faces:
                continue
            font.load_char(letter.code)
            self.assertNotIn(font.get_path()[0].tobytes(), boxes)

    def test_one_face_is_drawn_in_many_ways(self):
        letter = self.letter("ᚊ")
        letter = Letter(letter.script, letter.code, letter.faces[:1])
        images = np.array(
            [
                glyphs.draw(self.outlines, Canvas(28), letter, number)
                for number in range(20)
            ]
        )
        difference = np.abs(images[:, None] / 255.0 - images / 255.0)
        difference = difference.sum(axis=(2, 3)) + 1e3 * np.eye(20)
        self.assertGreater(difference.min(), 10.0)

    def test_faces_are_all_used(self):
        letter = self.letter("A")
        self.assertLen(letter.faces, 16)
        drawn = {
            letter.faces[
                np.random.RandomState([0, letter.code, number]).randint(16)
            ]
            for number in range(200)
        }
        self.assertLen(drawn, 16)

    def test_drawings_look_like_their_letter(self):
        # Nearer to the mean of its class than to that of most others.
        blurred = tf.image.resize(self.drawings.examples, [7, 7], "area")
        features = blurred.numpy().reshape([-1, 20, 49])
        means = features[:, :19].mean(axis=1)
        distance = np.linalg.norm(features[:, 19][:, None] - means, axis=-1)
        rank = (distance < np.diag(distance)[:, None]).mean(axis=1)
        self.assertLess(np.median(rank), 0.02)


class CacheTest(GlyphsTest):
    def test_made_in_seconds(self):
        self.assertLess(self.seconds, 60)

    def test_second_load_takes_less_than_a_second(self):
        started = time.monotonic()
        with mock.patch.object(glyphs, "_draw_all") as draw_all:
            again = glyphs.load_drawings(self.cache_dir)
        self.assertLess(time.monotonic() - started, 1.0)
        draw_all.assert_not_called()
        self.assertAllEqual(again.examples, self.drawings.examples)
        self.assertAllEqual(again.names, self.drawings.names)

    def test_file_tells_what_it_depends_on(self):
        (path,) = pathlib.Path(self.cache_dir).iterdir()
        self.assertEqual(
            path.name,
            f"glyphs-1-matplotlib-{matplotlib.__version__}"
            "-seed-0-drawings-20.npz",
        )

    @parameterized.parameters("draw", "savez")
    def test_an_interrupted_preparation_leaves_nothing(self, where):
        folder = pathlib.Path(self.create_tempdir().full_path)
        owner = {"draw": glyphs, "savez": np}[where]
        few = [self.letter("A"), self.letter("b")]

        def interrupted(file, *arguments, **arrays):
            if where == "savez":
                file.write(b"half")
            raise KeyboardInterrupt

        with mock.patch.object(glyphs, "distinct", lambda *_: few):
            with mock.patch.object(owner, where, interrupted):
                with self.assertRaises(KeyboardInterrupt):
                    glyphs.load_drawings(folder)
            self.assertEmpty(list(folder.iterdir()))
            # The next call begins again.
            self.assertLen(glyphs.load_drawings(folder).examples, 40)


class DatasetTest(GlyphsTest):
    def test_what_it_is(self):
        dataset = datasets.load("glyphs", cache_dir=self.cache_dir)
        self.assertEqual(dataset.name, "glyphs")
        self.assertEqual(dataset.input_shape, (28, 28, 1))
        self.assertIs(dataset.loss, losses.cross_entropy)
        self.assertEqual(dataset.metric_name, "accuracy")
        self.assertEqual(dataset.num_classes("test"), 216)

    @parameterized.parameters("train", "valid", "test")
    def test_episodes_are_of_their_splits_letters(self, split):
        classes = glyphs.split_letters(self.drawings.names)[split]
        of_split = {
            image.tobytes(): index
            for index in classes
            for image in self.images()[index]
        }
        dataset = glyphs.load(self.cache_dir)
        episode = dataset.episodes(split, 10, 2, 3, seed=0)(4)
        self.assertEqual(episode.query_x.shape, [30, 28, 28, 1])
        found = {}
        for x, y in (episode[:2], episode[2:]):
            images = np.round(x.numpy() * 255.0).astype(np.uint8)
            for image, label in zip(images, y.numpy(), strict=True):
                found.setdefault(label, set()).add(of_split[image.tobytes()])
        self.assertLen(found, 10)
        self.assertLen(set.union(*found.values()), 10)

    def test_options(self):
        dataset = glyphs.load(self.cache_dir, rotations=4, augment=("crop",))
        self.assertEqual(dataset.num_classes("valid"), 4 * 53)
        plain, cropped = (
            d.episodes("train", 5, 1, 1, 0)(0)
            for d in (glyphs.load(self.cache_dir, rotations=4), dataset)
        )
        self.assertNotAllEqual(plain.query_x, cropped.query_x)
        with self.assertRaisesRegex(InputError, "^rotations: 2 .*1 or 4"):
            glyphs.load(self.cache_dir, rotations=2)


if __name__ == "__main__":
    tf.test.main()
