"""Tests of maml_tf/datasets/images/source.py, and of streaming on the whole."""

import pathlib
import tempfile
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import OuterStep, algorithms, datasets
from maml_tf.datasets.images import source
from maml_tf.datasets.images.source import ImageSource
from maml_tf.episodes.class_records import ClassRecords
from maml_tf.errors import InputError
from tests.helpers.pictures import noise, write_png
from tests.helpers.tiny_cifar import write_tiny_set

NAMES = ["ant", "bee", "cat", "dog"]
# In the second and the last class some images cannot be decoded.
THERE, DECODED = [3, 4, 2, 3], [3, 2, 2, 0]
IMAGES = [
    np.stack([noise(10 * label + i, 4, 4) for i in range(3)])[:number]
    for label, number in enumerate(DECODED)
]


class SourceTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.cache_dir = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory()), "cache"
        )
        self.opened = 0

    def open_source(self):
        self.opened += 1

        def images(classes):
            for label in sorted(classes):
                for image in IMAGES[label]:
                    yield label, image

        more = {"legs": np.array([6, 6, 4, 4])}
        return ImageSource(NAMES, THERE, (4, 4, 3), images, more)

    def load(self, in_memory=None, free=1e9):
        with mock.patch.object(source, "free_memory", lambda: free):
            return source.load(
                "some", self.open_source, in_memory, self.cache_dir
            )

    def kept(self):
        return sorted(path.name for path in self.cache_dir.iterdir())


class LoadTest(SourceTest):
    @parameterized.parameters(True, False)
    def test_images_by_class(self, in_memory):
        for _ in range(2):
            labelled, more = self.load(in_memory)
            self.assertEqual(labelled.names.tolist(), NAMES[:3])
            self.assertAllEqual(labelled.size, [3, 2, 2])
            self.assertAllEqual(labelled.first, [0, 3, 5])
            self.assertEqual(list(more), ["legs"])
            self.assertAllEqual(more["legs"], [6, 6, 4])
            examples = labelled.examples
            self.assertEqual(tuple(examples.shape), (7, 4, 4, 3))
            if not in_memory:
                examples = examples.read(tf.range(7, dtype=tf.int64))
            self.assertAllEqual(examples, np.concatenate(IMAGES[:3]))
        self.assertEqual(self.opened, 1)  # The second is from the cache.

    def test_auto_is_a_third_of_the_free_memory(self):
        bytes_of_all = sum(THERE) * 4 * 4 * 3
        self.load(free=3 * bytes_of_all)
        self.assertEqual(self.kept(), ["some.npz"])
        self.cache_dir.joinpath("some.npz").unlink()
        self.load(free=3 * bytes_of_all - 1)
        self.assertEqual(self.kept(), ["some-records"])

    def test_auto_opens_the_source_once(self):
        self.load()
        self.assertEqual(self.opened, 1)

    @parameterized.parameters((True, 0), (False, 1e9))
    def test_auto_takes_what_is_there(self, in_memory, free):
        self.load(in_memory)
        labelled, _ = self.load(free=free)
        self.assertEqual(self.opened, 1)
        self.assertEqual(
            isinstance(labelled.examples, ClassRecords), not in_memory
        )

    def test_free_memory(self):
        self.assertBetween(source.free_memory(), 1e7, 1e15)
        with mock.patch.object(pathlib.Path, "read_text", side_effect=OSError):
            self.assertGreater(source.free_memory(), 1e7)

    def test_damaged_records_are_made_anew(self):
        self.load(False)
        self.cache_dir.joinpath("some-records", "00001.tfrecord").unlink()
        with self.assertWarnsRegex(UserWarning, "damaged.*made again"):
            labelled, _ = self.load(False)
        read = labelled.examples.read(tf.range(7, dtype=tf.int64))
        self.assertAllEqual(read, np.concatenate(IMAGES[:3]))
        self.assertEqual(self.kept(), ["some-records"])
        self.load(False)  # Without a warning.

    def test_records_that_cannot_be_written(self):
        self.cache_dir.touch()
        with self.assertRaisesRegex(
            InputError, "cache_dir: .*another folder, or --in_memory=true"
        ):
            self.load(False)


class StreamingTest(tf.test.TestCase, parameterized.TestCase):
    """Episodes are the same, wherever their images are."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.temporary = pathlib.Path(temporary.name)
        for label in range(8):
            for i in range(3 + label % 3):
                path = cls.temporary / "pictures" / f"{label}" / f"{i}.png"
                write_png(path, noise(10 * label + i))
        write_tiny_set(cls.temporary / "data", images=5)

    def both(self, kind, **options):
        """The data set in memory and from files."""
        name, more = {
            "folder": (f"folder:{self.temporary / 'pictures'}", {}),
            "tfds": (
                "tfds:cifar100",
                {"data_dir": self.temporary / "data", "image_size": 8},
            ),
        }[kind]
        return [
            datasets.load(
                name,
                in_memory=in_memory,
                cache_dir=self.temporary / "cache",
                **more,
                **options,
            )
            for in_memory in (True, False)
        ]

    @parameterized.product(kind=["folder", "tfds"], rotations=[1, 4])
    def test_episodes_are_the_same(self, kind, rotations):
        options = {"rotations": rotations, "augment": ("crop", "flip")}
        draws = [
            dataset.episodes("train", 4, 1, 2, seed=3)
            for dataset in self.both(kind, **options)
        ]
        # Eager and compiled may differ in the last bit, dividing by 255.
        for pair in (draws, [tf.function(draw) for draw in draws]):
            for number in range(3):
                memory, files = [
                    draw(tf.constant(number, tf.int64)) for draw in pair
                ]
                self.assertGreater(np.std(memory.query_x), 0.05)
                for ours, theirs in zip(memory, files):
                    self.assertAllEqual(ours, theirs)

    def test_joint_examples_are_the_same(self):
        memory, files = self.both("folder")
        for ours, theirs in zip(
            memory.joint("train", 6, 0)(2), files.joint("train", 6, 0)(2)
        ):
            self.assertAllEqual(ours, theirs)

    @parameterized.product(vectorize=[False, True])
    def test_meta_updates_are_the_same(self, vectorize):
        trained = []
        for dataset in self.both("folder"):
            keras.utils.set_random_seed(0)
            model = keras.Sequential(
                [
                    keras.Input(dataset.input_shape),
                    keras.layers.Flatten(),
                    keras.layers.Dense(dataset.outputs(3)),
                ]
            )
            algorithm = algorithms.create(
                "maml",
                model,
                dataset.loss,
                dataset.metric,
                inner_steps=1,
                inner_learning_rate=0.1,
            )
            step = OuterStep(
                algorithm,
                dataset.episodes("train", 3, 1, 2, seed=0),
                keras.optimizers.SGD(0.1),
                tasks=2,
                vectorize=vectorize,
                jit_compile=False,
            )
            losses = [step(iteration).loss for iteration in range(2)]
            trained.append([*losses, *model.get_weights()])
        for ours, theirs in zip(*trained):
            self.assertAllEqual(ours, theirs)


if __name__ == "__main__":
    tf.test.main()
