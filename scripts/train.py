r"""Meta-trains a model.

    python scripts/train.py --flagfile=flags/omniglot_5way_1shot.flags \
        --workdir=results/omniglot_5way_1shot

The same command resumes a training that was stopped. DIR/experiment.flags
records the flags, DIR/metrics.jsonl and DIR/tensorboard the course,
DIR/checkpoints the latest and the best weights.
"""

import signal

import experiment
import experiment_flags
from absl import flags

import maml_tf

FLAGS = flags.FLAGS
experiment_flags.define(FLAGS)
flags.adopt_module_key_flags(experiment)
flags.adopt_module_key_flags(experiment_flags)
flags.DEFINE_string("workdir", None, "Folder of the training.", required=True)


def main(argv):
    """Trains as the flags say; returns the exit status."""
    del argv
    experiment_flags.check_unchanged(FLAGS, FLAGS.workdir)
    built = experiment.Experiment(FLAGS)
    outer_step = built.outer_step()
    validation = built.validation()
    experiment.check_preparation(built.dataset, FLAGS.workdir)
    experiment_flags.record(FLAGS, FLAGS.workdir)
    built.learner.save(FLAGS.workdir)
    iterations = FLAGS.iterations
    if not built.algorithm.meta_trains:
        print(f"{FLAGS.algorithm}: nothing to meta-train; weights are saved.")
        iterations = 0
    training = maml_tf.meta_train(
        outer_step,
        iterations,
        FLAGS.workdir,
        validation=validation,
        higher_is_better=built.dataset.metric_name == "accuracy",
        metric_name=built.dataset.metric_name,
        log_interval=FLAGS.log_interval,
        validation_interval=FLAGS.validation_interval,
        checkpoint_interval=FLAGS.checkpoint_interval,
        progress=FLAGS.progress,
    )
    if training.signal_number is not None:
        name = signal.Signals(training.signal_number).name
        print(
            f"{name}: saved after {training.iteration} of {iterations}"
            f" iterations in {FLAGS.workdir}; the same command goes on."
        )
        return 128 + training.signal_number
    now = training.iteration - training.resumed_from
    print(
        f"Trained {training.iteration} iterations, {now} of them now in"
        f" {training.seconds / 60:.1f} minutes, saved in {FLAGS.workdir};"
        f" next: python scripts/evaluate.py --workdir={FLAGS.workdir}"
    )
    return 0


if __name__ == "__main__":
    experiment.run(main)
