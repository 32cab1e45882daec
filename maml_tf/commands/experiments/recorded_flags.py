"""The record of a training's flags beside what was trained.

A training records its flags in `WORKDIR/experiment.flags`, itself a flagfile,
from which other commands read what the model is.
"""

import pathlib
import sys

from absl import flags

from maml_tf import InputError
from maml_tf.commands import flag_help, sentences
from maml_tf.files import replacing

FILE_NAME = "experiment.flags"

# Flags that say how far and how a training runs, not what it computes: they may
# differ when it is resumed.
COURSE = (
    "iterations",
    "log_interval",
    "validation_interval",
    "validation_tasks",
    "checkpoint_interval",
    "progress",
)


def define_course(flag_values, *defaults):
    """Defines `COURSE` on `flag_values`, the numbers by these defaults."""
    explained = (
        "Meta-updates in all.",
        "Iterations between log records.",
        "Iterations between validations.",
        "Tasks of a validation.",
        "Iterations between checkpoints.",
    )
    add = adder(flag_values, flag_help.TRAINING)
    for name, default, text in zip(COURSE, defaults, explained):
        add("integer", name, default, text)
    add("bool", "progress", True, "Show progress bars, on a terminal.")


def define_where(flag_values):
    """Defines on `flag_values` what is trained by name, and where it goes."""
    add = adder(flag_values, flag_help.WHERE)
    add(
        "string",
        "experiment",
        None,
        "An experiment of `maml-tf list experiments`: stands for the flags of"
        " its file, and those after it win.",
    )
    add(
        "string",
        "workdir",
        None,
        "Folder of the training. Default: results/EXPERIMENT.",
    )
    flags.register_validator(
        "workdir",
        lambda workdir: workdir is not None,
        "it must be given, unless --experiment is",
        flag_values,
    )


def define_test_inner_steps(add, default=None):
    """Defines the inner steps of validation and evaluation.

    Args:
        add: As `adder` returns it.
        default: A number; None for that of `--inner_steps`.
    """
    told = "" if default else " Default: --inner_steps."
    add(
        "integer",
        "test_inner_steps",
        default,
        "Gradient steps in validation and, by default, in evaluation." + told,
    )


def adder(flag_values, group):
    """Returns a function that defines flags, as in `add("integer", name, ...)`.

    Args:
        flag_values: Where they are defined.
        group: Their heading in the help, a constant of `flag_help`.
    """

    def add(kind, name, *args, **options):
        getattr(flags, f"DEFINE_{kind}")(
            name, *args, flag_values=flag_values, **options
        )
        flag_help.put_into_group(group, name, flag_values)

    return add


class RecordedFlags:
    """The flags of one kind of experiment, to be written and read back.

    Args:
        define: function `flag_values -> None`, which defines them.
        free_on_resume: function `flag_values -> names` of those that may differ
            when a training is resumed: they say where and how it runs, not what
            it computes.
        command: the command that trains, for sentences.
    """

    def __init__(self, define, free_on_resume, command):
        self._define = define
        self._free_on_resume = free_on_resume
        self._command = command

    def record(self, flag_values, workdir, leave_out=()):
        """Writes the experiment's flags to `workdir`, atomically.

        Args:
            flag_values: the parsed flags.
            workdir: where `experiment.flags` goes. It is left out of the
                record, so that `--flagfile=DIR/experiment.flags
                --workdir=OTHER` repeats the experiment elsewhere.
            leave_out: names of flags that are not recorded either.
        """
        lines = [
            "# The flags of this training; give them back with --flagfile.\n"
        ]
        for name in self._names():
            serialized = flag_values[name].serialize()
            if serialized and name not in leave_out:
                lines.append(serialized + "\n")
        with replacing(pathlib.Path(workdir) / FILE_NAME) as partial:
            partial.write_text("".join(lines))

    def recorded(self, workdir):
        """The flags that a training recorded in `workdir`.

        Raises:
            InputError: there is no such folder, or no training of this kind in
                it.
        """
        path = pathlib.Path(workdir) / FILE_NAME
        trains = sentences.command(self._command)
        wanted = f"give the --workdir of a training by {trains}"
        if not path.is_file():
            raise InputError(
                f"workdir: {str(workdir)!r} has no {FILE_NAME}; {wanted}."
            )
        values = flags.FlagValues()
        self._define(values)
        try:
            values([sys.argv[0], f"--flagfile={path}"])
        except flags.Error as error:
            raise InputError(
                f"workdir: {path} cannot be read"
                f" ({str(error).rstrip('.')}); {wanted}."
            ) from error
        return values

    def check_unchanged(self, flag_values, workdir):
        """Refuses to resume a training with other flags than it began with.

        Raises:
            InputError: naming the flag.
        """
        if not (pathlib.Path(workdir) / FILE_NAME).exists():
            return
        before = self.recorded(workdir)
        free = self._free_on_resume(flag_values)
        for name in self._names():
            value, first = flag_values[name].value, before[name].value
            if name not in free and first != value:
                raise InputError(
                    f"{name}: {value} was given, but the training in"
                    f" {str(workdir)!r} began with {first}; give that, or"
                    " another --workdir."
                )

    def _names(self):
        values = flags.FlagValues()
        self._define(values)
        own = values.flags_by_module_dict()
        return sorted(flag.name for defined in own.values() for flag in defined)
