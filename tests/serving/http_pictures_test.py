"""Pictures of a request are decoded and resized as in training."""

import base64
import contextlib
import io
import json
import pathlib
import tempfile
from unittest import mock

import numpy as np
import PIL.Image
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import Learner, networks
from maml_tf.datasets.images import files
from maml_tf.datasets.images.preparation import FITS, image_preparation
from maml_tf.datasets.images.sizes import to_channels
from maml_tf.serving import facts
from maml_tf.serving.http.limits import Limits
from maml_tf.serving.http.pictures import Pictures
from maml_tf.serving.http.refusals import Refusal
from maml_tf.serving.saved_model import export
from tests.helpers.http_server import running

MODEL = "/v1/models/drawings"


def drawings(number, size, channels=1, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (number, *size, channels), np.uint8)


def png(image, **options):
    content = io.BytesIO()
    if image.shape[-1] == 1:
        image = image[..., 0]
    PIL.Image.fromarray(image).save(content, "PNG", **options)
    return {"b64": base64.b64encode(content.getvalue()).decode()}


class PicturesTest(parameterized.TestCase):
    @parameterized.product(fit=FITS, ink=(True, False), channels=(1, 3))
    def test_resized_as_the_model_does(self, fit, ink, channels):
        prepare = image_preparation((12, 12, channels), fit, "bilinear", ink)
        told = {"height": 12, "width": 12, "fit": fit}
        told |= {"interpolation": "bilinear", "ink": ink}
        pictures = Pictures(channels, told, 10_000)
        sizes = ((20, 20), (17, 30), (12, 12), (5, 9))
        images = [
            drawings(1, size, channels, n)[0] for n, size in enumerate(sizes)
        ]
        decoded = pictures.decode([png(image) for image in images], "x")
        self.assertEqual(decoded.shape, (4, 12, 12, channels))
        for image, one in zip(images, decoded):
            np.testing.assert_array_equal(
                prepare(one[np.newaxis]), prepare(image[np.newaxis])
            )

    def test_files_of_one_size_stay(self):
        images = drawings(3, (7, 9))
        pictures = Pictures(1, None, 100)
        decoded = pictures.decode([png(image) for image in images], "x")
        np.testing.assert_array_equal(decoded, images)

    @parameterized.parameters(
        (np.ones((256, 256, 1), np.uint8), 1),
        (np.ones((256, 257, 1), np.uint8), 2),
        # Noise takes more bytes than pixels.
        (drawings(1, (256, 256))[0], 2),
    )
    def test_small_ones_are_decoded_once(self, image, times):
        pictures = Pictures(1, None, 10**6)
        with mock.patch.object(
            files, "decode_content", side_effect=files.decode_content
        ) as decode:
            first = pictures.decode([png(image)], "x")
            expected = first.copy()
            first[:] = 7
            second = pictures.decode([png(image)], "x")
        np.testing.assert_array_equal(second, expected)
        self.assertEqual(decode.call_count, times)

    @parameterized.parameters(1, 3)
    def test_all_colours_and_alphas_as_in_the_data_sets(self, channels):
        grey, alpha = np.indices((256, 256), np.uint8)
        pictures = Pictures(channels, None, 10**6)
        for layers in (
            [grey],
            [grey, alpha],
            [grey, alpha, grey ^ alpha],
            [grey, alpha, grey ^ alpha, alpha],
        ):
            image = np.stack(layers, -1)
            (decoded,) = pictures.decode([png(image)], "x")
            expected = to_channels(tf.constant(image), channels)
            np.testing.assert_array_equal(decoded, expected)

    def test_transparent_and_coloured_ones_become_grey(self):
        ink = np.zeros((4, 4, 4), np.uint8)
        ink[0, 0, 3] = 255
        expected = np.full((4, 4, 1), 255, np.uint8)
        expected[0, 0] = 0
        (decoded,) = Pictures(1, None, 100).decode([png(ink)], "x")
        np.testing.assert_array_equal(decoded, expected)

    def test_a_picture_is_turned_upright(self):
        image = drawings(1, (4, 6))[0]
        turned = PIL.Image.Exif()
        turned[0x0112] = 6
        (decoded,) = Pictures(1, None, 100).decode(
            [png(image, exif=turned)], "x"
        )
        np.testing.assert_array_equal(decoded, np.rot90(image, -1))

    def test_sentences(self):
        pictures = Pictures(1, None, 100)
        good = png(drawings(1, (9, 9))[0])
        cut = {"b64": good["b64"][:80]}
        for given, words in (
            ([{"b64": "aGVsbG8="}], "x: picture 0 is not a picture"),
            ([{"b64": ""}], "x: picture 0 is not a picture"),
            ([good, cut], "x: picture 1 is"),
            ([good, {"b64": "*"}], "base64"),
            ([good, png(drawings(1, (9, 8))[0])], "differ in size"),
            ([png(drawings(1, (11, 11))[0])], "more than 100 pixels"),
        ):
            with self.assertRaisesRegex(Refusal, words):
                pictures.decode(given, "x")


