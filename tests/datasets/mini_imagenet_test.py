"""Tests of mini_imagenet.py and mini_imagenet_builder.py in maml_tf/datasets.

On small trees of real JPEG files: photographs of CIFAR-100 where the
environment variable `MAML_TF_DATA_DIR` names a folder that has it.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
from unittest import mock

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from absl.testing import parameterized
from PIL import Image

from maml_tf import datasets
from maml_tf.datasets import mini_imagenet_builder
from maml_tf.datasets.building import class_splits
from maml_tf.datasets.images import source
from maml_tf.errors import InputError
from tests.helpers.pictures import photographs, smooth, write_png

RAVI = class_splits.shipped("mini_imagenet_ravi")
WORDNET_IDS = sorted(name for names in RAVI.values() for name in names)
# The names of the splits in folders and .csv files.
FOLDERS = {"train": "train", "valid": "val", "test": "test"}
# The file numbers of each class; as in ImageNet, with gaps and unpadded.
NUMBERS = (7, 11, 100)
# Number of images of a class; most tests make it two.
IMAGES = mini_imagenet_builder.IMAGES


class TreeTest(tf.test.TestCase, parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pictures = photographs(300)
        cls.jpegs = {
            (name, number): tf.io.encode_jpeg(
                pictures[3 * index + place], quality=95
            ).numpy()
            for index, name in enumerate(WORDNET_IDS)
            for place, number in enumerate(NUMBERS)
        }

    def setUp(self):
        super().setUp()
        temporary = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )
        self.manual_dir = temporary / "manual"
        self.manual_dir.mkdir()
        self.data_dir = temporary / "data"
        self.cache_dir = temporary / "cache"
        self.enter_context(
            mock.patch.object(mini_imagenet_builder, "IMAGES", 2)
        )

    def write_imagenet(self, *parents):
        for (name, number), jpeg in self.jpegs.items():
            self.write(*parents, name, f"{name}_{number}.JPEG", content=jpeg)

    def write_csv(self, numbers):
        """Lists the images of some numbers from 1 for all classes."""
        for split, names in RAVI.items():
            lines = ["filename,label"] + [
                f"{name}{number:08d}.jpg,{name}"
                for name in names
                for number in numbers
            ]
            path = self.manual_dir / f"{FOLDERS[split]}.csv"
            path.write_text("\r\n".join(lines) + "\r\n")

    def write_one_folder(self, numbers=(1, 2)):
        for (name, number), jpeg in self.jpegs.items():
            place = NUMBERS.index(number) + 1
            if place in numbers:
                self.write("images", f"{name}{place:08d}.jpg", content=jpeg)

    def write_class_folders(self, valid="val"):
        for split, names in RAVI.items():
            folder = valid if split == "valid" else split
            for name in names:
                for number in NUMBERS[:2]:
                    jpeg = self.jpegs[name, number]
                    self.write(folder, name, f"{number}.jpg", content=jpeg)

    def write(self, *path, content):
        path = self.manual_dir.joinpath(*path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def load(self, **options):
        return datasets.load(
            "mini_imagenet",
            data_dir=self.data_dir,
            cache_dir=self.cache_dir,
            **({"manual_dir": self.manual_dir} | options),
        )

    def find(self):
        return mini_imagenet_builder.find(self.manual_dir)


class LayoutsTest(TreeTest):
    """Each layout is prepared and read back."""

    def check(self, numbers):
        """Asserts that the images of these of ImageNet's numbers are taken."""
        kept = []
        load = source.load

        def keep(*arguments):
            kept.append(load(*arguments))
            return kept[-1]

        with mock.patch.object(source, "load", keep):
            dataset = self.load()
        self.assertEqual(dataset.input_shape, (84, 84, 3))
        ((labelled, _),) = kept
        self.assertEqual(labelled.names.tolist(), WORDNET_IDS)
        self.assertAllEqual(labelled.size, [len(numbers)] * 100)
        for index, name in enumerate(WORDNET_IDS):
            first = labelled.first[index]
            images = labelled.examples[first : first + len(numbers)]
            self.assertCountEqual(
                [image.tobytes() for image in images],
                [self.resized(name, number).tobytes() for number in numbers],
            )
        sizes = [dataset.num_classes(split) for split in RAVI]
        self.assertEqual(sizes, [64, 16, 20])
        # Prepared for good: TFDS finds it, and the next load needs no images.
        builder = tfds.builder("mini_imagenet", data_dir=self.data_dir)
        self.assertEqual(
            {
                key: part.num_examples
                for key, part in builder.info.splits.items()
            },
            {split: len(RAVI[split]) * len(numbers) for split in RAVI},
        )
        (example,) = builder.as_dataset(split="test[:1]")
        names = builder.info.features["label"].names
        self.assertIn(names[example["label"]], RAVI["test"])
        shutil.rmtree(self.manual_dir)
        episode = self.load(manual_dir=None).episodes("test", 20, 1, 1, 0)(0)
        self.assertAllInRange(episode.query_x, 0.0, 1.0)
        self.assertEqual(
            [path.name for path in self.data_dir.rglob("*partial*")], []
        )

    def resized(self, name, number):
        image = tf.io.decode_image(self.jpegs[name, number])
        image = tf.image.resize(image, [84, 84], "lanczos3", antialias=True)
        return tf.saturate_cast(tf.round(image), tf.uint8).numpy()

    @parameterized.parameters(("train",), ())
    def test_imagenet(self, *parents):
        self.write_imagenet(*parents)
        self.check([100, 11])  # The first by name.

    def test_imagenet_and_csv_files(self):
        self.write_imagenet("train")
        # ImageNet's own; its validation images lie in one folder.
        self.write("val", "ILSVRC2012_val_00000001.JPEG", content=b"")
        self.write_csv([1, 3])
        self.check([7, 100])  # The first and the third by number.

    def test_one_folder_and_csv_files(self):
        self.write_one_folder()
        self.write_csv([1, 2])
        self.check([7, 11])

    @parameterized.parameters("val", "valid")
    def test_class_folders(self, valid):
        self.write_class_folders(valid)
        self.check([7, 11])


