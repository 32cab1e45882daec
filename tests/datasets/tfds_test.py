"""Tests of maml_tf/datasets/tfds.py, on tiny sets in the format of TFDS."""

import logging
import os
import pathlib
import sys
import tempfile
from unittest import mock

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from absl.testing import parameterized

from maml_tf import datasets
from maml_tf.datasets.images import source
from maml_tf.errors import InputError
from tests.helpers.pictures import noise

NAMES = ["ant", "bee", "cat", "dog", "eel"]


def write_set(
    data_dir,
    sizes=(6, 6, 6, 6, 6),
    image="image",
    shape=(8, 8, 3),
    name="animals",
    version="1.0.0",
    extra=(),
    **more,
):
    """Writes a set whose images come in two of TFDS's splits.

    Args:
        data_dir: where to.
        sizes: how many of each class.
        image: name of the image feature; `"picture"` sorts after others.
        shape: of the images, as the feature says.
        name: of the set.
        version: of the set.
        extra: `(split, [(label, number), ...])` of further splits.
        **more: options of TFDS.
    """
    label = "label" if image == "image" else "species"
    features = tfds.features.FeaturesDict(
        {
            image: tfds.features.Image(shape=shape),
            label: tfds.features.ClassLabel(names=NAMES),
            "id": np.int64,
        }
    )

    def split(pairs):
        pictures = [
            noise(10 * abs(c) + i, shape[0] or 9, shape[1] or 7, shape[2])
            for c, i in pairs
        ]
        return tf.data.Dataset.from_tensor_slices(
            {
                image: np.stack(pictures),
                label: np.array([c for c, _ in pairs], np.int64),
                "id": np.zeros(len(pairs), np.int64),
            }
        )

    pairs = [
        (c, i) for i in range(max(sizes)) for c in range(5) if i < sizes[c]
    ]
    half = len(pairs) // 2
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version=version,
        features=features,
        split_datasets={
            "train": split(pairs[:half]),
            "test": split(pairs[half:]),
            **{key: split(chosen) for key, chosen in extra},
        },
        data_dir=data_dir,
        **more,
    )


class TfdsTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        temporary = self.enter_context(tempfile.TemporaryDirectory())
        self.data_dir = os.path.join(temporary, "data")
        self.cache_dir = os.path.join(temporary, "cache")

    def load(self, name="animals", **options):
        return datasets.load(
            f"tfds:{name}",
            data_dir=self.data_dir,
            cache_dir=self.cache_dir,
            **options,
        )

    def labelled(self, *arguments, **options):
        """The decoded images, a dict of class to `[images, ...]`."""
        kept = []
        load = source.load

        def keep(*arguments):
            kept.append(load(*arguments))
            return kept[-1]

        with mock.patch.object(source, "load", keep):
            self.load(*arguments, **options)
        ((labelled, _),) = kept
        return {
            str(name): labelled.examples[first : first + size]
            for name, first, size in zip(
                labelled.names, labelled.first, labelled.size
            )
        }

    def assertImages(self, images, expected):
        """Asserts that there are these images, in any order."""
        self.assertCountEqual(
            [image.tobytes() for image in images],
            [image.tobytes() for image in expected],
        )


