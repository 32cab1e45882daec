r"""Meta-trains a policy, which a few gradient steps adapt to a task.

    maml-tf train-rl --experiment=rl_navigation_2d
    maml-tf train-rl --environment=gymnasium:my_environment.py:MyEnvironment \
        --workdir=results/my_environment

An experiment is a flagfile that comes with the package, see `maml-tf list
experiments`; your own is given with --flagfile=FILE. The same command resumes a
training that was stopped. DIR/experiment.flags records the flags,
DIR/metrics.jsonl and DIR/tensorboard the course, DIR/checkpoints the latest and
the best weights. Baselines: --algorithm=pretrain (one policy for all tasks),
scratch (random weights) and oracle (a policy that is told the task).
"""

from absl import flags

from maml_tf.commands.experiments import (
    devices,
    policies,
    policy_flags,
    recorded_flags,
    supervised,
    training_run,
)

FLAGS = flags.FLAGS
recorded_flags.define_where(FLAGS)
policy_flags.define(FLAGS)
flags.adopt_module_key_flags(recorded_flags)
flags.adopt_module_key_flags(supervised)
flags.adopt_module_key_flags(devices)


def main(argv: list[str]) -> int:
    """Trains as the flags say; returns the exit status."""
    del argv
    policy_flags.check_unchanged(FLAGS, FLAGS.workdir)
    with devices.shared(policy_flags.of_all_workers(FLAGS)) as shared:
        strategy, workers = shared
        built = policies.RLExperiment(FLAGS, strategy)
        outer_step = built.outer_step()
        validation = built.validation()
        if workers.is_chief:
            policy_flags.record(FLAGS, FLAGS.workdir)
        return training_run.train(
            FLAGS,
            built.algorithm,
            outer_step,
            validation,
            workers,
            metric_name="return",
            higher_is_better=True,
            evaluated_by="evaluate-rl",
        )


def run() -> None:
    """Runs the command with the flags in `sys.argv`."""
    supervised.run(main)
