"""Every flagfile is parsed and built; each form of experiment also runs."""

import importlib.util
import os
import pathlib
import re
import shutil
import tempfile

import numpy as np
import pytest
import tensorflow as tf
from absl import flags
from absl.testing import parameterized

from tests.helpers import (
    tiny_cifar,
    tiny_clinc,
    tiny_mini_imagenet,
    tiny_omniglot,
)
from tests.helpers.few_glyphs import few_glyphs

ROOT = pathlib.Path(__file__).resolve().parents[1]
FLAGFILES = sorted(path.name for path in (ROOT / "flags").iterdir())
EXPECTED = [
    "cifar_fs_5way_1shot.flags",
    "cifar_fs_5way_5shot.flags",
    "clinc150_5way_1shot.flags",
    "clinc150_5way_1shot_transformer.flags",
    "clinc150_5way_5shot.flags",
    "clinc150_5way_5shot_transformer.flags",
    "demand_series_20shot.flags",
    "fc100_5way_1shot.flags",
    "fc100_5way_5shot.flags",
    "glyphs_5way_1shot.flags",
    "mini_imagenet_5way_1shot.flags",
    "mini_imagenet_5way_5shot.flags",
    "mini_imagenet_cavia_5way_1shot.flags",
    "mini_imagenet_maml_plus_plus_5way_1shot.flags",
    "omniglot_20way_1shot.flags",
    "omniglot_20way_5shot.flags",
    "omniglot_5way_1shot.flags",
    "omniglot_5way_5shot.flags",
    "omniglot_black_box_5way_1shot.flags",
    "omniglot_dense_5way_1shot.flags",
    "omniglot_dense_5way_5shot.flags",
    "omniglot_futurama_boil_conv4.flags",
    "omniglot_futurama_boil_resnet.flags",
    "omniglot_futurama_maml_conv4.flags",
    "omniglot_futurama_maml_resnet.flags",
    "omniglot_imaml_5way_1shot.flags",
    "omniglot_maml_plus_plus_20way_1shot.flags",
    "omniglot_maml_plus_plus_5way_1shot.flags",
    "omniglot_meta_sgd_5way_1shot.flags",
    "omniglot_proto_maml_20way_1shot.flags",
    "omniglot_protonet_20way_1shot.flags",
    "omniglot_protonet_5way_1shot.flags",
    "omniglot_reptile_5way_1shot.flags",
    "rl_ant_direction.flags",
    "rl_ant_velocity.flags",
    "rl_bandit.flags",
    "rl_half_cheetah_direction.flags",
    "rl_half_cheetah_direction_promp.flags",
    "rl_half_cheetah_velocity.flags",
    "rl_navigation_2d.flags",
    "rl_tabular_mdp.flags",
    "sinusoid_10shot.flags",
    "sinusoid_black_box_10shot.flags",
    "sinusoid_cavia_10shot.flags",
    "sinusoid_meta_sgd_5shot.flags",
]
POLICIES = [name for name in FLAGFILES if name.startswith("rl_")]
SUPERVISED = [name for name in FLAGFILES if name not in POLICIES]


def form(name):
    """What is traced: two flagfiles of one form differ in numbers alone."""
    text = (ROOT / "flags" / name).read_text("utf-8")
    chosen = {"downsampling": "stride", "readout": "mean"}
    chosen |= re.findall(r"^--(\w+)=(.*)", text, re.M)
    return tuple(
        chosen[option]
        for option in ("network", "downsampling", "readout", "algorithm")
    )


# One flagfile, the first, of each form.
FORMS = {form(name): name for name in reversed(SUPERVISED)}


