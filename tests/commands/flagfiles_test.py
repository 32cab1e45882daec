"""Tests of --experiment=NAME."""

from absl.testing import absltest, parameterized

from maml_tf import InputError
from maml_tf.commands import flagfiles


class ExpandTest(parameterized.TestCase):
    def test_stands_for_the_flagfile_and_a_folder(self):
        path = flagfiles.find("sinusoid_10shot")
        for arguments in (
            ["--experiment=sinusoid_10shot"],
            ["--experiment", "sinusoid_10shot"],
            ["-experiment=sinusoid_10shot"],
        ):
            self.assertEqual(
                flagfiles.expand([*arguments, "--shot=5"]),
                [
                    "--workdir=results/sinusoid_10shot",
                    *arguments,
                    f"--flagfile={path}",
                    "--shot=5",
                ],
            )

    def test_a_given_folder_stays(self):
        expanded = flagfiles.expand(
            ["--workdir=mine", "--experiment=sinusoid_10shot"]
        )
        self.assertEqual(expanded[:2], ["--workdir=mine", *expanded[1:2]])
        self.assertNotIn("--workdir=results/sinusoid_10shot", expanded)

    def test_without_it_nothing_changes(self):
        arguments = ["--shot=1", "--", "--experiment=none"]
        self.assertEqual(flagfiles.expand(arguments), arguments)

    def test_policies_are_another_commands(self):
        with self.assertRaisesRegex(InputError, "maml-tf train-rl takes"):
            flagfiles.expand(["--experiment=rl_navigation_2d"])
        with self.assertRaisesRegex(InputError, "maml-tf train takes"):
            flagfiles.expand(["--experiment=sinusoid_10shot"], policies=True)
        self.assertLen(
            flagfiles.expand(["--experiment=rl_navigation_2d"], policies=True),
            3,
        )

    def test_an_unknown_name_lists_close_ones(self):
        with self.assertRaisesRegex(
            InputError,
            "^experiment: 'omniglot_5way' .*omniglot_5way_1shot.*maml-tf list",
        ):
            flagfiles.expand(["--experiment=omniglot_5way"])
        with self.assertRaisesRegex(InputError, "^experiment: ''"):
            flagfiles.expand(["--experiment"])


class FilesTest(absltest.TestCase):
    def test_every_file_says_what_it_is(self):
        self.assertNotEmpty(flagfiles.names())
        for name in flagfiles.names():
            self.assertRegex(flagfiles.comment(name), r"^\S.{20,}\.")


if __name__ == "__main__":
    absltest.main()
