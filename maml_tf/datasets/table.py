"""Few-shot regression of a user's own: a table of tasks, `table:FILE`.

The file is CSV in UTF-8 with a header line. The delimiter is a tab in a .tsv
file; in others it is the comma, semicolon or tab that occurs most often in the
header. The file has one of two forms:

- Rows of features and targets. The column `task` names each row's task, columns
  named `y`, `y1`, `y2`, ..., `target` or `target_...` are the targets, and all
  others are features.
- Series in time. The columns are exactly `task`, `time` and `value`, rows in
  any order. Times are numbers, or dates and times of ISO 8601, months such as
  2024-01 or dates such as 31.01.2024, and differ within a task. Examples are
  windows of consecutive values; see `regression_tasks.from_series`.

All cells except tasks and times are finite numbers with a decimal point. Empty
lines are skipped. Nothing else is skipped or filled in: a cell that cannot be
read is refused.
"""

import csv
import datetime
import io
import os
import pathlib
import re
import warnings
from collections.abc import Sequence

import numpy as np

from maml_tf.datasets import Dataset
from maml_tf.datasets.building import class_splits, regression_tasks
from maml_tf.datasets.building.delimiters import delimiter
from maml_tf.datasets.building.labelled_examples import (
    LabelledExamples,
    sort_by_class,
)
from maml_tf.episodes.class_pool import SPLITS
from maml_tf.errors import InputError
from maml_tf.files import read_text

SERIES = ("task", "time", "value")

_TARGET = re.compile(r"y\d*|target(_.*)?")

# The square of a larger number would overflow in float32.
_LARGEST = 1e15

# Largest ratio of the longest to the shortest step of an even series. Months
# are within it.
_UNEVEN = 1.5


def load(
    path: str | os.PathLike,
    class_split: str = "random",
    split_seed: int = 0,
    window: int | None = None,
    horizon: int | None = None,
    scaling: regression_tasks.Scaling | None = None,
) -> Dataset:
    """Loads a table as a data set of episodes.

    Args:
        path: The file, as described at the top of this module.
        class_split: As in `class_splits.divide`. Classes are the tasks here.
        split_seed: As in `class_splits.divide`.
        window: As in `regression_tasks.from_series`.
        horizon: As in `regression_tasks.from_series`.
        scaling: As in `regression_tasks.from_series`.

    Returns:
        A `Dataset`; `regression_tasks.from_rows` or `from_series` describes it.

    Raises:
        InputError: The file cannot be read or used, or an argument cannot.
    """
    path = pathlib.Path(path).expanduser()
    table = Table(path)
    table.check_tasks()
    name = f"table:{path}"
    if set(table.columns) == set(SERIES):
        labelled = table.series()
        return regression_tasks.from_series(
            name,
            labelled,
            _divide(path, labelled.names, class_split, split_seed),
            window,
            horizon,
            scaling,
        )
    # Rows are standardised alike.
    by_window = None if scaling == "all" else scaling
    given = {"window": window, "horizon": horizon, "scaling": by_window}
    for option, value in given.items():
        if value is not None:
            raise InputError(
                f"{option}: {value} was given, but {path} does not hold series"
                f" (columns exactly {', '.join(SERIES)}); leave {option} out."
            )
    features, targets, labelled = table.rows()
    tasks = _divide(path, labelled.names, class_split, split_seed)
    return regression_tasks.from_rows(name, labelled, tasks, features, targets)


def _divide(path, names, class_split, split_seed):
    """Divides the tasks; refuses fewer than three."""
    if len(names) < len(SPLITS):
        raise InputError(
            f"dataset: {path} has {len(names)} task"
            f"{'s' * (len(names) != 1)} ({', '.join(names)}); training,"
            " validation and test need at least one each, so at least 3."
        )
    return class_splits.divide(names, class_split, split_seed)


