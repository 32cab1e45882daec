"""An experiment with policies, made from flags.

The commands train-rl, evaluate-rl and plot-rl share this file.
"""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from absl import flags

from maml_tf import InputError, algorithms
from maml_tf.algorithms.inner_optimizers import ScheduledGradientDescent
from maml_tf.commands.experiments import (
    option_flags,
    policy_flags,
    training_run,
)
from maml_tf.errors import check_above_zero, check_not_negative
from maml_tf.registry import ALGORITHMS, ENVIRONMENTS, OUTER_UPDATES
from maml_tf.rl import categorical, environments, losses
from maml_tf.rl.adaptation import check_available
from maml_tf.rl.meta_test import PolicyMetaTest
from maml_tf.rl.outer_step import PolicyOuterStep
from maml_tf.rl.policy import categorical_mlp, gaussian_mlp
from maml_tf.rl.sampling import Sampling


class RLExperiment:
    """Environment, policy and algorithm that flags describe.

    Args:
        flag_values: The experiment's flags.
        strategy: As in `supervised.Experiment`.

    Attributes:
        flags: The flags.
        environment: A `maml_tf.rl.environments.Environment`.
        sampling: A `maml_tf.rl.sampling.Sampling`.
        model: The policy's Keras model, its weights drawn by `--seed`.
        algorithm: One of `maml_tf.algorithms`.
    """

    def __init__(
        self,
        flag_values: flags.FlagValues,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self.flags = f = flag_values
        _check_combination(f)
        self.sampling = Sampling(**option_flags.given_to(Sampling, f))
        options = option_flags.given(
            ENVIRONMENTS, f.environment, f, leave_out=("observes_task",)
        )
        if f.algorithm == "oracle":
            options["observes_task"] = True
        self.environment = environments.create(f.environment, **options)
        with (strategy or tf.distribute.get_strategy()).scope():
            self.model, self.algorithm = self._made()

    def _made(self):
        """Makes the policy and the algorithm."""
        f = self.flags
        model = self._policy()
        algorithm = algorithms.create(
            f.algorithm,
            model,
            loss=losses.INNER[f.inner_loss],
            **self._inner_steps(),
            **option_flags.given(
                ALGORITHMS, f.algorithm, f, leave_out=policy_flags.DECIDED
            ),
        )
        return model, algorithm

    def _policy(self):
        """Makes the policy's model, as the environment's actions are."""
        f = self.flags
        sizes = self.environment.observation_size, self.environment.action_size
        if self.environment.distribution is not categorical:
            options = option_flags.given_to(
                gaussian_mlp, f, "widths", "initial_deviation"
            )
            return gaussian_mlp(*sizes, seed=f.seed, **options)
        if f.initial_deviation != f["initial_deviation"].default:
            raise InputError(
                f"initial_deviation: {f.initial_deviation} was given, but"
                f" actions of environment {f.environment!r} are discrete and"
                " have no deviation; leave it out."
            )
        options = option_flags.given_to(categorical_mlp, f, "widths")
        return categorical_mlp(*sizes, seed=f.seed, **options)

    def _inner_steps(self):
        """Returns the options of the algorithm for its inner steps."""
        f = self.flags
        if not learns_rates(f):
            rates = self.inner_learning_rates
            return {"inner_optimizer": ScheduledGradientDescent(rates)}
        if f.later_inner_learning_rate is not None:
            raise InputError(
                f"later_inner_learning_rate: {f.later_inner_learning_rate} was"
                " given, but this training learns its inner rates; leave it"
                " out."
            )
        return {"inner_learning_rate": f.inner_learning_rate}

    @property
    def inner_learning_rates(self) -> list[float]:
        """Rates of the first gradient step, and from the second one on."""
        f = self.flags
        later = f.later_inner_learning_rate
        first = f.inner_learning_rate
        return [first, first / 2 if later is None else later]

    def update(self) -> Any:
        """Makes a new outer update, as the flags say."""
        name = self.flags.outer_update
        return OUTER_UPDATES.create(
            name, **option_flags.given(OUTER_UPDATES, name, self.flags)
        )

    def outer_step(self) -> PolicyOuterStep:
        """Makes the meta-update on rollouts in training tasks."""
        return PolicyOuterStep(
            self.algorithm,
            self.environment,
            self.update(),
            self.sampling,
            tasks=self.flags.tasks,
            seed=self.flags.seed,
        )

    def meta_test(
        self,
        split: str,
        num_tasks: int,
        steps: int | None = None,
        greedy: bool = False,
    ) -> PolicyMetaTest:
        """Makes a `PolicyMetaTest` of the policy.

        Args:
            split: Split that tasks are drawn from.
            num_tasks: Tasks to adapt to.
            steps: Gradient steps; None: `--test_inner_steps`.
            greedy: As in `PolicyMetaTest`.
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
            greedy=greedy,
        )

    def references(self, split: str, num_tasks: int) -> dict[str, float]:
        """Returns means of `Environment.references` over tasks, by name.

        Args:
            split: Split that tasks are drawn from.
            num_tasks: Number of tasks.
        """
        tasks = self.environment.tasks(split, 0, num_tasks, self.flags.seed)
        known = self.environment.references(tasks)
        return {name: float(np.mean(values)) for name, values in known.items()}

    def validation(self) -> Callable:
        """Returns a function `() -> Curve` that validates the policy."""
        return self.meta_test("valid", self.flags.validation_tasks)

    def setting(self) -> dict[str, Any]:
        """Describes the setting of this experiment's figures, without tasks."""
        f = self.flags
        first, later = self.inner_learning_rates
        return {
            "environment": f.environment,
            "form": getattr(self.environment, "form", None),
            "size": getattr(self.environment, "size", None),
            "horizon": self.environment.horizon,
            "algorithm": f.algorithm,
            "rollouts": f.rollouts,
            "seed": f.seed,
            "inner_learning_rate": first,
            "later_inner_learning_rate": later,
        }


def evaluate(
    workdir: str | pathlib.Path,
    flag_values: flags.FlagValues,
    *,
    split: str = "test",
    num_tasks: int = 40,
    inner_steps: int | None = None,
    greedy: bool = False,
    progress: bool = False,
) -> dict[str, Any]:
    """Meta-tests the policy of a training.

    Args:
        workdir: Folder of the training.
        flag_values: Its flags, read by `recorded`; rollouts, inner learning
            rates and seed may have been changed.
        split: Split that tasks are drawn from.
        num_tasks: Tasks to adapt to.
        inner_steps: Gradient steps; None: as in validation.
        greedy: As in `PolicyMetaTest`.
        progress: Whether to show a progress bar, on a terminal.

    Returns:
        The dict that `evaluation_<split>.json` holds.
    """
    built = RLExperiment(flag_values)
    iteration, checkpoint = training_run.restore(built.algorithm, workdir)
    meta_test = built.meta_test(split, num_tasks, inner_steps, greedy)
    curve = meta_test(progress=progress)
    return {
        **built.setting(),
        "greedy": greedy,
        "metric": "return",
        "split": split,
        "num_tasks": num_tasks,
        "iteration": iteration,
        "checkpoint": checkpoint,
        "references": built.references(split, num_tasks),
        "steps": training_run.evaluated_steps(
            **{"return": curve.metric, "ci95": curve.ci95}
        ),
    }


def check_same_environment(
    workdirs: Sequence[pathlib.Path], recorded: Sequence[flags.FlagValues]
) -> None:
    """Refuses trainings in different environments: their returns differ.

    Args:
        workdirs: Folders of the trainings.
        recorded: Flags of the trainings.

    Raises:
        InputError: The environments differ.
    """
    first = recorded[0].environment
    for workdir, f in zip(workdirs, recorded):
        if f.environment != first:
            raise InputError(
                f"workdir: {str(workdir)!r} is a training in {f.environment},"
                f" {str(workdirs[0])!r} in {first}; give trainings in one"
                " environment."
            )


def learns_rates(flag_values: flags.FlagValues) -> bool:
    """Returns whether a training learns its inner rates.

    Args:
        flag_values: Its flags.
    """
    f = flag_values
    learned = f.inner_rates not in (None, "fixed")
    return learned or f.algorithm == "meta_sgd"


def _check_combination(f):
    check_not_negative(
        inner_learning_rate=f.inner_learning_rate,
        later_inner_learning_rate=f.later_inner_learning_rate,
    )
    check_available(f.algorithm)
    check_above_zero(initial_deviation=f.initial_deviation)