class ResizeTest(TreeTest):
    def test_is_the_one_of_mamls_code(self):
        # MAML's code resizes to a square with Pillow's Lanczos filter.
        path = self.manual_dir / "image.png"
        write_png(path, smooth(3, 300, 400))
        image = tf.io.decode_png(mini_imagenet_builder._png(path)).numpy()
        with Image.open(path) as file:
            expected = np.asarray(file.resize((84, 84), Image.LANCZOS))
        difference = np.abs(image.astype(int) - expected)
        self.assertLessEqual(difference.max(), 1)

    def test_grey_becomes_colour(self):
        path = self.manual_dir / "image.png"
        write_png(path, smooth(3)[..., :1])
        image = tf.io.decode_png(mini_imagenet_builder._png(path)).numpy()
        self.assertEqual(image.shape, (84, 84, 3))
        self.assertAllEqual(image[..., 0], image[..., 2])


class FaultsTest(TreeTest):
    def fails(self, sentence):
        with self.assertRaisesRegex(InputError, sentence) as caught:
            self.find()
        self.assertStartsWith(str(caught.exception), "manual_dir: ")

    def test_no_folder(self):
        shutil.rmtree(self.manual_dir)
        self.fails("is not a folder")

    def test_another_layout(self):
        self.write("images", "0.jpg", content=b"")
        self.fails("neither ImageNet's .* nor images .* nor train, val")

    def test_class_is_missing_in_imagenet(self):
        self.write_imagenet("train")
        for name in WORDNET_IDS[:2]:
            shutil.rmtree(self.manual_dir / "train" / name)
        self.fails(
            "no images of 2 of mini-ImageNet's 100 classes: "
            + ", ".join(WORDNET_IDS[:2])
        )

    @parameterized.parameters(True, False)
    def test_class_is_missing_in_class_folders(self, empty):
        self.write_class_folders()
        folder = self.manual_dir / "val" / RAVI["valid"][3]
        shutil.rmtree(folder)
        if empty:
            folder.mkdir()
        self.fails(f"15 classes for valid, but .* has 16; .*{RAVI['valid'][3]}")

    def test_class_in_two_splits(self):
        self.write_class_folders()
        twice, instead = RAVI["train"][0], RAVI["test"][0]
        folder = self.manual_dir / "test"
        folder.joinpath(instead).rename(folder / twice)
        self.fails(f"{twice} for train and for test")

    def test_file_is_missing(self):
        self.write_one_folder(numbers=[1])
        self.write_csv([1, 2])
        self.fails(
            "100 of the images that the .csv files list .*, the first "
            f"{RAVI['train'][0]}00000002.jpg"
        )

    def test_number_that_imagenet_does_not_have(self):
        self.write_imagenet()
        self.write_csv([4])
        self.fails("100 of the images that the .csv files list")

    def test_file_outside(self):
        self.write_one_folder()
        self.write("secret.jpg", content=b"")
        self.write_csv([1, 2])
        with open(self.manual_dir / "test.csv", "a") as file:
            file.write(f"../secret.jpg,{RAVI['test'][0]}\n")
        self.fails(r"1 of the images that .*, the first \.\./secret.jpg")

    def test_csv_file_is_missing(self):
        self.write_one_folder()
        self.write_csv([1, 2])
        self.manual_dir.joinpath("val.csv").unlink()
        self.fails("val.csv cannot be read .*has train.csv, test.csv, and")

    def test_other_columns(self):
        self.write_one_folder()
        self.write_csv([1, 2])
        path = self.manual_dir / "test.csv"
        path.write_text(path.read_text().replace("filename,label", "a,b"))
        self.fails("test.csv has no column '(label|filename)'")

    def test_too_few_images_are_a_warning(self):
        self.write_class_folders()
        name = RAVI["valid"][3]
        self.manual_dir.joinpath("val", name, "7.jpg").unlink()
        with self.assertWarnsRegex(
            UserWarning, f"1 of the 100 classes .* fewer than 2 .* {name} has 1"
        ):
            found = self.find()
        self.assertEqual(list(found["valid"][name]), ["11.jpg"])

    def test_600_images_of_64_16_20_classes(self):
        self.assertEqual(IMAGES, 600)
        self.assertEqual(
            mini_imagenet_builder.CLASSES,
            {split: len(names) for split, names in RAVI.items()},
        )


