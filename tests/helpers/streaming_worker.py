"""Trains on records in files as one of the workers of TF_CONFIG, if any.

    python streaming_worker.py FOLDER

Prints the rows that were read in each iteration, as JSON.
"""

import contextlib
import json
import os
import sys

import keras
import tensorflow as tf

import maml_tf
from maml_tf.episodes import draw_episode, stream_seed
from maml_tf.episodes.class_records import ClassRecords
from maml_tf.graph.random_streams import fold_in

TASKS, ITERATIONS = 5, 3


class Recorded(ClassRecords):
    """Records that keep the rows that were read."""

    def __init__(self, folder):
        super().__init__(folder)
        self.rows = []

    def _read(self, rows):
        self.rows.extend(rows.tolist())
        return super()._read(rows)


def main(folder):
    """Trains three iterations of five tasks."""
    strategy = contextlib.nullcontext()
    if "TF_CONFIG" in os.environ:
        strategy = tf.distribute.MultiWorkerMirroredStrategy().scope()
    records, by_iteration = Recorded(folder), []
    pool = maml_tf.ClassPool(records, records.first, records.size)
    with strategy:
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input([4]), keras.layers.Dense(2)])
        learner = maml_tf.Learner(model)
        outer_step = maml_tf.OuterStep(
            learner.algorithm,
            lambda number: draw_episode(
                pool, 2, 1, 1, fold_in(stream_seed(0, "train"), number)
            ),
            keras.optimizers.Adam(),
            tasks=TASKS,
        )
    for iteration in range(ITERATIONS):
        records.rows.clear()
        outer_step(iteration)
        by_iteration.append(sorted(records.rows))
    print(json.dumps(by_iteration))


if __name__ == "__main__":
    main(sys.argv[1])