class PicturesOverHttpTest(parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.folder = pathlib.Path(
            stack.enter_context(tempfile.TemporaryDirectory()), "drawings"
        )
        cls.learner = Learner(
            networks.create("mlp", (12, 12, 1), 3, seed=0, widths=(8,)),
            steps=2,
            inner_learning_rate=0.1,
            preparation=image_preparation((12, 12, 1), fit="pad", ink=True),
        )
        export(cls.learner, cls.folder, max_classes=9)
        cls.server = stack.enter_context(
            running(cls.folder, limits=Limits(max_classes=7))
        )

    def test_facts_stand_beside_the_model(self):
        written = json.loads((self.folder / facts.FILE).read_text())
        self.assertEqual(
            written,
            {
                "steps": 2,
                "classes": {"least": 2, "most": 9},
                "pictures": {
                    "height": 12,
                    "width": 12,
                    "fit": "pad",
                    "interpolation": "bilinear",
                    "ink": True,
                },
            },
        )
        _, answer = self.server.ask("/v1/models")
        (model,) = answer["models"]
        limits = model.pop("limits")
        self.assertEqual(
            model,
            {
                "name": "drawings",
                "kind": "pictures",
                "classes": {"least": 2, "most": 7},
                "steps": 2,
                "input": {"dtype": "uint8", "shape": [-1, -1, -1, 1]},
                "channels": 1,
                "ink": True,
                "outputs": "probabilities",
            },
        )
        self.assertEqual(limits["pixels"], Limits().max_pixels)

    @parameterized.parameters(0, 2)
    def test_files_of_any_size_as_the_learner_takes_them(self, steps):
        sizes = ((20, 20), (17, 30), (12, 12))
        support = [drawings(1, s, seed=n)[0] for n, s in enumerate(sizes)]
        query = [drawings(1, s, seed=9)[0] for s in reversed(sizes)]
        expected = self.learner.adapt(support, [0, 1, 2], steps).outputs(query)
        inputs = {
            "support_x": list(map(png, support)),
            "support_y": [0, 1, 2],
            "query_x": list(map(png, query)),
            "steps": steps,
        }
        status, answer = self.server.ask(
            f"{MODEL}:predict",
            {
                "signature_name": "adapt_and_predict_with_steps",
                "inputs": inputs,
            },
        )
        self.assertEqual(status, 200, answer)
        np.testing.assert_allclose(answer["outputs"], expected, atol=1e-6)

    def test_files_in_rows_and_numbers_alike(self):
        images = drawings(2, (14, 15))
        answers = [
            self.server.ask(f"{MODEL}:predict", {"instances": instances})
            for instances in (
                images.tolist(),
                list(map(png, images)),
                [{"x": png(image)} for image in images],
            )
        ]
        self.assertEqual(answers[0][0], 200)
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[0], answers[2])
        status, answer = self.server.ask(
            f"{MODEL}:predict", {"instances": [[[[256]]]]}
        )
        self.assertEqual(status, 400)
        self.assertIn("from 0 to 255", answer["error"])


if __name__ == "__main__":
    tf.test.main()