class ImagesTest(TfdsTest):
    @parameterized.parameters(
        ("image", (8, 8, 3)), ("picture", (8, 8, 1)), ("image", (8, 8, 1))
    )
    def test_all_splits_together(self, image, shape):
        write_set(self.data_dir, image=image, shape=shape)
        labelled = self.labelled()
        self.assertEqual(list(labelled), NAMES)
        for label, name in enumerate(NAMES):
            self.assertImages(
                labelled[name],
                [noise(10 * label + i, *shape) for i in range(6)],
            )
        self.assertEqual(self.load().input_shape, shape)

    def test_images_in_several_splits_count_once(self):
        extra = [("small", [(0, 0), (0, 5), (1, 2)]), ("new", [(0, 9)])]
        write_set(self.data_dir, extra=extra)
        labelled = self.labelled()
        self.assertImages(
            labelled["ant"], [noise(i) for i in (0, 1, 2, 3, 4, 5, 9)]
        )
        self.assertLen(labelled["bee"], 6)

    def test_hidden_labels_are_left_out(self):
        write_set(self.data_dir, extra=[("hidden", [(-1, 0), (-1, 1)])])
        self.assertEqual([len(x) for x in self.labelled().values()], [6] * 5)

    def test_a_label_out_of_range(self):
        write_set(self.data_dir)
        # As if someone had shortened the list of names.
        folder = pathlib.Path(self.data_dir, "animals", "1.0.0")
        (folder / "label.labels.txt").write_text("ant\nbee\ncat\n")
        features = folder / "features.json"
        text = features.read_text()
        self.assertIn('"numClasses": "5"', text)
        features.write_text(
            text.replace('"numClasses": "5"', '"numClasses": "3"')
        )
        with self.assertRaisesRegex(
            InputError, "dataset: .*animals.* the label [34] .*from 0 to 2"
        ):
            self.labelled()

    @parameterized.parameters(
        ((8, 8, 4), (8, 8, 3)),
        ((8, 6, 3), (84, 84, 3)),
        ((None, None, 3), (84, 84, 3)),
        ((None, None, 1), (84, 84, 1)),
    )
    def test_default_size_and_channels(self, shape, expected):
        write_set(self.data_dir, shape=shape)
        self.assertEqual(self.load().input_shape, expected)

    def test_image_size(self):
        write_set(self.data_dir)
        self.assertEqual(self.load(image_size=5).input_shape, (5, 5, 3))
        self.assertEqual(self.load().input_shape, (8, 8, 3))

    def test_second_load_needs_no_tfds(self):
        write_set(self.data_dir)
        before = self.labelled()
        with mock.patch.dict(sys.modules, {"tensorflow_datasets": None}):
            after = self.labelled()
        for name in NAMES:
            self.assertAllEqual(before[name], after[name])

    def test_only_the_note_on_dtype_is_silenced(self):
        write_set(self.data_dir)
        as_dataset = tfds.core.DatasetBuilder.as_dataset

        def noisy(*arguments, **options):
            logging.getLogger("absl").warning("Disk is on fire.")
            return as_dataset(*arguments, **options)

        with (
            mock.patch.object(tfds.core.DatasetBuilder, "as_dataset", noisy),
            self.assertLogs("absl", "WARNING") as logs,
        ):
            self.load()
        messages = {record.getMessage() for record in logs.records}
        self.assertEqual(messages, {"Disk is on fire."})


class EpisodesTest(TfdsTest):
    def test_what_it_is(self):
        write_set(self.data_dir)
        dataset = self.load(rotations=4)
        self.assertEqual(dataset.name, "tfds:animals")
        self.assertEqual(dataset.num_classes("train"), 12)
        episode = dataset.episodes("train", 5, 1, 2, 0)(0)
        self.assertAllInRange(episode.query_x, 0.0, 1.0)

    def test_classes_with_too_few_examples_are_left_out(self):
        write_set(self.data_dir, sizes=(6, 2, 6, 3, 6))
        path = os.path.join(self.data_dir, "split.json")
        pathlib.Path(path).write_text(
            '{"train": ["ant", "bee", "dog"], "val": ["cat"], "test": ["eel"]}'
        )
        dataset = self.load(class_split=path)
        with self.assertWarnsRegex(
            UserWarning, "2 of the 3 classes of the train split.* 4 .*bee, dog"
        ):
            draw = dataset.episodes("train", 1, 2, 2, 0)
        ants = {noise(i).tobytes() for i in range(6)}
        for number in range(5):
            images = np.round(draw(number).query_x.numpy() * 255)
            for image in images.astype(np.uint8):
                self.assertIn(image.tobytes(), ants)

    def test_split_seed_and_augmentations(self):
        write_set(self.data_dir)
        with self.assertRaisesRegex(InputError, "class_split: 'lake'"):
            self.load(class_split="lake")
        with self.assertRaisesRegex(InputError, "augmented: 'none'"):
            self.load(augmented="none")


