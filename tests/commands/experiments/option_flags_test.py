"""Tests of flags that are made from signatures."""

import inspect
from typing import Literal
from unittest import mock

from absl import flags
from absl.testing import absltest, parameterized

from maml_tf import InputError, registry
from maml_tf.commands import flag_help
from maml_tf.commands.experiments import (
    option_flags,
    policy_flags,
    recorded_flags,
    supervised,
    supervised_flags,
)

REGISTRIES = (
    registry.ALGORITHMS,
    registry.DATASETS,
    registry.ENVIRONMENTS,
    registry.NETWORKS,
    registry.OUTER_UPDATES,
)
# Options that flags do not have, because another flag decides them.
DECIDED = {
    "amplitudes",
    "inner_optimizer",
    "observes_task",
    "oracle",
    "phases",
}


def small(
    width: int = 7,
    depths: tuple[int, ...] = (1, 2),
    form: Literal["round", "square"] = "round",
    wide: bool = False,
    fast: bool | None = None,
):
    """A function that has options.

    Args:
        width: Width of all.
        depths: Depths, the first one first.
        form: Which form.
        wide: Whether it is wide.
        fast: Whether it is fast.
    """
    return width, depths, form, wide, fast


def large(width: int = 9, depths: int | tuple[int, ...] = 4):
    """Another function.

    Args:
        width: Width of all.
        depths: As in `small`. One number is for all.
    """
    return width, depths


SHAPES = registry.Registry(
    "shape", {"large": f"{__name__}:large", "small": f"{__name__}:small"}
)


def experiment_flags(*arguments):
    values = flags.FlagValues()
    supervised_flags.define(values)
    values(["test", *arguments])
    return values


class DefineTest(absltest.TestCase):
    def values(self, *arguments):
        values = flags.FlagValues()
        add = recorded_flags.adder(values, flag_help.NETWORK)
        option_flags.define(add, SHAPES)
        values(["test", *arguments])
        return values

    def test_flags_have_types_defaults_and_texts(self):
        values = self.values()
        kinds = {name: values[name].flag_type() for name in values}
        self.assertContainsSubset(
            {
                "width": "int",
                "depths": "comma separated list of strings",
                "form": "string enum",
                "wide": "bool",
                "fast": "string enum",
            },
            kinds,
        )
        self.assertEqual(
            values["width"].help,
            "Width of all. Default: 9 (large); 7 (small).",
        )
        self.assertEqual(
            values["depths"].help,
            "Depths, the first one first. large: One number is for all."
            " Default: 4 (large); 1,2 (small).",
        )
        self.assertEndsWith(
            values["form"].help, "small: Which form. Default: round."
        )
        self.assertEndsWith(values["wide"].help, "it is wide. Default: no.")
        for name in ("width", "depths", "form", "wide"):
            self.assertIsNone(values[name].value)

    def test_values_are_what_the_signature_says(self):
        values = self.values(
            "--width=3", "--depths=5,6", "--wide", "--fast=false"
        )
        options = option_flags.given(SHAPES, "small", values)
        self.assertEqual(
            options,
            {"width": 3, "depths": (5, 6), "wide": True, "fast": False},
        )
        self.assertEqual(
            SHAPES.create("small", **options), (3, (5, 6), "round", True, False)
        )
        self.assertEqual(option_flags.given(SHAPES, "small", self.values()), {})

    def test_an_option_of_another_entry_is_refused(self):
        values = self.values("--wide")
        with self.assertRaisesRegex(
            InputError,
            "^wide: shape 'large' does not take this; it takes width, depths.$",
        ):
            option_flags.given(SHAPES, "large", values)
        self.assertEqual(
            option_flags.given(SHAPES, "large", values, ignored=("wide",)), {}
        )

    def test_numbers_are_whole(self):
        with self.assertRaisesRegex(InputError, "^depths: '1,x' was given"):
            option_flags.given(SHAPES, "small", self.values("--depths=1,x"))

    def test_a_new_option_needs_its_signature_alone(self):
        def larger(
            width: int = 9, depths: int | tuple[int, ...] = 4, taste: str = "a"
        ):
            """Another function.

            Args:
                width: Width of all.
                depths: As in `small`.
                taste: How it tastes.
            """
            return taste

        option_flags._owners_in.cache_clear()
        try:
            with mock.patch.dict(globals(), large=larger):
                values = self.values("--taste=b")
                self.assertEqual(
                    values["taste"].help, "large: How it tastes. Default: a."
                )
                options = option_flags.given(SHAPES, "large", values)
                self.assertEqual(SHAPES.create("large", **options), "b")
        finally:
            option_flags._owners_in.cache_clear()


class EveryOptionTest(absltest.TestCase):
    def test_has_a_type_and_a_sentence(self):
        for table in REGISTRIES:
            for name in table.names():
                for option in table.options(name).values():
                    with self.subTest(f"{name} {option.name}"):
                        self.assertRegex(option.help, r"^(\d|\W|[A-Zα-ω]).*\.$")
                        if option.name not in DECIDED:
                            self.assertIsNotNone(option_flags._kind(option))
                        self.assertIsNot(
                            option.annotation, inspect.Parameter.empty
                        )

    def test_is_a_flag(self):
        supervised_names = set(experiment_flags())
        policies = flags.FlagValues()
        policy_flags.define(policies)
        for table in REGISTRIES:
            rl = table.kind in ("environment", "outer_update")
            known = set(policies) if rl else supervised_names
            for name in table.names():
                self.assertContainsSubset(
                    set(table.options(name)) - DECIDED, known
                )


class RefusalTest(parameterized.TestCase):
    @parameterized.parameters(
        (["--clip_norm=-1"], "^clip_norm: -1.0 .*above 0"),
        (["--clip_value=0"], "^clip_value: 0.0 .*above 0"),
        (["--learning_rate=-1"], "^learning_rate: -1.0 .*0 or more"),
        (
            ["--inner_learning_rate=-1"],
            "^inner_learning_rate: -1.0 .*0 or more",
        ),
        (["--clip_norm=1", "--clip_value=1"], "^clip_value: 1.0 .*one of them"),
        (
            ["--gradient_accumulation_steps=1"],
            "^gradient_accumulation_steps: 1 .*2 or more",
        ),
        (
            ["--dataset=sinusoid", "--image_size=5"],
            "^image_size: dataset 'sinusoid' .* it takes no options.$",
        ),
        (["--network=mlp", "--filters=3"], "^filters: network 'mlp' .* widths"),
    )
    def test_a_sentence(self, arguments, pattern):
        values = experiment_flags(*arguments)
        with self.assertRaisesRegex(InputError, pattern):
            supervised.Experiment(values).optimizer()


if __name__ == "__main__":
    absltest.main()
