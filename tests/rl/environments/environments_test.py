from absl.testing import absltest

from maml_tf import InputError
from maml_tf.rl import environments
from maml_tf.rl.environments.navigation_2d import Navigation2D


class EnvironmentsTest(absltest.TestCase):
    def test_names(self):
        self.assertEqual(
            environments.names(),
            (
                "ant_direction",
                "ant_velocity",
                "bandit",
                "gymnasium:ID",
                "half_cheetah_direction",
                "half_cheetah_velocity",
                "navigation_2d",
                "tabular_mdp",
            ),
        )

    def test_options(self):
        simulated = ("horizon", "workers", "observes_task")
        for name, options in {
            "ant_direction": simulated,
            "ant_velocity": simulated,
            "bandit": ("arms", "horizon", "observes_task"),
            "gymnasium:Any-v0": simulated,
            "half_cheetah_direction": simulated,
            "half_cheetah_velocity": simulated,
            "navigation_2d": ("form", "horizon", "observes_task"),
            "tabular_mdp": ("states", "actions", "horizon", "observes_task"),
        }.items():
            self.assertEqual(environments.option_names(name), options)

    def test_creates(self):
        environment = environments.create(
            "navigation_2d", form="paper", horizon=3
        )
        self.assertIsInstance(environment, Navigation2D)
        self.assertEqual(environment.name, "navigation_2d")
        self.assertEqual(environment.form, "paper")
        self.assertEqual(environment.horizon, 3)

    def test_what_is_unknown_is_refused(self):
        with self.assertRaisesRegex(
            InputError,
            "^environment: 'navigation' is unknown; available: ant_dir",
        ):
            environments.create("navigation")
        with self.assertRaisesRegex(
            InputError,
            "^environment: 'gymnasium' was given; write it as gymnasium:ID.$",
        ):
            environments.create("gymnasium")
        with self.assertRaisesRegex(
            InputError,
            "^workers: environment 'navigation_2d' does not take this; it takes"
            " form, horizon, observes_task.$",
        ):
            environments.create("navigation_2d", workers=1)


if __name__ == "__main__":
    absltest.main()
