"""Tests of maml_tf/learner/raw_inputs.py."""

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from maml_tf import InputError
from maml_tf.datasets.images import files as image_files
from maml_tf.datasets.images.preparation import image_preparation
from maml_tf.learner import raw_inputs
from tests.helpers.pictures import noise


def images_of(channels):
    return image_preparation((16, 16, channels))


def numbers_of(*shape, dtype="float32"):
    inputs = keras.Input(shape, dtype=dtype)
    return keras.Model(inputs, keras.layers.Flatten()(inputs))


def texts():
    inputs = keras.Input((), dtype="string")
    layer = keras.layers.TextVectorization(vocabulary=["play", "music"])
    return keras.Sequential([inputs, layer])


def two(as_dict=False):
    inputs = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    outputs = keras.layers.Concatenate()(inputs)
    named = {"a": inputs[0], "b": inputs[1]}
    return keras.Model(named if as_dict else list(inputs), outputs)


class ImagesTest(tf.test.TestCase, parameterized.TestCase):
    def test_mixed_sizes_and_channels_keep_their_order(self):
        sizes = [(20, 20), (9, 30), (9, 30), (20, 20), (9, 30)]
        images = [
            noise(number, *size, channels=1 + number % 4)
            for number, size in enumerate(sizes)
        ]
        batches = raw_inputs.batches(images_of(3), images)
        self.assertEqual(
            [batch.shape.as_list() for batch in batches],
            [[1, 20, 20, 3], [2, 9, 30, 3], [1, 20, 20, 3], [1, 9, 30, 3]],
        )
        given = [image for batch in batches for image in batch.numpy()]
        # Images without an alpha channel can be compared.
        self.assertAllEqual(given[0], np.repeat(images[0], 3, -1))
        self.assertAllEqual(given[2], images[2])
        self.assertAllEqual(given[4], np.repeat(images[4], 3, -1))

    def test_many_are_split(self):
        images = np.stack([noise(number, 5, 6, 1) for number in range(300)])
        batches = raw_inputs.batches(images_of(1), images)
        self.assertEqual([len(batch) for batch in batches], [128, 128, 44])
        self.assertAllEqual(np.concatenate(batches), images)

    def test_grey_ones_may_do_without_channels(self):
        images = np.stack([noise(number, 7, 6, 1) for number in range(3)])
        expected = raw_inputs.batches(images_of(1), images)
        for given in (
            images[..., 0],
            list(images[..., 0]),
            tf.constant(images),
        ):
            self.assertAllEqual(
                raw_inputs.batches(images_of(1), given), expected
            )

    @parameterized.product(channels=(1, 2, 3, 4), wanted=(1, 3))
    def test_pil_images_are_as_files_that_are_read(self, channels, wanted):
        array = noise(5, 11, 13, channels)
        image = Image.fromarray(array[..., 0] if channels == 1 else array)
        self.assertEqual(image.mode, (None, "L", "LA", "RGB", "RGBA")[channels])
        path = self.create_tempfile("x.png").full_path
        image.save(path, "PNG")
        (read,) = raw_inputs.batches(
            images_of(wanted), [image_files.decode(path)]
        )
        (given,) = raw_inputs.batches(images_of(wanted), [image])
        self.assertAllEqual(given, read)

    def test_transparent_shows_white_and_all_transparent_is_opaque(self):
        image = noise(0, 8, 8, 4)
        image[:4, :, 3], image[4:, :, 3] = 0, 255
        (given,) = raw_inputs.batches(images_of(3), [image])
        self.assertAllEqual(given[0, :4], np.full((4, 8, 3), 255))
        self.assertAllEqual(given[0, 4:], image[4:, :, :3])
        image[..., 3] = 0
        (given,) = raw_inputs.batches(images_of(3), [image])
        self.assertAllEqual(given[0], image[..., :3])

    @parameterized.named_parameters(
        ("floats", np.ones((2, 8, 8, 1)), "image 0 is float64.*uint8"),
        ("integers", np.ones((2, 8, 8, 1), int), "image 0 is int64.*uint8"),
        ("one_image", noise(0, 8, 8, 3), r"image 0 .*\(8, 3\).*into a list"),
        ("one_grey_image", noise(0, 8, 8, 1)[..., 0], r"\(8,\).*uint8"),
        ("rank_5", np.ones((1, 2, 8, 8, 1), np.uint8), r"\(2, 8, 8, 1\)"),
        ("channels", noise(0, 8, 8, 5)[np.newaxis], "1 to 4 channels"),
        ("no_pixels", np.ones((1, 0, 8, 1), np.uint8), r"\(0, 8, 1\)"),
        ("ragged", [[list(range(9)), [1]]], "image 0 cannot be read"),
        ("file_names", ["cat.png"], r"image 0 is <U7"),
        ("empty", [], "it is empty"),
        ("none", None, "NoneType was given; give an array or a list"),
        ("a_number", 3, "int was given"),
        ("second_is_bad", [noise(0), noise(1) / 255], "image 1 is float64"),
    )
    def test_refuses(self, images, pattern):
        with self.assertRaisesRegex(InputError, f"^support_x: .*{pattern}"):
            raw_inputs.batches(images_of(1), images, "support_x")

    @parameterized.parameters("P", "1", "CMYK", "HSV", "I;16")
    def test_refuses_pil_images_whose_numbers_are_no_colours(self, mode):
        image = Image.new(mode, (8, 8))
        with self.assertRaisesRegex(InputError, f"^x: .*'{mode}'.*convert"):
            raw_inputs.batches(images_of(3), [image])
        with self.assertRaisesRegex(InputError, "^x: Image was given; .*list"):
            raw_inputs.batches(images_of(3), Image.new("RGB", (8, 8)))