class FlagsTest(tf.test.TestCase, parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        data_dir = os.path.join(cls.folder, "data")
        tiny_omniglot.write_tiny_set(data_dir, drawings=20, alphabet="Futurama")
        tiny_omniglot.write_tiny_set(f"{data_dir}-alphabets", drawings=20)
        tiny_cifar.write_tiny_set(data_dir)
        tiny_mini_imagenet.write_tiny_set(data_dir)
        cls.clinc150 = tiny_clinc.write_tiny_set(cls.folder)

    def parse(self, *arguments):
        from maml_tf.commands.experiments import supervised_flags

        values = flags.FlagValues()
        supervised_flags.define(values)
        values(["test", *arguments])
        return supervised_flags, values

    def test_all_are_there(self):
        self.assertContainsSubset(EXPECTED, FLAGFILES)

    def built(self, name):
        from maml_tf.commands.experiments import supervised

        path = ROOT / "flags" / name
        _, values = self.parse(
            f"--flagfile={path}",
            f"--data_dir={self.folder}/data",
            f"--cache_dir={self.folder}/cache",
            # Smaller, not different.
            "--tasks=2",
            "--jit_compile=false",
            # What a user must say.
            *(
                [f"--dataset=clinc150:{self.clinc150}"]
                if name.startswith("clinc150")
                else []
            ),
        )
        if values.class_split == "lake_alphabets":
            values.data_dir += "-alphabets"
            # The two tiny sets differ in the names of their classes alone.
            values.cache_dir += "-alphabets"
            values.way = 5
        # A second step is traced as all after it are.
        values.inner_steps = min(values.inner_steps, 2)
        with few_glyphs(self.folder):
            return supervised.Experiment(values)

    @parameterized.parameters(*SUPERVISED)
    def test_is_built(self, name):
        text = (ROOT / "flags" / name).read_text("utf-8")
        self.assertStartsWith(text, "# ")
        built = self.built(name)
        self.assertEqual(built.outer_step().tasks, 2)
        self.assertEqual(built.model.input_shape[1:], built.dataset.input_shape)

    def test_what_runs_is_of_every_network_and_algorithm(self):
        self.assertContainsSubset(
            [
                ("conv4", "max_pool", "flatten", "cavia"),
                ("conv4", "max_pool", "flatten", "maml"),
                ("conv4", "max_pool", "flatten", "protonet"),
                ("conv4", "max_pool", "mean", "maml_plus_plus"),
                ("conv4", "stride", "flatten", "reptile"),
                ("conv4", "stride", "mean", "boil"),
                ("conv4", "stride", "mean", "maml"),
                ("conv4", "stride", "mean", "meta_sgd"),
                ("conv4", "stride", "mean", "proto_maml"),
                ("dense_omniglot", "stride", "mean", "maml"),
                ("mlp", "stride", "mean", "cavia"),
                ("mlp", "stride", "mean", "maml"),
                ("mlp", "stride", "mean", "meta_sgd"),
                ("resnet", "stride", "mean", "boil"),
                ("resnet", "stride", "mean", "maml"),
                ("text_cnn", "stride", "mean", "maml"),
                ("text_transformer", "stride", "mean", "maml"),
            ],
            FORMS,
        )

    @parameterized.parameters(*FORMS.values())
    @pytest.mark.slow
    def test_runs_two_iterations(self, name):
        built = self.built(name)
        before = built.model.get_weights()
        step = built.outer_step()
        for iteration in range(2):
            updates = step(iteration)
            self.assertAllInRange(updates.loss, 0.0, 100.0)
        self.assertEqual(step.traces, 1)
        moved = [
            np.abs(new - old).max()
            for new, old, variable in zip(
                built.model.get_weights(),
                before,
                built.model.weights,
                strict=True,
            )
            if variable.trainable and not variable.path.endswith("conv1/bias")
        ]
        self.assertGreater(np.count_nonzero(moved), len(moved) // 2)

    @parameterized.parameters(*POLICIES)
    @pytest.mark.slow
    def test_policies_run_an_iteration(self, name):
        path = ROOT / "flags" / name
        self.assertStartsWith(path.read_text(), "# ")
        from maml_tf.commands.experiments import policies, policy_flags

        values = flags.FlagValues()
        policy_flags.define(values)
        values(["test", f"--flagfile={path}"])
        self.assertStartsWith(name, f"rl_{values.environment}")
        if "cheetah" in name or "ant_" in name:
            if not importlib.util.find_spec("mujoco"):
                self.skipTest("mujoco is not installed")
            values.workers = 0
        # Smaller, not different.
        values.tasks, values.rollouts, values.horizon = 2, 2, 5
        built = policies.RLExperiment(values)
        updates = built.outer_step()(0)
        self.assertAllEqual(updates.loss, -updates.metric)
        self.assertEqual(updates.support_losses.shape, (1, 1))
        # Distances and speeds are at most some metres (a second).
        negative = ("navigation_2d", "half_cheetah_velocity")
        most = 0.0 if values.environment in negative else 50.0
        self.assertAllInRange(updates.metric, -50.0, most)

    def test_record_and_read_back(self):
        supervised_flags, values = self.parse(
            "--dataset=omniglot",
            "--alphabets=Futurama,Greek",
            "--filters=8",
            "--second_order=false",
            "--inner_learning_rate=0.4",
            "--noprogress",
        )
        workdir = os.path.join(self.folder, "recorded")
        supervised_flags.record(values, workdir)
        recorded = supervised_flags.recorded(workdir)
        self.assertEqual(recorded.flag_values_dict(), values.flag_values_dict())
        self.assertEqual(recorded.alphabets, ["Futurama", "Greek"])
        self.assertIs(recorded.progress, False)
        self.assertNotIn(
            "workdir", pathlib.Path(workdir, "experiment.flags").read_text()
        )


if __name__ == "__main__":
    tf.test.main()
