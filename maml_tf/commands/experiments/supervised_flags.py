"""The flags of a supervised experiment, and their record."""

from absl import flags

from maml_tf import datasets
from maml_tf.algorithms.outer_step import OuterStep
from maml_tf.commands import flag_help
from maml_tf.commands.experiments import (
    option_flags,
    outer_optimizer,
    recorded_flags,
)
from maml_tf.registry import ALGORITHMS, DATASETS, NETWORKS

# Flags of the data's place. They may be given for any data set.
PLACES = ("data_dir", "cache_dir", "download", "in_memory", "manual_dir")


def define(flag_values: flags.FlagValues) -> None:
    """Defines the flags of a supervised experiment on `flag_values`."""
    where = recorded_flags.adder(flag_values, flag_help.WHERE)
    add = recorded_flags.adder(flag_values, flag_help.TASK)
    add(
        "string",
        "dataset",
        "sinusoid",
        "Data set: " + ", ".join(datasets.names()) + ". Replace words in"
        " capitals by your own, as in --dataset=folder:pictures.",
    )
    add("integer", "way", 5, "Classes in a task; regression ignores it.")
    add(
        "integer", "shot", 1, "Support examples per class (regression: in all)."
    )
    add("integer", "query", 1, "Query examples per class (regression: in all).")
    add(
        "integer",
        "train_shot",
        None,
        "Support examples per class in meta-training, if they differ from"
        " --shot (Reptile).",
    )
    add(
        "integer",
        "train_way",
        None,
        "Classes in a task in meta-training, if they differ from --way"
        " (protonet).",
    )
    option_flags.define(where, DATASETS, only=PLACES)
    option_flags.define(add, DATASETS, leave_out=("oracle", *PLACES))

    add = recorded_flags.adder(flag_values, flag_help.NETWORK)
    add("enum", "network", "mlp", NETWORKS.names(), "Network.")
    option_flags.define(add, NETWORKS, leave_out=("vocabulary_size",))

    add = recorded_flags.adder(flag_values, flag_help.ALGORITHM)
    add("enum", "algorithm", "maml", ALGORITHMS.names(), "Algorithm.")
    option_flags.define(add, ALGORITHMS, inner_learning_rate=0.01)
    recorded_flags.define_test_inner_steps(add)

    add = recorded_flags.adder(flag_values, flag_help.TRAINING)
    option_flags.define(add, OuterStep, only=("tasks",), tasks=32)
    option_flags.define(add, outer_optimizer.create, leave_out=("iterations",))
    option_flags.define(
        where,
        OuterStep,
        only=("vectorize", "iterations_per_call", "jit_compile"),
    )
    add(
        "bool",
        "mixed_bfloat16",
        False,
        "Let the network's layers compute in bfloat16; weights, inner updates"
        " and losses stay float32. For GPUs that have it; slow on CPU.",
    )
    add(
        "integer",
        "ensemble",
        1,
        "Keep so many of the best weights by validation, whose predictions"
        " `evaluate`, `adapt` and `export` then average.",
    )
    add("integer", "seed", 0, "Seed of weights, episodes and dropout.")
    recorded_flags.define_course(flag_values, 60000, 100, 500, 300, 500)


def _free_on_resume(flag_values):
    """Returns the flags that do not change the results of a training."""
    free = (*PLACES, *recorded_flags.free_course(flag_values))
    if flag_values.learning_rate_schedule == "constant":
        return free
    # The end of a schedule changes the results.
    return [name for name in free if name != "iterations"]


_recorded_flags = recorded_flags.RecordedFlags(
    define, _free_on_resume, "train", PLACES
)
record = _recorded_flags.record
recorded = _recorded_flags.recorded
check_unchanged = _recorded_flags.check_unchanged
of_all_workers = _recorded_flags.of_all_workers
