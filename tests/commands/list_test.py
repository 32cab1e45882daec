"""Tests of `maml-tf list`."""

import contextlib
import io
from unittest import mock

from absl.testing import absltest

from maml_tf import InputError, registry
from maml_tf.commands import flagfiles, list, packaged


def listed(*words):
    with contextlib.redirect_stdout(io.StringIO()) as stdout:
        list.main(words)
    return stdout.getvalue()


class ListTest(absltest.TestCase):
    def test_all_kinds_with_a_sentence_each(self):
        text = listed()
        for kind in list.KINDS:
            self.assertIn(f"{kind}, for maml-tf ", text)
        names = [
            *(folder.name for folder in packaged.learners().iterdir()),
            *flagfiles.names(),
            *registry.DATASETS.names(),
            *registry.NETWORKS.names(),
            *registry.ALGORITHMS.names(),
            *registry.ENVIRONMENTS.names(),
        ]
        for name in names:
            self.assertRegex(text, rf"(?m)^  {name} +\S.{{10,}}$")
        self.assertLessEqual(max(map(len, text.splitlines())), 80)

    def test_one_kind(self):
        text = listed("algorithms")
        self.assertStartsWith(text, "algorithms, for maml-tf train")
        self.assertLen(text.splitlines(), 1 + len(registry.ALGORITHMS.names()))

    def test_an_unknown_kind(self):
        with self.assertRaisesRegex(
            InputError, "^list: 'algorithm' .* closest is algorithms"
        ):
            listed("algorithm")

    def test_run_ends_with_a_sentence(self):
        with (
            mock.patch("sys.argv", ["maml-tf", "nothing"]),
            contextlib.redirect_stderr(io.StringIO()) as stderr,
            self.assertRaises(SystemExit) as ended,
        ):
            list.run()
        self.assertEqual(ended.exception.code, 1)
        self.assertStartsWith(stderr.getvalue(), "error: list: 'nothing' ")


if __name__ == "__main__":
    absltest.main()
