"""Tests of reading a user's own examples."""

import pathlib
import tempfile
import types
import warnings

import keras
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import InputError
from maml_tf.learner import user_examples
from tests.helpers.pictures import noise, write_png


def learner(shape, dtype, task="classification", outputs=1):
    """Returns a stand-in with the attributes that are read of a learner."""
    return types.SimpleNamespace(
        raw_input=keras.Input(shape, dtype=dtype), task=task, outputs=outputs
    )


POINTS = learner((2,), "float32", "regression", outputs=1)


class UserExamplesTestCase(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")
        return self.folder / name

    def picture(self, name, seed=0, **size):
        image = noise(seed, **size)
        write_png(self.folder / name, image)
        return image


class KindTest(UserExamplesTestCase):
    @parameterized.parameters(
        ("images", learner((None, None, 3), "uint8")),
        ("texts", learner((), "string")),
        ("points", POINTS),
    )
    def test_kinds(self, kind, of):
        self.assertEqual(user_examples.kind(of), kind)

    @parameterized.parameters(
        learner((28, 28, 1), "float32"),
        learner((2,), "float32"),
        learner((None, None, 1), "uint8", "regression"),
        types.SimpleNamespace(
            raw_input=[keras.Input((1,)), keras.Input((2,))], task="regression"
        ),
    )
    def test_others_are_refused(self, of):
        with self.assertRaisesRegex(InputError, "^workdir: .*Learner.adapt"):
            user_examples.kind(of)


class ImagesTest(UserExamplesTestCase):
    def test_support(self):
        images = {
            name: self.picture(f"{name}.png", seed, height=5 + seed, channels=c)
            for seed, (name, c) in enumerate(
                [("cat/b", 3), ("cat/a", 1), ("dog/a", 4)]
            )
        }
        found = user_examples.images_by_class(self.folder)
        self.assertEqual(found.names, ["cat/a.png", "cat/b.png", "dog/a.png"])
        self.assertEqual(found.y, ["cat", "cat", "dog"])
        for name, image in zip(found.names, found.x, strict=True):
            self.assertAllEqual(image, images[name.removesuffix(".png")])

    def test_unreadable_support_is_left_out_and_said(self):
        self.picture("cat/a.png")
        self.picture("dog/a.png")
        self.write("dog/notes.txt", "mine")
        with self.assertWarnsRegex(UserWarning, r"support: .*1 of.*notes\.txt"):
            found = user_examples.images_by_class(self.folder)
        self.assertEqual(found.names, ["cat/a.png", "dog/a.png"])

    def test_support_refusals(self):
        def refuses(pattern, path=self.folder):
            with self.assertRaisesRegex(InputError, f"^support: .*{pattern}"):
                user_examples.images_by_class(path)

        refuses("does not exist", self.folder / "none")
        refuses("no class folders")
        refuses("is a file, but the model takes images", self.write("x", ""))
        self.picture("cat/a.png")
        refuses("one class alone, cat")
        (self.folder / "dog").mkdir()
        refuses("class folder dog without images")
        self.write("dog/a.png", "no picture")
        with self.assertWarns(UserWarning):
            refuses("the class dog has no image that can be read")

    def query(self, *paths):
        """All that is read, and in how many parts."""
        parts = list(user_examples.images([str(path) for path in paths]))
        names, x, y = (
            [one for part in parts for one in part[field]] for field in range(3)
        )
        return names, x, y

    def test_query_by_class_flat_and_files(self):
        one, two = (
            self.picture("q/dog/1.png", 1),
            self.picture("q/cat/1.png", 2),
        )
        three = self.picture("q/3.png", 3)
        self.write("q/.hidden", "")
        names, x, y = self.query(self.folder / "q")
        self.assertEqual(names, ["cat/1.png", "dog/1.png", "3.png"])
        self.assertEqual(y, ["cat", "dog", None])
        for image, expected in zip(x, (two, one, three), strict=True):
            self.assertAllEqual(image, expected)

        names, _, y = self.query(self.folder / "q/dog")
        self.assertEqual((names, y), (["1.png"], [None]))

        files = [self.folder / "q/dog/1.png", self.folder / "q/cat/1.png"]
        names, x, y = self.query(*files)
        # In the order given, and told apart.
        self.assertEqual(names, list(map(str, files)))
        self.assertEqual(y, [None, None])
        self.assertAllEqual(x[0], one)

    def test_many_come_in_parts(self):
        for number in range(40):
            self.picture(f"{number:02}.png", number)
        parts = list(user_examples.images([str(self.folder)]))
        self.assertEqual([len(part.x) for part in parts], [16, 16, 8])
        names = [name for part in parts for name in part.names]
        self.assertEqual(names, [f"{number:02}.png" for number in range(40)])

    def test_unreadable_query_is_said_once(self):
        for number in range(20):
            self.picture(f"{number:02}.png", number)
        for name in ("00a.png", "19a.png"):
            self.write(name, "no picture")
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            names, _, _ = self.query(self.folder)
        self.assertLen(names, 20)
        (said,) = said
        self.assertRegex(str(said.message), r"2 of .*00a\.png, 19a\.png\.$")

    def test_query_refusals(self):
        def refuses(pattern, *paths):
            with self.assertRaisesRegex(InputError, f"^query: .*{pattern}"):
                self.query(*paths)

        refuses("give a folder or files")
        refuses("none does not exist", self.folder / "none")
        refuses("is empty", self.folder)
        path = self.write("x.png", "no picture")
        with self.assertWarns(UserWarning):
            refuses("no image that can be read", path)
        for split in ("train", "valid", "test"):
            self.picture(f"q/{split}/{split}/a.png")
        refuses("train, valid and test folders", self.folder / "q")


class TextsTest(UserExamplesTestCase):
    def test_support_and_query(self):
        path = self.write("a.csv", "text,label\nhello you,greet\nbye,leave\n")
        found = user_examples.texts(path)
        self.assertEqual(found.x, ["hello you", "bye"])
        self.assertEqual(found.y, ["greet", "leave"])
        self.assertEqual(
            user_examples.texts(path, "query", labelled=False), found
        )

    @parameterized.parameters(
        ("a.csv", "text\nhello\nbye\n", [None, None]),
        ("a.csv", "label,text\n,hello\nx,bye\n", [None, "x"]),
        ("a.jsonl", '{"text": "hello"}\n{"text": "bye"}\n', [None, None]),
        ("a.txt", "\ufeffhello\n\n  bye \n", [None, None]),
    )
    def test_labels_may_be_missing_of_queries(self, name, content, labels):
        path = self.write(name, content)
        found = user_examples.texts(path, "query", labelled=False)
        self.assertEqual(found.x, ["hello", "bye"])
        self.assertEqual(found.y, labels)

    @parameterized.parameters(
        ("a.csv", "text\nhello\n", "no column 'label'"),
        ("a.csv", "text,label\nhello,a\n", "one class alone, a"),
        ("a.txt", "hello\n", r"ending must be one of \.csv"),
        (".", None, "is a folder, but the model takes texts; give a .csv"),
        ("none.csv", None, "cannot be read: No such file"),
    )
    def test_support_refusals(self, name, content, pattern):
        path = (
            self.folder / name if content is None else self.write(name, content)
        )
        with self.assertRaisesRegex(InputError, f"^support: .*{pattern}"):
            user_examples.texts(path)

    @parameterized.parameters(
        ("a.txt", "\n \n", "is empty"),
        ("a.csv", "words\nx\n", "no column 'text'.*and text is needed"),
        ("a.csv", "text\n", "no texts"),
    )
    def test_query_refusals(self, name, content, pattern):
        path = self.write(name, content)
        with self.assertRaisesRegex(InputError, f"^query: .*{pattern}"):
            user_examples.texts(path, "query", labelled=False)


class PointsTest(UserExamplesTestCase):
    def support(self):
        path = self.write("s.csv", "a,y,b\n1,2,3\n4,5,6\n")
        return user_examples.points(path, POINTS)

    def test_support(self):
        found = self.support()
        self.assertEqual((found.features, found.targets), (["a", "b"], ["y"]))
        self.assertAllEqual(found.x, [[1, 3], [4, 6]])
        self.assertAllEqual(found.y, [[2], [5]])

    def test_a_task_is_no_feature(self):
        path = self.write("s.csv", "task,a,y,b\nk,1,2,3\nk,4,5,6\n")
        self.assertAllEqual(
            user_examples.points(path, POINTS).x, self.support().x
        )

    @parameterized.parameters(
        ("b,a\n3,1\n", None), ("y,b,a\n2,3,1\n", [[2]]), ("b;a\n3;1\n", None)
    )
    def test_query_columns_are_found_by_name(self, content, y):
        path = self.write("q.csv", content)
        found = user_examples.points(path, POINTS, "query", self.support())
        self.assertAllEqual(found.x, [[1, 3]])
        if y is None:
            self.assertIsNone(found.y)
        else:
            self.assertAllEqual(found.y, y)

    @parameterized.parameters(
        ("text,label\na,b\n", "columns text, label; there must be"),
        ("a,y\n1,2\n", r"1 feature \(a\); the model has 2"),
        ("a,b,y,y2\n1,2,3,4\n", r"2 targets \(y, y2\); the model has 1"),
        ("task,a,b,y\nk,1,2,3\nl,1,2,3\n", "2 tasks, k and l among them"),
        ("a,b,y\n1,x,3\n", "line 2, column b: 'x' was found"),
        ("", "is empty"),
    )
    def test_support_refusals(self, content, pattern):
        path = self.write("s.csv", content)
        with self.assertRaisesRegex(InputError, f"^support: .*{pattern}"):
            user_examples.points(path, POINTS)

    @parameterized.parameters(
        ("a,c\n1,2\n", "features a, c; .* a, b"),
        ("a,b,c\n1,2,3\n", "features a, b, c; .* a, b"),
        ("a,b,y2\n1,2,3\n", "targets y2; .* y, or be left out"),
    )
    def test_query_refusals(self, content, pattern):
        path = self.write("q.csv", content)
        with self.assertRaisesRegex(InputError, f"^query: .*{pattern}"):
            user_examples.points(path, POINTS, "query", self.support())

    def test_a_folder_is_refused(self):
        with self.assertRaisesRegex(InputError, "^support: .*is a folder"):
            user_examples.points(self.folder, POINTS)


if __name__ == "__main__":
    tf.test.main()
