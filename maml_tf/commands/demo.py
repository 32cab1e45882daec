"""Shows learning to learn in minutes, from a few points or drawings.

    maml-tf demo

First MAML learns to fit a sine wave from a few points. It is trained for the
paper's 70,000 iterations, and so are the pretrained and the oracle network, for
comparison; the error by gradient step is printed for 5, 10 and 20 points. Then
it learns to tell five letters apart from one drawing of each, of scripts that
it has not seen; the letters are synthetic and need no download. Finally, a
network that comes with the package, trained on Omniglot, is adapted to a folder
of drawings. Pictures show what the networks do. Run again, the command goes on
where it stopped.
"""

import pathlib
import subprocess
import sys
import time

from absl import flags

from maml_tf.commands import main as main_module
from maml_tf.commands import packaged
from maml_tf.commands.experiments import (
    evaluation,
    supervised,
    supervised_flags,
)
from maml_tf.errors import check_at_least_one, check_not_negative
from maml_tf.files import check_folder, replacing
from maml_tf.reports import figures, sine_waves, tables
from maml_tf.reports.episode_picture import episode_picture

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "results/demo", "Folder to write to.")
flags.DEFINE_integer(
    "iterations", 70000, "Meta-updates of each training on sine waves."
)
flags.DEFINE_integer(
    "glyph_iterations", 1500, "Meta-updates of the training on glyphs."
)
flags.DEFINE_integer("num_tasks", 600, "Test tasks of each figure.")

_ALGORITHMS = ("maml", "pretrain", "oracle")
_SHOTS = (5, 10, 20)
_STEPS = (0, 1, 5, 10)


def main(argv: list[str]) -> int:
    """Trains, tests and draws; returns the exit status."""
    del argv
    started = time.monotonic()
    workdir = pathlib.Path(FLAGS.workdir)
    # Before it trains for minutes.
    check_at_least_one(num_tasks=FLAGS.num_tasks)
    check_not_negative(
        iterations=FLAGS.iterations, glyph_iterations=FLAGS.glyph_iterations
    )
    check_folder(workdir)
    status = _sinusoid(workdir) or _glyphs(workdir) or _drawings(workdir)
    if status:
        return status
    minutes = (time.monotonic() - started) / 60
    trainings = (str(workdir / name) for name in (*_ALGORITHMS, "glyphs"))
    pictures = (
        str(workdir / f"{name}.png")
        for name in ("sinusoid", "glyphs", "drawings")
    )
    print(
        f"Took {minutes:.1f} minutes.\n"
        f"Pictures:  {', '.join(pictures)}\n"
        f"Tables:    {workdir / 'table.txt'}, {workdir / 'glyphs.txt'}\n"
        f"Trainings: {', '.join(trainings)}\n"
        f"Next:      tensorboard --logdir={workdir}\n"
        "Draw:      maml-tf serve --model=omniglot_5way_1shot"
    )
    return 0


def _sinusoid(workdir):
    """Fits sine waves to a few points; returns the exit status."""
    for algorithm in _ALGORITHMS:
        print(f"\nTraining {algorithm} ({FLAGS.iterations} iterations)")
        status = _train(
            workdir / algorithm,
            "sinusoid_10shot",
            f"--algorithm={algorithm}",
            f"--iterations={FLAGS.iterations}",
        )
        if status:
            return status
    print("\nTesting on sine waves never seen")
    results = [
        _sinusoid_result(workdir / algorithm, shot)
        for shot in _SHOTS
        for algorithm in _ALGORITHMS
    ]
    _show(tables.sinusoid(results, _STEPS), workdir / "table.txt")
    figures.save(
        sine_waves.sinusoid_fits(
            {
                label: supervised.trained(workdir / name).algorithm
                for label, name in (
                    ("MAML", "maml"),
                    ("Pretrained", "pretrain"),
                )
            }
        ),
        workdir / "sinusoid.png",
    )
    return 0


def _glyphs(workdir):
    """Tells letters apart after one of each; returns the exit status."""
    training = workdir / "glyphs"
    print(
        f"\nTraining maml on glyphs, synthetic letters"
        f" ({FLAGS.glyph_iterations} iterations)"
    )
    status = _train(
        training,
        "glyphs_5way_1shot",
        f"--iterations={FLAGS.glyph_iterations}",
    )
    if status:
        return status
    print("\nTesting on letters of scripts never seen")
    result = evaluation.evaluate(
        training, supervised_flags.recorded(training), num_tasks=FLAGS.num_tasks
    )
    _show(tables.adaptation(result), workdir / "glyphs.txt")
    built = supervised.trained(training)
    f = built.flags
    episodes = built.dataset.episodes("test", f.way, f.shot, f.query, f.seed)
    figures.save(
        episode_picture(
            built.algorithm,
            episodes(0),
            built.test_inner_steps,
            title="Letters (synthetic) of scripts not seen in training,"
            " learned from one drawing each",
        ),
        workdir / "glyphs.png",
    )
    return 0


def _drawings(workdir):
    """Adapts a shipped network to drawings; returns the exit status."""
    drawings = packaged.drawings()
    print("\nAdapting omniglot_5way_1shot, which is trained, to five drawings")
    return _command(
        "adapt",
        "--workdir=omniglot_5way_1shot",
        f"--support={drawings / 'support'}",
        f"--query={drawings / 'query'}",
        f"--report={workdir / 'drawings.png'}",
    )


def _train(workdir, experiment, *flags_):
    """Trains an experiment, or goes on; returns the exit status."""
    return _command(
        "train",
        f"--experiment={experiment}",
        f"--workdir={workdir}",
        *flags_,
    )


def _command(name, *flags_):
    """Runs another command; returns its exit status."""
    return subprocess.run(
        [sys.executable, "-m", main_module.__name__, name, *flags_],
        check=False,
    ).returncode


def _show(table, path):
    """Prints a table and writes it."""
    print(f"\n{table}\n")
    with replacing(path) as partial:
        partial.write_text(table + "\n")


def _sinusoid_result(workdir, shot):
    flag_values = supervised_flags.recorded(workdir)
    flag_values["shot"].value = shot
    # As many queries for every K: the error is judged on the same points.
    flag_values["query"].value = 100
    return evaluation.evaluate(
        workdir,
        flag_values,
        num_tasks=FLAGS.num_tasks,
        inner_steps=max(_STEPS),
    )


def run() -> None:
    """Runs the command with the flags in `sys.argv`."""
    supervised.run(main)
