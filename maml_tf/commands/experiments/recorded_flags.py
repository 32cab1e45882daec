"""The record of a training's flags beside its weights.

A training records its flags in `WORKDIR/experiment.flags`, which is a flagfile.
Other commands read it to build the same model.
"""

import pathlib
import sys
from collections.abc import Callable, Iterable

from absl import flags

from maml_tf import InputError
from maml_tf.commands import flag_help, flag_ranges, flagfiles, sentences
from maml_tf.files import replacing

FILE_NAME = "experiment.flags"

# Flags of a training's course, which do not change its results.
COURSE = (
    "iterations",
    "log_interval",
    "validation_interval",
    "validation_tasks",
    "checkpoint_interval",
    "progress",
)


def free_course(flag_values: flags.FlagValues) -> tuple[str, ...]:
    """Returns the flags of `COURSE` that may differ in a resumed training.

    Args:
        flag_values: Its flags. Validations that may end it must stay the same.
    """
    if flag_values.early_stopping is None:
        return COURSE
    decide = ("iterations", "validation_interval", "validation_tasks")
    return tuple(name for name in COURSE if name not in decide)


def define_course(flag_values: flags.FlagValues, *defaults: int) -> None:
    """Defines the flags `COURSE`, and --early_stopping.

    Args:
        flag_values: The flags to add them to.
        *defaults: Defaults of the numbers, in the order of `COURSE`.
    """
    texts = (
        "Meta-updates in all.",
        "Iterations between log records.",
        "Iterations between validations.",
        "Tasks of a validation.",
        "Iterations between checkpoints.",
    )
    add = adder(flag_values, flag_help.TRAINING)
    for name, default, text in zip(COURSE, defaults, texts):
        add("integer", name, default, text)
    add("bool", "progress", True, "Show progress bars, on a terminal.")
    add(
        "integer",
        "early_stopping",
        None,
        "Validations in a row without a new best one that end the training, 1"
        " or more. Default: none.",
        lower_bound=1,
    )


def define_where(flag_values: flags.FlagValues) -> None:
    """Defines the flags --experiment and --workdir on `flag_values`."""
    add = adder(flag_values, flag_help.WHERE)
    add(
        "string",
        "experiment",
        None,
        "An experiment of `maml-tf list experiments`; stands for the flags in"
        " its file. Flags after it replace them.",
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


def define_test_inner_steps(add: Callable, default: int | None = None) -> None:
    """Defines the inner steps of validation and evaluation.

    Args:
        add: Function that defines a flag, made by `adder`.
        default: A number; None for that of `--inner_steps`.
    """
    note = "" if default else " Default: --inner_steps."
    add(
        "integer",
        "test_inner_steps",
        default,
        "Gradient steps in validation and, by default, in evaluation." + note,
    )


def adder(flag_values: flags.FlagValues, group: str) -> Callable:
    """Returns a function that defines flags, as in `add("integer", name, ...)`.

    Args:
        flag_values: The flags to add them to.
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
        define: Function `flag_values -> None` that defines them.
        free_on_resume: Function `flag_values -> names` of flags that may differ
            when a training is resumed, as they do not change its results.
        command: The command that trains, for messages.
        places: Flags of the data's place, which may differ from worker to
            worker.
    """

    def __init__(
        self,
        define: Callable[[flags.FlagValues], None],
        free_on_resume: Callable[[flags.FlagValues], Iterable[str]],
        command: str,
        places: Iterable[str] = (),
    ) -> None:
        self._define = define
        self._free_on_resume = free_on_resume
        self._command = command
        self._places = tuple(places)

    def record(
        self,
        flag_values: flags.FlagValues,
        workdir: str | pathlib.Path,
        leave_out: Iterable[str] = (),
    ) -> None:
        """Writes the experiment's flags to `workdir`, atomically.

        Args:
            flag_values: The parsed flags.
            workdir: Folder of `experiment.flags`. It is left out of the record,
                so that `--flagfile=DIR/experiment.flags --workdir=OTHER`
                repeats the experiment elsewhere.
            leave_out: Names of flags that are not recorded either.
        """
        lines = [
            "# The flags of this training; give them back with --flagfile.\n"
        ]
        for name in self._names():
            serialized = flag_values[name].serialize()
            if serialized and name not in leave_out:
                _check_characters(name, serialized)
                lines.append(serialized + "\n")
        with replacing(pathlib.Path(workdir) / FILE_NAME) as partial:
            partial.write_text("".join(lines), encoding="utf-8")

    def recorded(self, workdir: str | pathlib.Path) -> flags.FlagValues:
        """Returns the flags that a training recorded in `workdir`.

        Args:
            workdir: Folder of the training.

        Raises:
            InputError: The folder does not exist, or does not hold a training
                of this kind.
        """
        path = pathlib.Path(workdir) / FILE_NAME
        trains = sentences.command(self._command)
        wanted = f"give the --workdir of a training by {trains}"
        if not path.is_file():
            raise InputError(
                f"workdir: {str(workdir)!r} has no {FILE_NAME}; {wanted}."
            )
        flagfiles.check_text(path, "workdir")
        values = flags.FlagValues()
        self._define(values)
        try:
            values([sys.argv[0], f"--flagfile={path}"])
        except flags.Error as error:
            raise InputError(
                f"workdir: {path} cannot be read"
                f" ({str(error).rstrip('.')}); {wanted}."
            ) from error
        flag_ranges.check(values)
        return values

    def of_all_workers(
        self, flag_values: flags.FlagValues
    ) -> dict[str, object]:
        """Returns the flags that must be the same at all workers, by name.

        Args:
            flag_values: The parsed flags.
        """
        own = set(self._places) | {"progress"}
        names = [name for name in self._names() if name not in own]
        return {name: flag_values[name].value for name in [*names, "workdir"]}

    def check_unchanged(
        self, flag_values: flags.FlagValues, workdir: str | pathlib.Path
    ) -> None:
        """Refuses to resume a training with other flags than it began with.

        Args:
            flag_values: The flags given now.
            workdir: Folder of the training; it need not exist yet.

        Raises:
            InputError: A flag differs; the message names it.
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
        by_module = values.flags_by_module_dict().values()
        return sorted(flag.name for defined in by_module for flag in defined)


def _check_characters(name, text):
    """Refuses a flag that cannot be written to a file of text."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(
            f"{name}: {ascii(text.partition('=')[2])} was given, which is not"
            " UTF-8 and cannot be recorded; rename the file or folder."
        ) from None
