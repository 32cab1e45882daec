"""The devices and machines that share a training: the flag --strategy."""

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from absl import flags
from tensorflow.compiler.xla.tsl.protobuf.coordination_config_pb2 import (
    CoordinatedJob,
)
from tensorflow.python.eager import context

from maml_tf.commands import flag_help
from maml_tf.commands.experiments import cluster as clusters
from maml_tf.commands.experiments import quiet_tensorflow
from maml_tf.commands.experiments.rendezvous import meet
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
    20,
    "Seconds that a worker waits for the others at the start.",
)
for _name in ("strategy", "worker_timeout"):
    flag_help.put_into_group(flag_help.WHERE, _name, FLAGS)


@contextlib.contextmanager
def shared(
    values: dict[str, Any],
) -> Iterator[tuple[tf.distribute.Strategy, Workers]]:
    """Starts the devices that the flags say, for the time of a training.

    Args:
        values: Values by name that must be the same at all workers, such as
            flags.

    Yields:
        `(strategy, workers)`: a `tf.distribute.Strategy`, TensorFlow's default
        for one device, and the `Workers`.

    Raises:
        InputError: The workers cannot be started, have different flags, or one
            of them was lost.
    """
    check_at_least_one(worker_timeout=FLAGS.worker_timeout)
    cluster = None
    if FLAGS.strategy in ("auto", "multi_worker"):
        cluster = clusters.from_environment()
    if cluster is not None:
        strategy = _of_workers(cluster, values)
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
        yield strategy, workers


def _of_this_machine():
    """Returns a mirrored strategy if the flags or several GPUs ask for it."""
    # TensorFlow would read it, and stop if it is empty.
    os.environ.pop("TF_CONFIG", None)
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
    return tf.distribute.get_strategy()


def _of_workers(cluster, values):
    """Joins the cluster, after all workers have met."""
    texts = {name: repr(value) for name, value in values.items()}
    everything = {"addresses": cluster.addresses, "values": texts}
    answers = meet(
        cluster.addresses, cluster.index, everything, FLAGS.worker_timeout
    )
    for number, other in enumerate(answers):
        _check_same(cluster, everything, number, other)
    jobs = {"worker": cluster.addresses}
    task = {"type": "worker", "index": cluster.index}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": jobs, "task": task})
    # As the strategy does itself, but without waiting for an hour.
    context.context().configure_coordination_service(
        "standalone",
        "/job:worker/replica:0/task:0",
        cluster_register_timeout_in_ms=1000 * FLAGS.worker_timeout,
        coordinated_jobs=[
            CoordinatedJob(name="worker", num_tasks=len(cluster.addresses))
        ],
    )
    try:
        with quiet_tensorflow.quietly():
            return tf.distribute.MultiWorkerMirroredStrategy()
    except (tf.errors.OpError, RuntimeError) as error:
        raise InputError(
            f"workers: worker {cluster.index} cannot join the others"
            f" ({str(error).strip().splitlines()[0]}); see their messages."
        ) from error


def _check_same(cluster, everything, number, other):
    """Refuses a cluster or flags that are not those of another worker."""
    if other["addresses"] != everything["addresses"]:
        raise InputError(
            f"TF_CONFIG: worker {cluster.index} has the addresses"
            f" {', '.join(cluster.addresses)}, and worker {number} has"
            f" {', '.join(other['addresses'])}; give all the same."
        )
    for name, text in everything["values"].items():
        if other["values"].get(name) != text:
            raise InputError(
                f"{name}: worker {cluster.index} was given {text}, and worker"
                f" {number} {other['values'].get(name)}; give all the same."
            )
