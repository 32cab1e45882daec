"""Tests of maml_tf/datasets/folder.py, on folders that they write."""

import io
import json
import os
import pathlib
import shutil
import tempfile
import warnings
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from maml_tf import datasets, losses
from maml_tf.datasets import folder
from maml_tf.datasets.images import files as image_files
from maml_tf.datasets.images import source
from maml_tf.errors import InputError
from tests.helpers.pictures import noise, smooth, write_jpeg, write_png

CLASSES = ["ant", "bee", "cat", "dog", "eel", "fox"]
IMAGES = 4


class FolderTest(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        temporary = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )
        self.root = temporary / "pictures"
        self.outside = temporary / "outside"
        self.cache_dir = temporary / "cache"

    def write(self, *parents, classes=CLASSES, images=IMAGES, **shape):
        """Writes pictures of noise; returns them by class."""
        written = {}
        for name in classes:
            written[name] = [
                noise(100 * CLASSES.index(name) + i, **shape)
                for i in range(images)
            ]
            for i, image in enumerate(written[name]):
                write_png(self.root.joinpath(*parents, name, f"{i}.png"), image)
        return written

    def load(self, **options):
        return datasets.load(
            f"folder:{self.root}", cache_dir=self.cache_dir, **options
        )

    def labelled(self, **options):
        """The decoded images, a dict of class to `[images, ...]`."""
        kept = []
        load = source.load

        def keep(*arguments):
            kept.append(load(*arguments))
            return kept[-1]

        with mock.patch.object(source, "load", keep):
            self.load(**options)
        ((labelled, _),) = kept
        return {
            str(name): labelled.examples[first : first + size]
            for name, first, size in zip(
                labelled.names, labelled.first, labelled.size
            )
        }

    def warned(self, function):
        """Calls a function; returns the texts of its warnings."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            function()
        return [str(warning.message) for warning in caught]


class DatasetTest(FolderTest):
    def test_what_it_is(self):
        self.write()
        dataset = self.load()
        self.assertEqual(dataset.name, f"folder:{self.root}")
        self.assertEqual(dataset.input_shape, (8, 8, 3))
        self.assertIs(dataset.loss, losses.cross_entropy)
        self.assertEqual(dataset.metric_name, "accuracy")
        self.assertEqual(dataset.num_classes("train"), 4)
        self.assertEqual(dataset.num_classes("valid"), 1)
        self.assertEqual(dataset.num_classes("test"), 1)

    def test_episodes_are_the_written_pictures(self):
        written = self.write()
        class_of = {
            image.tobytes(): name
            for name, images in written.items()
            for image in images
        }
        dataset = self.load()
        of_split = {}
        for split, way in (("train", 4), ("valid", 1), ("test", 1)):
            draw = dataset.episodes(split, way, 2, 2, seed=0)
            of_split[split] = set()
            for number in range(4):
                episode = draw(number)
                label_of = {}
                for x, y in (episode[:2], episode[2:]):
                    images = np.round(x.numpy() * 255.0).astype(np.uint8)
                    for image, label in zip(images, y.numpy()):
                        name = class_of[image.tobytes()]
                        self.assertEqual(label_of.setdefault(label, name), name)
                self.assertLen(set(label_of.values()), way)
                of_split[split] |= set(label_of.values())
        self.assertCountEqual(
            [name for names in of_split.values() for name in names], CLASSES
        )

    def test_seed_names_the_same_episodes_elsewhere(self):
        # Written in another order to another place: as on another machine.
        self.write()
        episode = self.load().episodes("train", 3, 1, 2, 5)(7)
        self.root = self.outside
        self.write(classes=CLASSES[::-1])
        other = self.load().episodes("train", 3, 1, 2, 5)(7)
        for ours, theirs in zip(episode, other):
            self.assertAllEqual(ours, theirs)

    def test_order_is_by_name(self):
        written = self.write()
        scandir = os.scandir

        class Reversed:
            def __init__(self, path):
                with scandir(path) as entries:
                    self.entries = sorted(entries, key=lambda e: e.name)[::-1]

            def __enter__(self):
                return iter(self.entries)

            def __exit__(self, *error):
                pass

        with mock.patch.object(os, "scandir", Reversed):
            labelled = self.labelled()
        self.assertEqual(list(labelled), CLASSES)
        for name in CLASSES:
            self.assertAllEqual(labelled[name], written[name])

    def test_rotations_and_augmentations(self):
        self.write()
        dataset = self.load(rotations=4, augment=("flip",))
        self.assertEqual(dataset.num_classes("train"), 16)
        with self.assertRaisesRegex(InputError, "'zoom'"):
            self.load(augment=("zoom",))

    def test_class_split(self):
        self.write()
        path = self.root / "split.json"
        split = {"train": ["ant", "cat"], "val": ["dog"], "test": ["bee"]}
        path.write_text(json.dumps(split))
        dataset = self.load(class_split=str(path))
        self.assertEqual(dataset.num_classes("train"), 2)
        self.assertEqual(dataset.num_classes("valid"), 1)
        split["test"] = ["yak"]
        path.write_text(json.dumps(split))
        shutil.rmtree(self.cache_dir)
        with self.assertRaisesRegex(InputError, "'yak' for test.*ant, bee"):
            self.load(class_split=str(path))
        self.assertFalse(self.cache_dir.exists())  # Said before decoding.

    def test_split_seed(self):
        self.write()
        with mock.patch.object(folder, "classification") as classification:
            for seed in (0, 0, 1, 2):
                self.load(split_seed=seed)
        divisions = [
            {split: indices.tolist() for split, indices in call.args[2].items()}
            for call in classification.call_args_list
        ]
        self.assertEqual(divisions[0], divisions[1])
        self.assertTrue(any(other != divisions[0] for other in divisions[2:]))


class DecodeTest(FolderTest):
    def only(self, content, name="picture"):
        """Writes one image beside two classes of grey; returns it decoded."""
        self.write(classes=["bee", "cat"], images=1, channels=1)
        self.root.joinpath("ant").mkdir()
        self.root.joinpath("ant", name).write_bytes(content)
        return self.labelled()["ant"][0]

    def test_grey_png(self):
        image = noise(1, channels=1)
        decoded = self.only(tf.io.encode_png(image).numpy())
        self.assertAllEqual(decoded, image)

    def test_colour_beside_grey(self):
        image = noise(1)
        decoded = self.only(tf.io.encode_png(image).numpy())
        self.assertAllEqual(decoded, image)
        bee = self.labelled()["bee"][0]
        self.assertEqual(bee.shape, (8, 8, 3))
        self.assertAllEqual(bee, np.repeat(noise(100, channels=1), 3, axis=2))

    @parameterized.parameters(1, 3)
    def test_16_bits(self, channels):
        image = noise(1, channels=channels).astype(np.uint16)
        content = tf.io.encode_png(image * 256 + 77).numpy()
        self.assertAllEqual(self.only(content), image)

    @parameterized.parameters(1, 3)
    def test_alpha_is_over_white(self, channels):
        image = noise(1, channels=channels + 1)
        image[0, :, -1], image[1, :, -1] = 0, 255
        decoded = self.only(tf.io.encode_png(image).numpy())
        self.assertEqual(decoded.shape, (8, 8, channels))
        self.assertAllEqual(decoded[0], np.full([8, channels], 255))
        self.assertAllEqual(decoded[1], image[1, :, :-1])
        alpha = image[..., -1:] / 255.0
        over = alpha * image[..., :-1] + (1 - alpha) * 255
        self.assertAllClose(decoded.astype(float), over, atol=0.51, rtol=0)

    def test_transparent_everywhere_is_opaque(self):
        image = noise(1, channels=4)
        image[..., -1] = 0
        decoded = self.only(tf.io.encode_png(image).numpy())
        self.assertAllEqual(decoded, image[..., :3])

    @parameterized.parameters("BMP", "GIF", "PNG")
    def test_formats_of_others(self, kind):
        image = noise(1)[:, :, :1].repeat(3, axis=2)
        image[0, 0] = 255, 0, 0
        file = io.BytesIO()
        options = {}
        if kind == "GIF":  # The first frame of two.
            second = Image.fromarray(255 - image)
            options = {"save_all": True, "append_images": [second]}
        Image.fromarray(image).save(file, kind, **options)
        # By content, whatever the name says.
        decoded = self.only(file.getvalue(), "picture.jpeg")
        self.assertAllEqual(decoded, image)

    @parameterized.parameters((3, "RGB"), (1, "L"))
    def test_jpeg(self, channels, mode):
        image = smooth(1, 8, 8)
        file = io.BytesIO()
        Image.fromarray(image).convert(mode).save(file, "JPEG", quality=95)
        decoded = self.only(file.getvalue(), "picture.png")
        self.assertEqual(decoded.shape, (8, 8, channels))
        expected = np.asarray(Image.open(file)).reshape([8, 8, channels])
        self.assertAllClose(
            # The two decoders round differently.
            decoded.astype(float),
            expected.astype(float),
            atol=10,
            rtol=0,
        )

    def test_cmyk_jpeg(self):
        file = io.BytesIO()
        colour = Image.new("RGB", (8, 8), (200, 30, 90))
        colour.convert("CMYK").save(file, "JPEG", quality=100)
        decoded = self.only(file.getvalue())
        self.assertAllClose(
            decoded.astype(float).mean(axis=(0, 1)), [200, 30, 90], atol=6
        )

    def test_mixed_sizes_are_cropped_and_resized_to_84(self):
        self.write(classes=["bee", "cat"], images=1)
        image = np.zeros([200, 300, 3], np.uint8)
        image[:, 50:250] = 255  # The middle square.
        write_png(self.root / "ant" / "0.png", image)
        labelled = self.labelled()
        self.assertEqual(labelled["bee"].shape, (1, 84, 84, 3))
        self.assertAllEqual(labelled["ant"], np.full([1, 84, 84, 3], 255))

    @parameterized.parameters((8, 8, 8), (8, 6, 84), (100, 100, 100))
    def test_own_size(self, height, width, size):
        self.write(images=1, height=height, width=width)
        self.assertEqual(self.load().input_shape, (size, size, 3))

    def test_image_size_is_antialiased(self):
        self.write(classes=["bee", "cat"], images=1)
        board = np.indices([64, 64]).sum(axis=0) % 2 * 255
        board = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
        write_png(self.root / "ant" / "0.png", board)
        decoded = self.labelled(image_size=16)["ant"][0]
        # Four pixels become one: their mean; without it, one of them.
        self.assertAllClose(
            decoded.astype(float), np.full([16, 16, 3], 127.5), atol=1.0
        )


class UnreadableTest(FolderTest):
    def write_damaged(self):
        """Writes good images, and of each kind of damage one."""
        self.write()
        whole = tf.io.encode_jpeg(smooth(1, 80, 80)).numpy()
        damaged = {
            "ant/cut.jpg": whole[: len(whole) // 2],
            "bee/cut.png": tf.io.encode_png(smooth(1)).numpy()[:500],
            "bee/empty.png": b"",
            "cat/notes.txt": b"Taken in the garden.",
        }
        for name, content in damaged.items():
            self.root.joinpath(name).write_bytes(content)
        return damaged

    @parameterized.parameters(True, False)
    def test_are_said_once_and_left_out(self, in_memory):
        damaged = self.write_damaged()
        (text,) = self.warned(lambda: self.load(in_memory=in_memory))
        self.assertIn("4 of the files cannot be read as images", text)
        for name in damaged:
            self.assertIn(name, text)
        dataset = self.load(in_memory=in_memory, split_seed=1)  # Silent.
        draw = dataset.episodes("train", 4, 2, 2, 0)
        self.assertAllInRange(draw(0).query_x, 0.0, 1.0)

    def test_the_rest_stays_in_order(self):
        written = self.write()
        whole = tf.io.encode_jpeg(noise(1)).numpy()
        for name in CLASSES[:-1]:
            cut = self.root / name / "1.png"
            cut.write_bytes(whole[: len(whole) // 2])
        with self.assertWarnsRegex(UserWarning, "5 of the files .*ant/1.png"):
            labelled = self.labelled()
        for name, images in written.items():
            kept = images if name == "fox" else images[:1] + images[2:]
            self.assertAllEqual(labelled[name], kept)

    def test_many_are_counted_and_some_named(self):
        self.write()
        for number in range(30):
            self.root.joinpath("ant", f"{number:02}.txt").touch()
        (text,) = self.warned(self.load)
        self.assertIn("30 of the files", text)
        self.assertIn("ant/04.txt, ...", text)
        self.assertNotIn("ant/05.txt", text)

    def test_class_without_readable_images_is_left_out(self):
        self.write()
        for path in self.root.joinpath("ant").iterdir():
            path.write_bytes(b"")
        with self.assertWarnsRegex(UserWarning, "4 of the files"):
            self.assertEqual(list(self.labelled()), CLASSES[1:])

    @parameterized.parameters("text", "jpeg")
    def test_none_is_readable(self, kind):
        whole = tf.io.encode_jpeg(smooth(1)).numpy()
        for name in CLASSES:
            path = self.root / name / "0"
            path.parent.mkdir(parents=True)
            path.write_bytes(
                b"text" if kind == "text" else whole[: len(whole) // 2]
            )
        for _ in range(2):  # The second from the cache, as far as it goes.
            with self.assertRaisesRegex(InputError, "6 files .* none of them"):
                self.load()

    def test_unreadable_name_is_said_in_ascii(self):
        self.write()
        name = os.fsdecode(b"ant/caf\xe9.txt")
        self.root.joinpath(name).touch()
        (text,) = self.warned(self.load)
        text.encode("ascii")


class LinksTest(FolderTest):
    def setUp(self):
        super().setUp()
        self.write()
        write_png(self.outside / "yak" / "secret.png", noise(9999))

    def test_linked_file_is_not_followed(self):
        link = self.root / "ant" / "linked.png"
        link.symlink_to(self.outside / "yak" / "secret.png")
        with self.assertWarnsRegex(
            UserWarning, "links .*not followed: ant/linked.png"
        ):
            labelled = self.labelled()
        self.assertLen(labelled["ant"], IMAGES)

    def test_linked_folder_is_not_followed(self):
        self.root.joinpath("yak").symlink_to(self.outside / "yak")
        with self.assertWarnsRegex(UserWarning, "not followed: yak"):
            self.assertEqual(list(self.labelled()), CLASSES)

    def test_nor_are_links_that_stay_inside(self):
        # The same picture twice would be in support and in query.
        link = self.root / "ant" / "again.png"
        link.symlink_to(self.root / "ant" / "0.png")
        with self.assertWarnsRegex(UserWarning, "not followed"):
            self.assertLen(self.labelled()["ant"], IMAGES)

    def test_the_folder_itself_may_be_a_link(self):
        link = self.root.with_name("link")
        link.symlink_to(self.root)
        self.root = link
        self.assertEqual(list(self.labelled()), CLASSES)

    def test_hidden_files_are_ignored(self):
        self.root.joinpath("ant", ".DS_Store").touch()
        self.root.joinpath(".thumbnails").mkdir()
        self.assertEqual(self.warned(self.load), [])

    def test_pipes_are_not_opened(self):
        os.mkfifo(self.root / "ant" / "pipe.png")
        self.assertLen(self.labelled()["ant"], IMAGES)


class LayoutTest(FolderTest):
    def fails(self, sentence, **options):
        with self.assertRaisesRegex(InputError, sentence) as caught:
            self.load(**options)
        self.assertStartsWith(str(caught.exception), "dataset: ")
        self.assertFalse(self.cache_dir.exists())

    def test_missing(self):
        self.fails("does not exist")

    def test_file(self):
        self.root.write_text("no folder")
        self.fails("is a file")

    def test_no_classes(self):
        write_png(self.root / "0.png", noise(0))
        self.fails("has no class folders")

    def test_one_class(self):
        self.write(classes=["ant"])
        self.fails("1 class")

    def test_empty_class(self):
        self.write()
        self.root.joinpath("gnu").mkdir()
        self.fails("gnu without images")

    def test_superclasses(self):
        insects = self.write("insects", classes=["ant", "bee"])
        others = self.write("others", classes=["cat", "dog", "eel"])
        labelled = self.labelled()
        self.assertEqual(
            sorted(labelled),
            [
                *("insects/ant", "insects/bee"),
                *("others/cat", "others/dog", "others/eel"),
            ],
        )
        self.assertAllEqual(labelled["insects/bee"], insects["bee"])
        self.assertAllEqual(labelled["others/eel"], others["eel"])

    def test_episodes_within_superclasses(self):
        for split in ("train", "valid", "test"):
            self.write(split, f"{split}_a", classes=["ant", "bee"])
            self.write(split, f"{split}_b", classes=["cat", "dog"])
        episodes = self.load(classes_within="superclass").episodes
        draw = episodes("test", 2, 1, 1, seed=0)
        pairs = set()
        for number in range(20):
            x = draw(number).support_x.numpy()
            pairs.add(tuple(sorted(self.class_of(image) for image in x)))
        self.assertEqual(pairs, {("ant", "bee"), ("cat", "dog")})

    def class_of(self, image):
        """Returns the class of one of the pictures that `write` writes."""
        (found,) = {
            name
            for name in CLASSES
            for i in range(IMAGES)
            if np.allclose(
                noise(100 * CLASSES.index(name) + i) / 255.0, image, atol=1e-6
            )
        }
        return found

    @parameterized.parameters("gnu", "insects/bee/old")
    def test_images_at_several_depths(self, also):
        self.write("insects", classes=["ant", "bee"])
        if also == "gnu":
            self.write(classes=["fox"])
            self.fails("insects without images directly in it")
        else:
            write_png(self.root.joinpath("insects/eel/old/0.png"), noise(0))
            self.fails("eel without images directly in it")

    def test_unknown_option(self):
        with self.assertRaisesRegex(InputError, "download.*does not take"):
            self.load(download=True)


class FixedSplitTest(FolderTest):
    def write_split(self, valid="valid", train="train", test="test"):
        self.write(train, classes=["bee", "eel", "fox"])
        self.write(valid, classes=["cat"])
        self.write(test, classes=["ant", "dog"])

    @parameterized.parameters(
        ("valid",), ("val",), ("dev",), ("Val", "Train", "Test")
    )
    def test_is_kept(self, *names):
        self.write_split(*names)
        (self.root / "__MACOSX" / "ant").mkdir(parents=True)
        with mock.patch.object(folder, "classification") as classification:
            self.load()
        _, labelled, classes = classification.call_args.args
        names = {s: labelled.names[i].tolist() for s, i in classes.items()}
        self.assertEqual(
            names,
            {
                "train": ["bee", "eel", "fox"],
                "valid": ["cat"],
                "test": ["ant", "dog"],
            },
        )
        self.assertEqual(labelled.names.tolist(), CLASSES)

    def test_cannot_be_divided_again(self):
        self.write_split()
        for options in ({"class_split": "random"}, {"split_seed": 1}):
            with self.assertRaisesRegex(
                InputError, "class_split: .* leave class_split and split_seed"
            ):
                self.load(**options)

    def test_class_in_two_splits(self):
        self.write_split()
        self.write("test", classes=["fox"])
        with self.assertRaisesRegex(InputError, "fox in train and in test"):
            self.load()

    def test_without_validation(self):
        self.write_split()
        shutil.rmtree(self.root / "valid")
        with self.assertRaisesRegex(InputError, "test, train; .* valid"):
            self.load()

    @parameterized.parameters("val", "unused")
    def test_other_folders(self, name):
        self.write_split()
        self.write(name, classes=["fox"])
        with self.assertRaisesRegex(InputError, f"{name}.*nothing else"):
            self.load()

    def test_empty_split(self):
        self.write_split()
        shutil.rmtree(self.root / "valid" / "cat")
        with self.assertRaisesRegex(InputError, "/valid has no class folders"):
            self.load()

    def test_split_without_readable_images(self):
        self.write_split()
        for path in self.root.joinpath("valid", "cat").iterdir():
            path.write_bytes(b"")
        with self.assertWarns(UserWarning):
            with self.assertRaisesRegex(InputError, "no classes for valid"):
                self.load()


class CacheTest(FolderTest):
    def test_is_decoded_once(self):
        self.write()
        before = self.labelled()
        with mock.patch.object(image_files, "decode", side_effect=OSError):
            after = self.labelled()
        self.assertEqual(list(before), list(after))
        for name in CLASSES:
            self.assertAllEqual(before[name], after[name])

    def test_auto_opens_the_folder_once(self):
        self.write()
        with mock.patch.object(
            image_files, "shape", side_effect=image_files.shape
        ) as shape:
            self.load()
        self.assertEqual(shape.call_count, len(CLASSES) * IMAGES)

    def test_size_has_its_own(self):
        self.write()
        self.assertEqual(self.load().input_shape, (8, 8, 3))
        self.assertEqual(self.load(image_size=5).input_shape, (5, 5, 3))
        self.assertEqual(self.load().input_shape, (8, 8, 3))

    def test_changes_are_seen(self):
        self.write()
        self.load()
        path = self.root / "ant" / "0.png"
        write_png(path, noise(777))
        os.utime(path, ns=(0, 1))  # Whatever the clock's resolution.
        self.assertAllEqual(self.labelled()["ant"][0], noise(777))
        write_png(self.root / "ant" / "9.png", noise(778))
        self.assertAllEqual(self.labelled()["ant"][-1], noise(778))
        self.root.joinpath("ant", "9.png").rename(self.root / "ant" / "8.png")
        self.assertLen(self.labelled()["ant"], 5)
        path.unlink()
        self.assertLen(self.labelled()["ant"], 4)

    def test_folders_of_one_name_do_not_share(self):
        self.write()
        ant = self.labelled()["ant"]
        self.root = self.outside / self.root.name
        write_jpeg(self.root / "ant" / "0.jpg", smooth(5, 8, 8))
        self.write(classes=["bee", "cat"])
        self.assertNotEqual(self.labelled()["ant"].shape, ant.shape)


if __name__ == "__main__":
    tf.test.main()
