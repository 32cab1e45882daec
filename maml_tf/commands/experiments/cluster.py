"""The cluster that the environment names: the workers and their addresses."""

import dataclasses
import json
import os

import tensorflow as tf

from maml_tf.errors import InputError

_EXAMPLE = (
    'such as {"cluster": {"worker": ["host-a:12345", "host-b:12345"]},'
    ' "task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of a training, and which one this process is.

    Attributes:
        addresses: `host:port` of each, the chief first.
        index: Number of this one.
    """

    addresses: list[str]
    index: int


def from_environment() -> Cluster | None:
    """Reads TF_CONFIG, or else the variables of Slurm's `srun`.

    Returns:
        The `Cluster`; None if neither names more than this process.

    Raises:
        InputError: TF_CONFIG or the variables cannot be used.
    """
    text = os.environ.get("TF_CONFIG", "")
    if text.strip():
        return _from_tf_config(text)
    if os.environ.get("SLURM_PROCID") and _slurm_tasks() > 1:
        return _from_slurm()
    return None


def _from_tf_config(text):
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"TF_CONFIG: {_short(text)} is not JSON ({error}); give JSON"
            f" {_EXAMPLE}."
        ) from None
    jobs = config.get("cluster") if isinstance(config, dict) else None
    task = config.get("task") if isinstance(config, dict) else None
    if not (isinstance(jobs, dict) and isinstance(task, dict)):
        raise InputError(
            f"TF_CONFIG: {_short(text)} does not have a cluster and a task;"
            f" give JSON {_EXAMPLE}."
        )
    other = set(jobs) - {"chief", "worker"}
    if other or task.get("type") not in jobs:
        raise InputError(
            f"TF_CONFIG: the cluster has the jobs {', '.join(map(str, jobs))}"
            f" and the task is of type {task.get('type')!r}; the jobs must be"
            " worker, and chief if you like, and the task one of them."
        )
    for addresses in jobs.values():
        if not isinstance(addresses, list) or not all(
            isinstance(a, str) and a.rpartition(":")[2].isdecimal()
            for a in addresses
        ):
            raise InputError(
                f"TF_CONFIG: {_short(str(addresses))} are not addresses; give a"
                f" list of host:port, {_EXAMPLE}."
            )
    chiefs = jobs.get("chief", [])
    own, index = jobs[task["type"]], task.get("index")
    if type(index) is not int or not 0 <= index < len(own):
        raise InputError(
            f"TF_CONFIG: the task has the index {index!r}, and the cluster has"
            f" {len(own)} of type {task['type']}; it must be from 0 to"
            f" {len(own) - 1}."
        )
    first = 0 if task["type"] == "chief" else len(chiefs)
    return Cluster([*chiefs, *jobs.get("worker", [])], first + index)


def _from_slurm():
    try:
        # Slurm itself gives each task its GPUs (srun --gpus-per-task).
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=_port_base(),
            gpus_per_node=2**16,
            gpus_per_task=1,
            auto_set_gpu=False,
        )
        addresses = resolver.cluster_spec().as_dict()["worker"]
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"SLURM_PROCID: Slurm's variables cannot be used ({error}); start"
            " with srun, or give --strategy=one."
        ) from error
    return Cluster(addresses, resolver.task_id)


def _port_base():
    """Returns the first port on each node, different for different jobs."""
    return 20000 + int(os.environ.get("SLURM_JOB_ID", "0")) % 10000


def _slurm_tasks():
    for name in ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"):
        if os.environ.get(name, "").isdecimal():
            return int(os.environ[name])
    return 1


def _short(text):
    return repr(text if len(text) <= 60 else text[:57] + "...")
