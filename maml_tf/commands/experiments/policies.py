"""What flags describe: an environment, a policy and how it adapts.

The commands train-rl, evaluate-rl and plot-rl share this file.
"""

from maml_tf import InputError, algorithms
from maml_tf.algorithms.inner_optimizers import ScheduledGradientDescent
from maml_tf.commands.experiments import (
    option_flags,
    policy_flags,
    training_run,
)
from maml_tf.errors import check_not_negative
from maml_tf.registry import ALGORITHMS, ENVIRONMENTS, OUTER_UPDATES
from maml_tf.rl import environments, losses
from maml_tf.rl.meta_test import PolicyMetaTest
from maml_tf.rl.outer_step import PolicyOuterStep
from maml_tf.rl.policy import gaussian_mlp
from maml_tf.rl.sampling import Sampling


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
        self.sampling = Sampling(**option_flags.given_to(Sampling, f))
        options = option_flags.given(
            ENVIRONMENTS, f.environment, f, leave_out=("observes_task",)
        )
        if f.algorithm == "oracle":
            options["observes_task"] = True
        self.environment = environments.create(f.environment, **options)
        self.model = gaussian_mlp(
            self.environment.observation_size,
            self.environment.action_size,
            seed=f.seed,
            **option_flags.given_to(
                gaussian_mlp, f, "widths", "initial_deviation"
            ),
        )
        self.algorithm = algorithms.create(
            f.algorithm,
            self.model,
            loss=losses.INNER[f.inner_loss],
            inner_optimizer=ScheduledGradientDescent(self.inner_learning_rates),
            **option_flags.given(
                ALGORITHMS, f.algorithm, f, leave_out=policy_flags.DECIDED
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
        name = self.flags.outer_update
        return OUTER_UPDATES.create(
            name, **option_flags.given(OUTER_UPDATES, name, self.flags)
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


def _check_combination(f):
    check_not_negative(
        inner_learning_rate=f.inner_learning_rate,
        later_inner_learning_rate=f.later_inner_learning_rate,
    )
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
