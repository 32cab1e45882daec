"""Tests of maml_tf/commands/path_lists.py."""

import pathlib
import tempfile

from absl.testing import absltest

from maml_tf.commands.path_lists import PathListParser


class PathListsTest(absltest.TestCase):
    def test_paths_that_exist_may_hold_commas(self):
        folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory(suffix="a,b"))
        )
        one, two = folder / "x, y.png", folder / "z.png"
        one.touch()
        two.touch()
        parse = PathListParser().parse
        for given, expected in (
            (f"{one}", [f"{one}"]),
            (f"{two},{one}", [f"{two}", f"{one}"]),
            (f"{one}, {two}", [f"{one}", f"{two}"]),
            (f"{two},missing,{one}", [f"{two}", "missing", f"{one}"]),
            ("runs/a,runs/b", ["runs/a", "runs/b"]),
            ("", []),
            (["a", "b"], ["a", "b"]),
        ):
            self.assertEqual(parse(given), expected, given)


if __name__ == "__main__":
    absltest.main()