class Table:
    """A file's cells, with their columns and lines.

    Args:
        path: The file.
        argument: Name of the file in messages. Defaults to `"dataset"`.

    Attributes:
        where: The argument and the file, as messages begin.
        features: Names of the columns that are neither task nor targets.
        targets: Names of the columns of targets.
        columns: Names of the columns.
        cells: Dict of column to its cells, strings.
        lines: Line of each row in the file.

    Raises:
        InputError: The file cannot be read, has no rows, or columns without a
            name or with the same.
    """

    def __init__(self, path: pathlib.Path, argument: str = "dataset") -> None:
        self.where = f"{argument}: {path}"
        text = read_text(path, argument)
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=delimiter(path, text)
        )
        try:
            lines = [
                (reader.line_num, [cell.strip() for cell in cells])
                for cells in reader
                if cells
            ]
        except csv.Error as error:
            raise InputError(
                f"{self.where}, line {reader.line_num}: {error}."
            ) from error
        if len(lines) < 2:
            raise InputError(
                f"{self.where} {'has no rows' if lines else 'is empty'}; it"
                " must have a line of column names and a line an example."
            )
        (_, columns), *lines = lines
        self.columns = _with_our_names(columns)
        self._check_names()
        others = [name for name in self.columns if name != "task"]
        self.targets = [name for name in others if _TARGET.fullmatch(name)]
        self.features = [name for name in others if name not in self.targets]
        for line, cells in lines:
            if len(cells) != len(self.columns):
                raise InputError(
                    f"{self.where}, line {line}: it has {len(cells)}"
                    f" cell{'s' * (len(cells) != 1)}, but there are"
                    f" {len(self.columns)} columns."
                )
        self.lines = [line for line, _ in lines]
        by_column = zip(*(cells for _, cells in lines))
        self.cells = dict(zip(self.columns, map(list, by_column)))

    def _check_names(self):
        """Refuses columns without a name or with the same."""
        columns = self.columns
        if "" in columns:
            raise InputError(
                f"{self.where}: column {columns.index('') + 1} has no"
                " name; name it, or leave it out."
            )
        twice = [name for name in columns if columns.count(name) > 1]
        if twice:
            raise InputError(
                f"{self.where} has {twice.count(twice[0])} columns"
                f" named {twice[0]}; names must differ."
            )

    def check_tasks(self) -> None:
        """Refuses columns that are neither of the two forms.

        Raises:
            InputError: They are neither.
        """
        columns = self.columns
        if set(columns) == set(SERIES):
            return
        if "task" not in columns or not self.targets or not self.features:
            raise InputError(
                f"{self.where} has the columns {', '.join(columns)};"
                " there must be task, features by any name, and targets named"
                " y, y1, ..., target or target_...; or, for series, exactly"
                f" {', '.join(SERIES)}."
            )

    def rows(self) -> tuple[list[str], list[str], LabelledExamples]:
        """Returns the table as `(features, targets, LabelledExamples)`.

        Raises:
            InputError: A row names no task, or a cell is not a number.
        """
        numbers = self.numbers([*self.features, *self.targets])
        names, labels = self.tasks()
        return (
            self.features,
            self.targets,
            sort_by_class(numbers, labels, names),
        )

    def series(self) -> LabelledExamples:
        """Returns the table as values, each task's in order of time.

        Raises:
            InputError: A row names no task, a value is not a number, or a time
                cannot be read or is there twice.
        """
        names, labels = self.tasks()
        values, times = self._numbers("value"), self._times()
        order = np.lexsort([times, labels])
        steps = np.diff(times[order])
        within = np.diff(labels[order]) == 0
        same = np.flatnonzero(within & (steps == 0))
        if same.size:
            first, second = np.sort(order[same[0] : same[0] + 2])
            raise InputError(
                f"{self.where}, line {self.lines[second]}: the time"
                f" {self.cells['time'][second]!r} of task"
                f" {self.cells['task'][second]} is there already, in line"
                f" {self.lines[first]}; each may be there once."
            )
        _warn_of_uneven(self.where, steps[within], labels[order][1:][within])
        return sort_by_class(values[order], labels[order], names)

    def tasks(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the sorted names of the tasks and each row's index in them.

        Raises:
            InputError: A row names no task.
        """
        for line, name in zip(self.lines, self.cells["task"]):
            if not name:
                raise self._bad(line, "task", name, "it must name a task")
        return np.unique(self.cells["task"], return_inverse=True)

    def numbers(self, columns: Sequence[str]) -> np.ndarray:
        """Returns the numbers of some columns, float64 `[rows, columns]`.

        Args:
            columns: Names of the columns.

        Raises:
            InputError: A cell is not a number.
        """
        return np.stack([self._numbers(name) for name in columns], axis=1)

    def _numbers(self, column):
        """Returns a column's numbers, float64."""
        numbers = [_number(cell) for cell in self.cells[column]]
        for line, cell, number in zip(self.lines, self.cells[column], numbers):
            if number is None or not abs(number) <= _LARGEST:
                raise self._bad(
                    line,
                    column,
                    cell,
                    "it must be a number with a decimal point, of magnitude"
                    f" {_LARGEST:.0e} at most{_advice(cell)}",
                )
        return np.array(numbers, np.float64)

    def _times(self):
        """Returns the times as numbers, float64."""
        kinds, times = zip(*map(_time, self.cells["time"]))
        for line, cell, kind in zip(self.lines, self.cells["time"], kinds):
            if kind is None:
                raise self._bad(
                    line,
                    "time",
                    cell,
                    "it must be a number, or a time of ISO 8601 such as"
                    " 2024-01-31 or 2024-01-31T17:00:00; pandas.to_datetime(..."
                    ", dayfirst=True) converts 31/1/2024",
                )
            if kind != kinds[0]:
                raise self._bad(
                    line,
                    "time",
                    cell,
                    f"that is {kind}, but line {self.lines[0]} has {kinds[0]};"
                    " all must be alike",
                )
        return np.array(times, np.float64)

    def _bad(self, line, column, cell, needed):
        """Returns the error for a cell that cannot be used."""
        return InputError(
            f"{self.where}, line {line}, column {column}:"
            f" {cell[:40]!r} was found; {needed}."
        )


def _advice(cell):
    """Returns how to convert a cell that is not a number."""
    if cell.lower() in ("", "na", "n/a", "nan", "null", "none", "-"):
        return "; leave rows without a value out, or fill it in"
    if re.fullmatch(r"[+-]?[\d.]*,\d+", cell):
        return '; pandas.read_csv(..., decimal=",") converts decimal commas'
    return ""


def _with_our_names(columns):
    """Returns the names; ours in lower case, as in `Task`, if none is there."""
    lower = [name.lower() for name in columns]
    if set(lower) == set(SERIES):
        return lower
    has_task = "task" in columns
    has_targets = any(map(_TARGET.fullmatch, columns))
    return [
        low
        if (low == "task" and not has_task)
        or (_TARGET.fullmatch(low) and not has_targets)
        else name
        for name, low in zip(columns, lower)
    ]


def _number(cell):
    """Returns the number in a cell, or None."""
    try:
        # Python alone takes 1_000 for a number.
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _time(cell):
    """Returns a time's kind and its number; both None if it is unreadable.

    A time without a time zone is read as UTC.
    """
    number = _number(cell)
    if number is not None:
        return ("a number", number) if np.isfinite(number) else (None, None)
    # A month is its first day; Germany's dates are unambiguous.
    cell = re.sub(r"^(\d{4}-\d\d)$", r"\1-01", cell)
    cell = re.sub(r"^(\d\d)\.(\d\d)\.(\d{4})\b", r"\3-\2-\1", cell)
    try:
        # Python 3.10 does not know the Z.
        moment = datetime.datetime.fromisoformat(re.sub("Z$", "+00:00", cell))
    except ValueError:
        return None, None
    if moment.tzinfo:
        return "a time with a time zone", moment.timestamp()
    moment = moment.replace(tzinfo=datetime.timezone.utc)
    return "a time without a time zone", moment.timestamp()


def _warn_of_uneven(where, steps, labels):
    """Warns of tasks with times that are not evenly spaced."""
    if not steps.size:
        return
    shortest = np.full(labels.max() + 1, np.inf)
    longest = np.zeros(labels.max() + 1)
    np.minimum.at(shortest, labels, steps)
    np.maximum.at(longest, labels, steps)
    uneven = np.count_nonzero(longest > _UNEVEN * shortest)
    if uneven:
        warnings.warn(
            f"{where}: the times of {uneven} of its tasks are not evenly"
            " spaced; windows are of values that follow one another, whatever"
            " the time between them.",
            stacklevel=4,
        )
