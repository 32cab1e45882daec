"""The flags of an experiment with policies, and their record."""

from maml_tf.commands import flag_help
from maml_tf.commands.experiments import recorded_flags
from maml_tf.rl import environments, losses

# Those of `maml_tf.algorithms` that adapt by rollouts.
ALGORITHMS = ("anil", "boil", "fomaml", "maml", "oracle", "pretrain", "scratch")

# By outer update, the flags that it alone takes.
UPDATES = {
    "trpo": ("max_kl", "conjugate_gradient_steps", "line_search_steps"),
    "ppo": ("learning_rate", "ppo_epochs", "ppo_clip"),
}

# Flags that say where and how a training runs, not what it computes: they may
# differ when it is resumed.
_FREE_ON_RESUME = (
    "workers",
    *recorded_flags.COURSE,
)


def define(flag_values):
    """Defines the flags of an experiment with policies on `flag_values`."""
    where = recorded_flags.adder(flag_values, flag_help.WHERE)
    add = recorded_flags.adder(flag_values, flag_help.TASK)
    add(
        "string",
        "environment",
        "navigation_2d",
        "Environment: " + ", ".join(environments.names()) + ". In capitals is"
        " what you put in its place, as in"
        " --environment=gymnasium:my_environment.py:MyEnvironment.",
    )
    add(
        "string",
        "form",
        None,
        "navigation_2d: official, the reward −distance and actions in units of"
        " 0.1, as the code of Finn et al. has it; paper, −distance². Default:"
        " official.",
    )
    add(
        "integer",
        "horizon",
        None,
        "Most steps of a rollout. Default: the environment's.",
        lower_bound=1,
    )
    where(
        "integer",
        "workers",
        None,
        "Environments of Gymnasium: processes that step them; 0: the"
        " command's own. Default: one a core.",
        lower_bound=0,
    )
    add("integer", "rollouts", 20, "Rollouts of a task before each step.")

    add = recorded_flags.adder(flag_values, flag_help.NETWORK)
    add("list", "widths", "100,100", "Units of each hidden layer.")
    add(
        "float",
        "initial_deviation",
        1.0,
        "Standard deviation of the actions at first; it is learned.",
    )

    add = recorded_flags.adder(flag_values, flag_help.ALGORITHM)
    add(
        "string",
        "algorithm",
        "maml",
        "Algorithm: " + ", ".join(ALGORITHMS) + ".",
    )
    add("integer", "inner_steps", 1, "Gradient steps in meta-training.")
    add(
        "integer",
        "test_inner_steps",
        3,
        "Gradient steps in validation and, by default, in evaluation.",
    )
    add("float", "inner_learning_rate", 0.1, "Of the first gradient step.")
    add(
        "float",
        "later_inner_learning_rate",
        None,
        "From the second gradient step on. Default: half of"
        " --inner_learning_rate.",
    )
    add(
        "enum",
        "inner_loss",
        "reinforce",
        sorted(losses.INNER),
        "Policy-gradient loss of the inner loop: they have the same gradient"
        " and other second derivatives.",
    )
    recorded_flags.define_inner_loop(flag_values)
    add("float", "discount", 0.99, "Of rewards, by step.")
    add(
        "float",
        "gae_lambda",
        1.0,
        "Of generalised advantage estimates; 1: discounted returns less the"
        " baseline.",
    )

    add = recorded_flags.adder(flag_values, flag_help.TRAINING)
    add("integer", "tasks", 40, "Tasks in a meta-batch.")
    add("enum", "outer_update", "trpo", sorted(UPDATES), "Outer update.")
    add(
        "float",
        "max_kl",
        None,
        "trpo: largest mean divergence of an update. Default: 0.01.",
    )
    add(
        "integer",
        "conjugate_gradient_steps",
        None,
        "trpo: of finding an update's direction. Default: 10.",
    )
    add(
        "integer",
        "line_search_steps",
        None,
        "trpo: lengths of an update that are tried. Default: 15.",
    )
    add("float", "learning_rate", None, "ppo: Adam's. Default: 1e-3.")
    add("integer", "ppo_epochs", None, "ppo: steps on a batch. Default: 5.")
    add(
        "float",
        "ppo_clip",
        None,
        "ppo: a ratio of probabilities gains nothing further from 1. Default:"
        " 0.2.",
    )
    add("integer", "seed", 0, "Of weights, tasks and rollouts.")
    recorded_flags.define_course(flag_values, 500, 10, 50, 40, 10)


_recorded_flags = recorded_flags.RecordedFlags(
    define, lambda flag_values: _FREE_ON_RESUME, "train-rl"
)
record = _recorded_flags.record
recorded = _recorded_flags.recorded
check_unchanged = _recorded_flags.check_unchanged