class PrepareTest(TreeTest):
    def test_without_a_folder_of_images(self):
        with self.assertRaisesRegex(
            InputError, "manual_dir: .* give --manual_dir the folder"
        ):
            self.load(manual_dir=None)
        self.assertFalse(self.data_dir.exists())

    @parameterized.parameters(True, False)
    def test_empty_or_missing_folder(self, empty):
        if not empty:
            self.manual_dir.rmdir()
        with self.assertRaisesRegex(
            InputError, "manual_dir: .* or it is empty"
        ):
            self.load()

    def test_failure_leaves_nothing(self):
        self.write("0.jpg", content=b"")
        with self.assertRaisesRegex(InputError, "^manual_dir: .*neither"):
            self.load()
        self.assertEqual(
            [path.name for path in self.data_dir.rglob("*")], ["mini_imagenet"]
        )

    def test_data_folder_that_cannot_be_written(self):
        self.write_class_folders()
        self.data_dir.touch()
        with self.assertRaisesRegex(InputError, "^data_dir: .*cannot take"):
            self.load()

    def test_unreadable_images_and_what_dead_processes_left(self):
        self.write_class_folders()
        name = RAVI["test"][0]
        self.write("test", name, "11.jpg", content=self.jpegs[name, 7][:600])
        ended = subprocess.Popen(["true"])
        ended.wait()
        dead, alive = (
            self.data_dir / "mini_imagenet" / f".partial-{number}-1.0.0"
            for number in (ended.pid, os.getppid())
        )
        for folder in (dead, alive):
            folder.joinpath("mini_imagenet", "incomplete.X_1.0.0").mkdir(
                parents=True
            )
        with self.assertWarnsRegex(
            UserWarning, f"1 of the files cannot be read .*{name}/11.jpg"
        ):
            dataset = self.load()
        self.assertFalse(dead.exists())
        self.assertTrue(alive.exists())
        with self.assertWarnsRegex(UserWarning, f"1 of the 20 .*{name}"):
            dataset.episodes("test", 5, 1, 1, 0)

    def test_options(self):
        self.assertEqual(
            datasets.option_names("mini_imagenet"),
            (
                "data_dir",
                "cache_dir",
                "in_memory",
                "manual_dir",
                "rotations",
                "augment",
                "augmented",
            ),
        )


if __name__ == "__main__":
    tf.test.main()
