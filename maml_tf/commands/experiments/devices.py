"""The devices and machines that share a training: the flag --strategy."""

import contextlib
import json
import os
import sys
import threading
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from absl import flags

from maml_tf.commands import flag_help
from maml_tf.commands.experiments import cluster as clusters
from maml_tf.commands.experiments import quiet_tensorflow
from maml_tf.errors import InputError, check_at_least_one
from maml_tf.training.workers import Workers, lost_worker_named

FLAGS = flags.FLAGS
flags.DEFINE_enum(
    "strategy",
    "auto",
    ["auto", "one", "mirrored", "multi_worker"],
    "Devices that share the tasks of a meta-batch. one: one device. mirrored:"
    " all GPUs of this machine, or without GPUs a logical device for each core."
    " multi_worker: all processes that TF_CONFIG or Slurm's srun names. auto:"
    " multi_worker or mirrored if there are several processes or GPUs.",
)
flags.DEFINE_integer(
    "worker_timeout",
    25,
    "Seconds that a worker waits for the others at the start.",
)
for _name in ("strategy", "worker_timeout"):
    flag_help.put_into_group(flag_help.WHERE, _name, FLAGS)


@contextlib.contextmanager
def shared(
    names: dict[str, Any],
) -> Iterator[tuple[tf.distribute.Strategy | None, Workers]]:
    """Starts the devices that the flags say, for the time of a training.

    Args:
        names: Values by name that must be the same at all workers, such as
            flags.

    Yields:
        `(strategy, workers)`: a `tf.distribute.Strategy`, or None for one
        device, and the `Workers`.

    Raises:
        InputError: The workers cannot be started, have different flags, or one
            of them was lost.
    """
    check_at_least_one(worker_timeout=FLAGS.worker_timeout)
    cluster = None
    if FLAGS.strategy in ("auto", "multi_worker"):
        cluster = clusters.from_environment()
    if cluster is not None:
        strategy = _of_workers(cluster)
    elif FLAGS.strategy == "multi_worker":
        raise InputError(
            "strategy: multi_worker was given, but neither TF_CONFIG nor"
            " Slurm's variables name other processes; start it with maml-tf"
            " launch or srun, or give --strategy=auto."
        )
    else:
        strategy = _of_this_machine()
    workers = Workers(strategy)
    with lost_worker_named(workers):
        _check_same(workers, names)
        yield strategy, workers


def _of_this_machine():
    """Returns a mirrored strategy if the flags or several GPUs ask for it."""
    gpus = tf.config.list_physical_devices("GPU")
    mirrored = FLAGS.strategy == "mirrored"
    if mirrored and not gpus:
        device = tf.config.list_physical_devices("CPU")[0]
        number = os.cpu_count() or 1
        tf.config.set_logical_device_configuration(
            device, [tf.config.LogicalDeviceConfiguration()] * number
        )
        names = [f"CPU:{index}" for index in range(number)]
    else:
        names = [f"GPU:{index}" for index in range(len(gpus))]
    quiet_tensorflow.initialize()
    if mirrored or (FLAGS.strategy == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy(names)
    return None


def _of_workers(cluster):
    """Joins the cluster; ends the process if the others do not come."""
    clusters.check_port(cluster)
    os.environ["TF_CONFIG"] = json.dumps(
        {
            "cluster": {"worker": cluster.addresses},
            "task": {"type": "worker", "index": cluster.index},
        }
    )
    limit = threading.Timer(FLAGS.worker_timeout, _give_up, [cluster])
    limit.daemon = True
    limit.start()
    try:
        with quiet_tensorflow.quietly():
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        Workers(strategy).barrier()
    except (tf.errors.OpError, RuntimeError) as error:
        raise InputError(
            f"TF_CONFIG: worker {cluster.index} cannot join the cluster"
            f" ({str(error).strip().splitlines()[0]}); see the messages of the"
            " others."
        ) from error
    finally:
        limit.cancel()
    return strategy


def _give_up(cluster):
    """Ends the process, because TensorFlow would wait for an hour."""
    missing = ", ".join(cluster.others_that_do_not_answer()) or "all answer"
    print(
        f"error: workers: worker {cluster.index} of {len(cluster.addresses)}"
        f" waited {FLAGS.worker_timeout} seconds for the others (without an"
        f" answer: {missing}); start all of them with the same cluster, or give"
        " a longer --worker_timeout.",
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)


def _check_same(workers, names):
    """Refuses values that are not those of the other workers."""
    if workers.number == 1:
        return
    checksums = [zlib.crc32(repr(v).encode()) for v in names.values()]
    differs = np.ptp(workers.gather(np.array(checksums, np.int64)), 0) > 0
    for (name, value), different in zip(names.items(), differs):
        if different:
            raise InputError(
                f"{name}: worker {workers.index} of {workers.number} was given"
                f" {value}, and another one something else; give all the same."
            )
