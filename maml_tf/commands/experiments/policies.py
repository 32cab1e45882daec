"""What flags describe: an environment, a policy and how it adapts.

The commands train-rl, evaluate-rl and plot-rl share this file.
"""

import keras

from maml_tf import InputError, algorithms
from maml_tf.algorithms.adapted_weights import SELECTIONS
from maml_tf.algorithms.inner_optimizers import ScheduledGradientDescent
from maml_tf.commands.experiments import policy_flags, training_run, values
from maml_tf.rl import environments, losses
from maml_tf.rl.meta_test import PolicyMetaTest
from maml_tf.rl.outer_step import PolicyOuterStep
from maml_tf.rl.policy import gaussian_mlp
from maml_tf.rl.ppo import PPO
from maml_tf.rl.sampling import Sampling
from maml_tf.rl.trpo import TRPO


class RLExperiment:
    """What the flags describe: environment, policy and algorithm.

    Args:
        flag_values: the experiment's flags.

    Attributes:
        flags: the flags.
        environment: a `maml_tf.rl.environments.Environment`.
        sampling: a `maml_tf.rl.sampling.Sampling`.
        model: the policy's Keras model, its weights by `--seed`.
        algorithm: one of `maml_tf.algorithms`.
    """

    def __init__(self, flag_values):
        self.flags = f = flag_values
        _check_combination(f)
        self.sampling = Sampling(f.rollouts, f.discount, f.gae_lambda)
        self.environment = environments.create(
            f.environment,
            **values.given(
                form=f.form,
                horizon=f.horizon,
                workers=f.workers,
                observes_task=True if f.algorithm == "oracle" else None,
            ),
        )
        self.model = gaussian_mlp(
            self.environment.observation_size,
            self.environment.action_size,
            values.integers("widths", f.widths),
            f.initial_deviation,
            f.seed,
        )
        self.algorithm = algorithms.create(
            f.algorithm,
            self.model,
            loss=losses.INNER[f.inner_loss],
            inner_steps=f.inner_steps,
            inner_optimizer=ScheduledGradientDescent(self.inner_learning_rates),
            **values.given(
                adapts=SELECTIONS[f.adapts](self.model) if f.adapts else None,
                second_order=f.second_order,
                clip_norm=f.inner_clip_norm,
                clip_value=f.inner_clip_value,
            ),
        )

    @property
    def inner_learning_rates(self):
        """Of the first gradient step, and from the second one on."""
        f = self.flags
        later = f.later_inner_learning_rate
        first = f.inner_learning_rate
        return [first, first / 2 if later is None else later]

    def update(self):
        """A new outer update, as the flags say."""
        f = self.flags
        if f.outer_update == "trpo":
            options = {name: f[name].value for name in _UPDATES["trpo"]}
            return TRPO(**values.given(**options))
        rate = 1e-3 if f.learning_rate is None else f.learning_rate
        return PPO(
            keras.optimizers.Adam(rate),
            **values.given(epochs=f.ppo_epochs, clip=f.ppo_clip),
        )

    def outer_step(self):
        """The meta-update, on rollouts in training tasks."""
        return PolicyOuterStep(
            self.algorithm,
            self.environment,
            self.update(),
            self.sampling,
            tasks=self.flags.tasks,
            seed=self.flags.seed,
        )

    def meta_test(self, split, num_tasks, steps=None):
        """A `PolicyMetaTest` of the policy.

        Args:
            split: whose tasks are drawn.
            num_tasks: tasks to adapt to.
            steps: gradient steps; None: `--test_inner_steps`.
        """
        f = self.flags
        return PolicyMetaTest(
            self.algorithm,
            self.environment,
            self.sampling,
            split=split,
            num_tasks=num_tasks,
            steps=f.test_inner_steps if steps is None else steps,
            seed=f.seed,
        )

    def validation(self):
        """A function of no arguments: the `Curve` of the policy as it is."""
        return self.meta_test("valid", self.flags.validation_tasks)

    def setting(self):
        """What a figure of this experiment is of, a dict, but for its tasks."""
        f = self.flags
        first, later = self.inner_learning_rates
        return {
            "environment": f.environment,
            "form": getattr(self.environment, "form", None),
            "horizon": self.environment.horizon,
            "algorithm": f.algorithm,
            "rollouts": f.rollouts,
            "seed": f.seed,
            "inner_learning_rate": first,
            "later_inner_learning_rate": later,
        }


def evaluate(
    workdir,
    flag_values,
    *,
    split="test",
    num_tasks=40,
    inner_steps=None,
    progress=False,
):
    """Meta-tests the policy of a training.

    Args:
        workdir: folder of the training.
        flag_values: its flags, as `recorded` gives them; rollouts, inner
            learning rates and seed may have been changed.
        split: whose tasks are drawn.
        num_tasks: tasks to adapt to.
        inner_steps: gradient steps; None: as in validation.
        progress: whether to show a progress bar, on a terminal.

    Returns:
        A dict, which is what `evaluation_<split>.json` holds.
    """
    built = RLExperiment(flag_values)
    iteration, checkpoint = training_run.restore(built.model, workdir)
    curve = built.meta_test(split, num_tasks, inner_steps)(progress=progress)
    return {
        **built.setting(),
        "metric": "return",
        "split": split,
        "num_tasks": num_tasks,
        "iteration": iteration,
        "checkpoint": checkpoint,
        "steps": training_run.evaluated_steps(
            **{"return": curve.metric, "ci95": curve.ci95}
        ),
    }


def check_same_environment(workdirs, recorded):
    """Refuses trainings whose returns cannot stand beside one another.

    Args:
        workdirs: their folders.
        recorded: their flags.

    Raises:
        InputError: they are in different environments.
    """
    first = recorded[0].environment
    for workdir, f in zip(workdirs, recorded):
        if f.environment != first:
            raise InputError(
                f"workdir: {str(workdir)!r} is a training in {f.environment},"
                f" {str(workdirs[0])!r} in {first}; give trainings in one"
                " environment."
            )


_UPDATES = policy_flags.UPDATES


def _check_combination(f):
    if f.algorithm not in policy_flags.ALGORITHMS:
        raise InputError(
            f"algorithm: {f.algorithm!r} was given; of policies there are"
            f" {', '.join(policy_flags.ALGORITHMS)}."
        )
    if f.initial_deviation <= 0:
        raise InputError(
            f"initial_deviation: {f.initial_deviation} was given; it must be"
            " above 0."
        )
    for update, names in _UPDATES.items():
        for name in names:
            if update != f.outer_update and f[name].value is not None:
                raise InputError(
                    f"{name}: {f[name].value} was given with outer_update="
                    f"{f.outer_update}; it belongs to outer_update={update}."
                )
