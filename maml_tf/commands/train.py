r"""Meta-trains a model.

    maml-tf train --experiment=glyphs_5way_1shot
    maml-tf train --dataset=folder:pictures --network=conv4 --way=5 --shot=1 \
        --workdir=results/pictures

An experiment is a flagfile that comes with the package, see `maml-tf list
experiments`; your own is given with --flagfile=FILE. The same command resumes a
training that was stopped. DIR/experiment.flags records the flags, DIR/data.json
the classes of each split and the fingerprint of their examples,
DIR/metrics.jsonl and DIR/tensorboard the course, DIR/checkpoints the latest and
the best weights, those of --ensemble among them.
"""

from absl import flags

from maml_tf.commands.experiments import (
    data_record,
    devices,
    preparation,
    recorded_flags,
    supervised,
    supervised_flags,
    training_run,
)
from maml_tf.training.members import check_ensemble

FLAGS = flags.FLAGS
recorded_flags.define_where(FLAGS)
supervised_flags.define(FLAGS)
flags.adopt_module_key_flags(recorded_flags)
flags.adopt_module_key_flags(supervised)
flags.adopt_module_key_flags(devices)


def main(argv: list[str]) -> int:
    """Trains as the flags say; returns the exit status."""
    del argv
    supervised_flags.check_unchanged(FLAGS, FLAGS.workdir)
    with devices.shared(supervised_flags.of_all_workers(FLAGS)) as shared:
        strategy, workers = shared
        built = supervised.Experiment(
            FLAGS, resumes=FLAGS.workdir, strategy=strategy
        )
        outer_step = built.outer_step()
        validation = built.validation()
        check_ensemble(FLAGS.ensemble, outer_step, validation, FLAGS.workdir)
        data_record.check(built.dataset, FLAGS.workdir)
        preparation.check(built.dataset, FLAGS.workdir)
        if workers.is_chief:
            data_record.record(built.dataset, FLAGS.workdir)
            supervised_flags.record(FLAGS, FLAGS.workdir)
            built.learner.save(FLAGS.workdir, checkpoints=True)
        return training_run.train(
            FLAGS,
            built.algorithm,
            outer_step,
            validation,
            workers,
            metric_name=built.dataset.metric_name,
            higher_is_better=built.dataset.metric_name == "accuracy",
            evaluated_by="evaluate",
            ensemble=FLAGS.ensemble,
        )


def run() -> None:
    """Runs the command with the flags in `sys.argv`."""
    supervised.run(main)
