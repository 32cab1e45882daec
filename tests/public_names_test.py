"""Tests of the names that `import maml_tf` gives."""

import importlib
import subprocess
import sys
import warnings

from absl.testing import absltest

import maml_tf


class PublicNamesTest(absltest.TestCase):
    def test_all_are_there(self):
        for name in maml_tf.__all__:
            self.assertIsNotNone(getattr(maml_tf, name), name)
        self.assertContainsSubset(maml_tf.__all__, dir(maml_tf))
        with self.assertRaisesRegex(AttributeError, "no attribute 'mamba'"):
            _ = maml_tf.mamba

    def test_homes_are_where_a_name_is_defined(self):
        for name in maml_tf._HOMES:
            self.assertIn(name, maml_tf.__all__)

    def test_modules_can_be_imported_by_their_short_name(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for name, home in maml_tf._MODULES.items():
                module = importlib.import_module(f"maml_tf.{home}")
                alias = importlib.import_module(f"maml_tf.{name}")
                self.assertIs(getattr(maml_tf, name), module)
                own = [
                    known
                    for known, value in vars(module).items()
                    if getattr(value, "__module__", "") == module.__name__
                ]
                self.assertNotEmpty(own)
                for known in own:
                    self.assertIs(getattr(alias, known), getattr(module, known))

    def test_moved_modules_warn_and_work(self):
        for name, home in maml_tf._MOVED.items():
            module = importlib.import_module(f"maml_tf.{home}")
            alias = importlib.import_module(f"maml_tf.{name}")
            known = next(
                known
                for known, value in vars(module).items()
                if not known.startswith("_") and callable(value)
            )
            with self.assertWarnsRegex(
                DeprecationWarning,
                rf"maml_tf\.{name} is now maml_tf\.{home}; .* version 0.3",
            ) as caught:
                value = getattr(alias, known)
            self.assertIs(value, getattr(module, known))
            # The warning is of the line that uses the old name.
            self.assertEqual(caught.filename, __file__)

    def test_export_is_the_function(self):
        importlib.import_module("maml_tf.export")
        self.assertTrue(callable(maml_tf.export))

    def test_importing_does_not_start_tensorflow(self):
        code = (
            "import sys, maml_tf, maml_tf.registry\n"
            "maml_tf.registry.NETWORKS.names()\n"
            "print('tensorflow' in sys.modules, 'keras' in sys.modules)"
        )
        result = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(result.stdout, "False False\n")


if __name__ == "__main__":
    absltest.main()
