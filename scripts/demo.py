"""The main job in minutes: MAML learns to fit a sine wave from a few points.

    make demo

Meta-trains MAML, and for comparison the pretrained and the oracle network, for
the paper's 70,000 iterations each, prints the error by gradient step for 5, 10
and 20 points, and draws what they do. Run again, it goes on where it stopped.
"""

import pathlib
import subprocess
import sys
import time

import experiment
from absl import flags

from maml_tf import plots, tables
from maml_tf.files import replacing

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "results/demo", "Where everything goes.")
flags.DEFINE_integer("iterations", 70000, "Meta-updates of each training.")
flags.DEFINE_integer("num_tasks", 600, "Test tasks of each figure.")

_ALGORITHMS = ("maml", "pretrain", "oracle")
_SHOTS = (5, 10, 20)
_STEPS = (0, 1, 5, 10)
_ROOT = pathlib.Path(__file__).resolve().parent.parent


def main(argv):
    """Trains, tests and draws; returns the exit status."""
    del argv
    started = time.monotonic()
    workdir = pathlib.Path(FLAGS.workdir)
    for algorithm in _ALGORITHMS:
        print(f"\nTraining {algorithm} ({FLAGS.iterations} iterations)")
        status = subprocess.run(
            [
                sys.executable,
                str(_ROOT / "scripts" / "train.py"),
                f"--flagfile={_ROOT / 'flags' / 'sinusoid_10shot.flags'}",
                f"--algorithm={algorithm}",
                f"--iterations={FLAGS.iterations}",
                f"--workdir={workdir / algorithm}",
            ],
            check=False,
        ).returncode
        if status:
            return status
    print("\nTesting on sine waves never seen")
    results = [
        _result(workdir / algorithm, shot)
        for shot in _SHOTS
        for algorithm in _ALGORITHMS
    ]
    table = tables.sinusoid(results, _STEPS)
    print(f"\n{table}\n")
    with replacing(workdir / "table.txt") as partial:
        partial.write_text(table + "\n")
    picture = workdir / "sinusoid.png"
    plots.save(
        plots.sinusoid_fits(
            {
                label: experiment.trained(workdir / name).algorithm
                for label, name in (
                    ("MAML", "maml"),
                    ("Pretrained", "pretrain"),
                )
            }
        ),
        picture,
    )
    minutes = (time.monotonic() - started) / 60
    print(
        f"Took {minutes:.1f} minutes.\n"
        f"Picture:   {picture}\n"
        f"Table:     {workdir / 'table.txt'}\n"
        f"Trainings: {', '.join(str(workdir / a) for a in _ALGORITHMS)}\n"
        f"Next:      tensorboard --logdir={workdir}"
    )
    return 0


def _result(workdir, shot):
    flag_values = experiment.recorded(workdir)
    flag_values.shot = shot
    # As many queries for every K: the error is judged on the same points.
    flag_values.query = 100
    return experiment.evaluate(
        workdir,
        flag_values,
        num_tasks=FLAGS.num_tasks,
        inner_steps=max(_STEPS),
    )


if __name__ == "__main__":
    experiment.run(main)