class NameTest(TfdsTest):
    def test_version(self):
        write_set(self.data_dir, shape=(8, 8, 3), version="1.9.0")
        write_set(self.data_dir, shape=(8, 8, 1), version="1.10.0")
        self.assertEqual(self.load().input_shape, (8, 8, 1))
        self.assertEqual(self.load("animals:1.9.0").input_shape, (8, 8, 3))
        with self.assertRaisesRegex(InputError, "tfds:animals:2.0.0"):
            self.load("animals:2.0.0")

    def test_configuration(self):
        write_set(self.data_dir, shape=(8, 8, 1), config="grey")
        write_set(self.data_dir, shape=(8, 8, 3), config="colour")
        for name in ("animals/colour", "animals/colour:1.0.0"):
            self.assertEqual(self.load(name).input_shape, (8, 8, 3))
        common = pathlib.Path(self.data_dir, "animals", ".config")
        common.mkdir(exist_ok=True)
        common.joinpath("metadata.json").write_text(
            '{"default_config_name": "grey"}'
        )
        self.assertEqual(self.load().input_shape, (8, 8, 1))
        self.assertEqual(self.load("animals/colour").input_shape, (8, 8, 3))

    @parameterized.parameters("../animals", "a*", "a:1", "a/", "a/..", "a b")
    def test_not_a_name(self, name):
        with self.assertRaisesRegex(InputError, "dataset: .*tfds:name/config"):
            self.load(name)

    def test_missing(self):
        with self.assertRaisesRegex(
            InputError, "tfds:animals; give --download .* --data_dir"
        ):
            self.load()

    def test_downloads_when_asked(self):
        def fake(name, data_dir, download):
            self.assertEqual((name, download), ("animals:1.0.0", True))
            write_set(data_dir)

        with mock.patch.object(tfds, "load", fake):
            dataset = self.load("animals:1.0.0", download=True)
        self.assertEqual(dataset.input_shape, (8, 8, 3))

    def test_unknown_to_tfds(self):
        error = tfds.core.DatasetNotFoundError("No animals.\nDid you mean ...")
        with mock.patch.object(tfds, "load", side_effect=error):
            with self.assertRaisesRegex(
                InputError,
                r"^data_dir: tfds:animals .* \(No animals\); .*elsewhere\.$",
            ):
                self.load(download=True)


class UnfitTest(TfdsTest):
    @parameterized.parameters(
        ({"label": tfds.features.ClassLabel(num_classes=3)}, "no image"),
        ({"image": tfds.features.Image(shape=(2, 2, 3))}, "no label"),
        (
            {
                "image": tfds.features.Image(shape=(2, 2, 1), dtype=np.float32),
                "label": tfds.features.ClassLabel(num_classes=3),
            },
            "no image",
        ),
    )
    def test_set_without_images_or_labels(self, features, sentence):
        features = {"text": tfds.features.Text(), **features}
        values = {
            "text": "words",
            "label": 0,
            "image": np.zeros(
                [2, 2, features["image"].shape[-1]],
                features["image"].np_dtype,
            )
            if "image" in features
            else None,
        }
        data = tf.data.Dataset.from_tensors({k: values[k] for k in features})
        tfds.dataset_builders.store_as_tfds_dataset(
            name="animals",
            version="1.0.0",
            features=tfds.features.FeaturesDict(features),
            split_datasets={"train": data},
            data_dir=self.data_dir,
        )
        with self.assertRaisesRegex(
            InputError, f"tfds:animals has {sentence} .*text.*class label"
        ):
            self.load()


if __name__ == "__main__":
    tf.test.main()
