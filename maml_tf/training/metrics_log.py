"""A training's records: `metrics.jsonl` and TensorBoard scalars."""

import itertools
import json
import math
import os
import pathlib
import warnings
from typing import Any

import numpy as np
import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar

from maml_tf.errors import InputError
from maml_tf.files import check_folder, read_json_lines, replacing

FILE_NAME = "metrics.jsonl"


class MetricsLog:
    """Appends records by iteration; a resumed training repeats none.

    Args:
        workdir: Folder of the training. Scalars go to `workdir/tensorboard`.
        iteration: Meta-updates after which the training continues. Later
            records, whose work will be done again, are dropped.
        replicas: Copies of the model that train, recorded if there are several.
            A note says so if there were more or fewer until now.
    """

    def __init__(
        self,
        workdir: str | os.PathLike,
        iteration: int = 0,
        replicas: int = 1,
    ) -> None:
        workdir = pathlib.Path(workdir)
        path = workdir / FILE_NAME
        check_folder(workdir / "tensorboard")
        kept = [r for r in read(workdir) if r["iteration"] <= iteration]
        _note_other_replicas(kept, workdir, replicas)
        self._replicas = replicas
        with replacing(path) as partial:
            partial.write_text("".join(_line(record) for record in kept))
        self._file = path.open("a", buffering=1)
        self._summaries = tf.summary.create_file_writer(
            str(workdir / "tensorboard")
        )
        self._has_layout = False

    def write(self, iteration: int, phase: str, values: dict[str, Any]) -> None:
        """Adds one record.

        Args:
            iteration: Meta-updates done.
            phase: `"train"` or `"validation"`.
            values: Dict of numbers, or of lists of numbers by inner step.
        """
        if phase == "train" and self._replicas > 1:
            values = {**values, "replicas": self._replicas}
        record = {"iteration": iteration, "phase": phase, **values}
        self._file.write(_line(record))
        with self._summaries.as_default(step=iteration):
            for name, value in values.items():
                if isinstance(value, list):
                    for step, element in enumerate(value):
                        tf.summary.scalar(
                            f"{phase}/{name}_step_{step}", element
                        )
                else:
                    tf.summary.scalar(f"{phase}/{name}", value)

    def write_adaptation(
        self, iteration: int, name: str, values: np.ndarray, ci95: np.ndarray
    ) -> None:
        """Shows the adaptation curve in TensorBoard, under "Custom Scalars".

        A chart over iterations, with a line and its 95 % band for each inner
        step: scalars `adaptation/step_<k>`, and the band's `/low` and `/high`.

        Args:
            iteration: Meta-updates done.
            name: The metric's name, such as `"accuracy"`.
            values: Means, `[steps + 1]`.
            ci95: Half widths of their 95 % intervals, `[steps + 1]`.
        """
        with self._summaries.as_default(step=iteration):
            if not self._has_layout:
                layout = _adaptation_layout(name, len(values))
                tf.summary.experimental.write_raw_pb(
                    custom_scalar.pb(layout).SerializeToString()
                )
                self._has_layout = True
            for step, (value, half) in enumerate(zip(values, ci95)):
                tag = _adaptation_tag(step)
                tf.summary.scalar(tag, value)
                tf.summary.scalar(f"{tag}/low", value - half)
                tf.summary.scalar(f"{tag}/high", value + half)

    def close(self) -> None:
        """Writes out buffered records and closes the files."""
        self._file.close()
        self._summaries.close()


def read(workdir: str | os.PathLike) -> list[dict]:
    """Reads the records of a training, oldest first; none without a file.

    A last line that was cut off in writing is left out.

    Args:
        workdir: Folder of the training.

    Returns:
        A list of dicts.

    Raises:
        InputError: The file cannot be read, or has other lines than
            `MetricsLog` writes.
    """
    path = pathlib.Path(workdir) / FILE_NAME
    if not path.exists():
        return []
    lines = read_json_lines(path, "workdir", may_be_cut_off=True)
    for number, record in lines:
        if not _is_record(record):
            raise InputError(
                f"workdir: {path}, line {number} is not a record of a training;"
                " restore the file from a copy, or remove it."
            )
    return [record for _, record in lines]


def _note_other_replicas(records, workdir, replicas):
    """Says so if a training goes on with another number of replicas."""
    trained = [r for r in records if r["phase"] == "train"]
    before = trained[-1].get("replicas", 1) if trained else replicas
    if before != replicas:
        warnings.warn(
            f"{workdir} was trained by {before} replicas until now and goes on"
            f" with {replicas}: the same tasks, but sums in another order, so"
            " that rounding differs.",
            stacklevel=2,
        )


def _is_record(record):
    """Returns whether a value is a record as `MetricsLog.write` makes them."""
    if not isinstance(record, dict):
        return False
    values = dict(record)
    iteration, phase = values.pop("iteration", None), values.pop("phase", None)
    lists = [value for value in values.values() if isinstance(value, list)]
    numbers = [v for v in values.values() if not isinstance(v, list)]
    if phase == "validation":
        # By inner step: loss, metric and interval; and the number of tasks.
        has_its_values = (
            {"loss", "ci95", "num_tasks"} < values.keys()
            and len(numbers) == 1
            and len({len(value) for value in lists}) == 1
            and bool(lists[0])
        )
    else:
        has_its_values = phase == "train" and "loss" in values
    return (
        isinstance(iteration, int)
        and has_its_values
        and all(map(_is_number, [*numbers, *itertools.chain(*lists)]))
    )


def _is_number(value):
    """Returns whether a value is a number, or None in place of NaN."""
    return value is None or isinstance(value, int | float)


def finite(value: Any) -> Any:
    """Replaces NaN and infinity by None, because JSON cannot hold them.

    Args:
        value: A float, a list of floats, or anything else, which stays as it
            is.

    Returns:
        The value, or a new list.
    """
    if isinstance(value, list):
        return [finite(element) for element in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _adaptation_tag(step):
    return f"adaptation/step_{step}"


def _adaptation_layout(name, number):
    """Makes a chart with a line and a band for each inner step."""
    margin = layout_pb2.MarginChartContent
    series = [
        margin.Series(value=tag, lower=f"{tag}/low", upper=f"{tag}/high")
        for tag in map(_adaptation_tag, range(number))
    ]
    chart = layout_pb2.Chart(
        title=f"{name} by inner step (± 95 %)", margin=margin(series=series)
    )
    return layout_pb2.Layout(
        category=[layout_pb2.Category(title="Adaptation", chart=[chart])]
    )


def _line(record):
    return json.dumps({k: finite(v) for k, v in record.items()}) + "\n"