class NumbersAndTextsTest(tf.test.TestCase, parameterized.TestCase):
    def test_numbers_are_split_and_keep_their_order(self):
        x = np.arange(600.0).reshape(200, 3)
        for given in (x, x.tolist(), tf.constant(x), x.astype(int)):
            first, second = raw_inputs.batches(numbers_of(3), given)
            self.assertEqual((first.dtype, len(first)), (tf.float32, 128))
            self.assertAllEqual(tf.concat([first, second], 0), x)

    def test_one_number_each_may_do_without_an_axis(self):
        (given,) = raw_inputs.batches(numbers_of(1), [1, 2, 3])
        self.assertAllEqual(given, [[1.0], [2.0], [3.0]])

    def test_whole_numbers(self):
        model = numbers_of(2, dtype="int32")
        (given,) = raw_inputs.batches(model, [[1.0, 2.0]])
        self.assertEqual(given.dtype, tf.int32)
        self.assertAllEqual(given, [[1, 2]])
        for bad in ([[1.5, 2]], [[np.nan, 2]], [[2.0**40, 2]], [["a", 2]]):
            with self.assertRaisesRegex(InputError, "^x: .*numbers"):
                raw_inputs.batches(model, bad)

    @parameterized.named_parameters(
        ("nan", [[1, 2, np.nan]], "NaN or infinite"),
        ("infinite", [[1, 2, np.inf]], "NaN or infinite"),
        ("too_large", [[1, 2, 1e300]], "NaN or infinite"),
        ("width", [[1, 2]], r"the shape \(1, 2\); the model takes \[any, 3\]"),
        ("one_example", [1, 2, 3], r"the shape \(3,\)"),
        ("ragged", [[1, 2, 3], [1]], "cannot be read as an array of numbers"),
        ("strings", [["a", "b", "c"]], "cannot be read as an array of numbers"),
        ("objects", [[{}, 1, 2]], "cannot be read as an array of numbers"),
        ("empty", np.zeros((0, 3)), "it is empty"),
    )
    def test_refuses_numbers(self, x, pattern):
        with self.assertRaisesRegex(InputError, f"^x: .*{pattern}"):
            raw_inputs.batches(numbers_of(3), x)

    def test_texts(self):
        x = [f"play {number} music" for number in range(150)]
        for given in (x, tuple(x), np.array(x), tf.constant(x)):
            batches = raw_inputs.batches(texts(), given)
            self.assertEqual([len(batch) for batch in batches], [128, 22])
            self.assertEqual(
                [text.decode() for text in tf.concat(batches, 0).numpy()], x
            )

    @parameterized.parameters(
        ([["a"], ["b"]], r"the shape \(2, 1\)"),
        (["a", 3], "must hold strings"),
        (["a", None], "must hold strings"),
        ([1, 2], "must hold strings"),
        ("play music", r"the shape \(\)"),
        ([], "it is empty"),
    )
    def test_refuses_texts(self, x, pattern):
        with self.assertRaisesRegex(InputError, f"^x: .*{pattern}"):
            raw_inputs.batches(texts(), x)

    def test_several_inputs(self):
        a, b = np.ones((4, 3)), np.zeros((4, 2))
        (given,) = raw_inputs.batches(two(), [a, b.tolist()])
        self.assertAllEqual(two()(given).shape, (4, 5))
        (given,) = raw_inputs.batches(two(as_dict=True), {"a": a, "b": b})
        self.assertAllEqual(two(as_dict=True)(given).shape, (4, 5))
        for model, x, pattern in (
            (two(), a, r"several inputs.*\['a', 'b'\]"),
            (two(), [a], "several inputs"),
            (two(), [a, b[:3]], r"\[4, 3\] examples"),
            (two(), [a, a], r"\(4, 3\); the model takes \[any, 2\]"),
            (two(as_dict=True), {"a": a}, "several inputs"),
        ):
            with self.assertRaisesRegex(InputError, f"^x: .*{pattern}"):
                raw_inputs.batches(model, x)

    def test_one_input_in_a_list_is_one_input(self):
        inputs = keras.Input((3,))
        model = keras.Model([inputs], keras.layers.ReLU()(inputs))
        (given,) = raw_inputs.batches(model, np.ones((2, 3)))
        self.assertAllEqual(model(given), np.ones((2, 3)))


if __name__ == "__main__":
    tf.test.main()
