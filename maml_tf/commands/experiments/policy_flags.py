"""The flags of an experiment with policies, and their record."""

from absl import flags

from maml_tf.commands import flag_help
from maml_tf.commands.experiments import option_flags, recorded_flags
from maml_tf.registry import ALGORITHMS as _ALGORITHMS
from maml_tf.registry import ENVIRONMENTS, OUTER_UPDATES
from maml_tf.rl import environments, losses
from maml_tf.rl.adaptation import ALGORITHMS
from maml_tf.rl.policy import gaussian_mlp
from maml_tf.rl.sampling import Sampling

# Options of algorithms that policies have in another form or do not have.
DECIDED = ("batch_norm", "inner_learning_rate", "rematerialize")


def define(flag_values: flags.FlagValues) -> None:
    """Defines the flags of an experiment with policies on `flag_values`."""
    where = recorded_flags.adder(flag_values, flag_help.WHERE)
    add = recorded_flags.adder(flag_values, flag_help.TASK)
    add(
        "string",
        "environment",
        "navigation_2d",
        "Environment: " + ", ".join(environments.names()) + ". Replace words in"
        " capitals by your own, as in"
        " --environment=gymnasium:my_environment.py:MyEnvironment.",
    )
    option_flags.define(where, ENVIRONMENTS, only=("workers",))
    option_flags.define(
        add, ENVIRONMENTS, leave_out=("observes_task", "workers")
    )
    option_flags.define(add, Sampling, only=("rollouts",))

    add = recorded_flags.adder(flag_values, flag_help.NETWORK)
    option_flags.define(add, gaussian_mlp, only=("widths", "initial_deviation"))

    add = recorded_flags.adder(flag_values, flag_help.ALGORITHM)
    add(
        "string",
        "algorithm",
        "maml",
        "Algorithm: " + ", ".join(ALGORITHMS) + ".",
    )
    option_flags.define(add, _ALGORITHMS, names=ALGORITHMS, leave_out=DECIDED)
    recorded_flags.define_test_inner_steps(add, 3)
    add(
        "float",
        "inner_learning_rate",
        0.1,
        "Learning rate of the first gradient step, 0 or above.",
    )
    add(
        "float",
        "later_inner_learning_rate",
        None,
        "Learning rate from the second gradient step on. Default: half of"
        " --inner_learning_rate.",
    )
    add(
        "enum",
        "inner_loss",
        "reinforce",
        sorted(losses.INNER),
        "Policy-gradient loss of the inner loop. All have the same gradient,"
        " but different second derivatives.",
    )
    option_flags.define(add, Sampling, only=("discount", "gae_lambda"))

    add = recorded_flags.adder(flag_values, flag_help.TRAINING)
    add("integer", "tasks", 40, "Tasks in a meta-batch.")
    add("enum", "outer_update", "trpo", OUTER_UPDATES.names(), "Outer update.")
    option_flags.define(add, OUTER_UPDATES)
    add("integer", "seed", 0, "Seed of weights, tasks and rollouts.")
    recorded_flags.define_course(flag_values, 500, 10, 50, 40, 10)


def _free_on_resume(flag_values):
    """Returns the flags that do not change the results of a training."""
    return ("workers", *recorded_flags.free_course(flag_values))


_recorded_flags = recorded_flags.RecordedFlags(
    define, _free_on_resume, "train-rl"
)
record = _recorded_flags.record
recorded = _recorded_flags.recorded
check_unchanged = _recorded_flags.check_unchanged
of_all_workers = _recorded_flags.of_all_workers
