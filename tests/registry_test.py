"""Tests of looking things up by name."""

from absl.testing import absltest

from maml_tf import InputError, registry


class RegistryTest(absltest.TestCase):
    def test_finds(self):
        self.assertEqual(registry.find("network", "b", {"a": 1, "b": 2}), 2)

    def test_an_unknown_name_lists_what_there_is(self):
        with self.assertRaises(InputError) as raised:
            registry.find("network", "c", {"b": 2, "a": 1})
        self.assertEqual(
            str(raised.exception),
            "network: 'c' is unknown; available: a, b.",
        )

    def test_what_follows_a_colon_is_an_argument(self):
        table = {"a": 1, "b:FILE": 2}
        for name, found in {
            "a": (1, None),
            "b:x": (2, "x"),
            "b:x:y": (2, "x:y"),
        }.items():
            self.assertEqual(
                registry.find_with_argument("dataset", name, table), found
            )
        for name, entry in {"a:": "a", "a:x": "a", "b": "b:FILE"}.items():
            with self.assertRaises(InputError) as raised:
                registry.find_with_argument("dataset", name, table)
            self.assertEqual(
                str(raised.exception),
                f"dataset: {name!r} was given; write it as {entry}.",
            )
        with self.assertRaises(InputError) as raised:
            registry.find_with_argument("dataset", "c:x", table)
        self.assertEqual(
            str(raised.exception),
            "dataset: 'c:x' is unknown; available: a, b:FILE.",
        )

    def test_an_unknown_option_lists_what_there_is(self):
        registry.check_options("dataset", "x", {"seed": 1}, ["seed"])
        with self.assertRaises(InputError) as raised:
            registry.check_options("dataset", "x", {"seeds": 1}, ["seed", "z"])
        self.assertEqual(
            str(raised.exception),
            "seeds: dataset 'x' does not take this; it takes seed, z.",
        )
        with self.assertRaisesRegex(InputError, "it takes no options"):
            registry.check_options("dataset", "x", {"a": 1}, [])


if __name__ == "__main__":
    absltest.main()
