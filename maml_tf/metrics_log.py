"""What a training reports: `metrics.jsonl` and TensorBoard scalars."""

import json
import math
import pathlib

import tensorflow as tf

from maml_tf.files import replacing

FILE_NAME = "metrics.jsonl"


class MetricsLog:
    """Appends records by iteration; a resumed training repeats none.

    Args:
        workdir: folder of the training. Scalars go to `workdir/tensorboard`.
        iteration: where the training goes on. Records beyond it, of work that
            will be done again, are dropped.
    """

    def __init__(self, workdir, iteration=0):
        workdir = pathlib.Path(workdir)
        path = workdir / FILE_NAME
        kept = [r for r in read(workdir) if r["iteration"] <= iteration]
        with replacing(path) as partial:
            partial.write_text("".join(_line(record) for record in kept))
        self._file = path.open("a", buffering=1)
        self._summaries = tf.summary.create_file_writer(
            str(workdir / "tensorboard")
        )

    def write(self, iteration, phase, values):
        """Adds one record.

        Args:
            iteration: meta-updates done.
            phase: `"train"` or `"validation"`.
            values: dict of numbers, or of lists of them by inner step.
        """
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

    def close(self):
        """Writes out what is buffered."""
        self._file.close()
        self._summaries.close()


def read(workdir):
    """The records of a training, oldest first; none without a file.

    A last line that was cut off in writing is left out.
    """
    path = pathlib.Path(workdir) / FILE_NAME
    records = []
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return records


def finite(value):
    """The value, None where JSON has no word for it: NaN, infinity.

    Args:
        value: a float, a list of such, or anything else, which stays as it is.
    """
    if isinstance(value, list):
        return [finite(element) for element in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _line(record):
    return json.dumps({k: finite(v) for k, v in record.items()}) + "\n"
