r"""Times the half cheetah: MuJoCo alone, our stepping and Gymnasium's.

    python benchmarks/half_cheetah_speed.py

Prints microseconds of processor time for a step of 0.05 s, five of MuJoCo's, in
one process. `MuJoCo` is a loop of `mj_step` alone, `ours` what a worker process
does, `Gymnasium` is `SyncVectorEnv` of HalfCheetah-v5. The three take turns; a
figure is the median of --repeats runs.
"""

import time

from maml_tf.commands.experiments import supervised  # isort: skip, quiet
import gymnasium
import mujoco
import numpy as np
from absl import flags

from maml_tf.reports import tables
from maml_tf.rl.environments import mujoco_tasks, vector_worker

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(supervised)
flags.DEFINE_integer("rollouts", 100, "Half cheetahs.", lower_bound=1)
flags.DEFINE_integer("horizon", 50, "Steps of a rollout.", lower_bound=1)
flags.DEFINE_integer("repeats", 9, "Runs of each.", lower_bound=1)


def main(argv: list[str]) -> int:
    """Times all and prints a table; returns the exit status."""
    del argv
    number = FLAGS.rollouts
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (FLAGS.horizon, number, 6)).astype(np.float32)
    runs = {
        "MuJoCo": _physics(number),
        "ours": _ours(number),
        "Gymnasium": _gymnasium(number),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(FLAGS.repeats):
        for name, run in runs.items():
            seconds[name].append(run(actions))
    steps = number * FLAGS.horizon
    pace = {name: 1e6 * np.median(s) / steps for name, s in seconds.items()}
    rows = [["", "µs a step", "share of MuJoCo"]]
    rows += [
        [name, f"{value:.1f}", f"{pace['MuJoCo'] / value:.0%}"]
        for name, value in pace.items()
    ]
    print(tables.columns(rows))
    return 0


def _physics(number):
    made = [mujoco_tasks.HalfCheetahDirection() for _ in range(number)]

    def step(actions):
        for environment, action in zip(made, actions):
            environment.data.ctrl[:] = action
            mujoco.mj_step(environment.model, environment.data, 5)

    def reset():
        for seed, environment in enumerate(made):
            environment.reset(seed=seed)

    return lambda actions: _seconds(reset, step, actions)


def _ours(number):
    source = f"{mujoco_tasks.__file__}:HalfCheetahDirection"
    environments = vector_worker.Environments(source)
    tasks = np.ones([number, 1], np.float32)
    return lambda actions: _seconds(
        lambda: environments.reset(tasks, np.arange(number)),
        environments.step,
        actions,
    )


def _gymnasium(number):
    vector = gymnasium.make_vec(
        "HalfCheetah-v5", num_envs=number, vectorization_mode="sync"
    )
    return lambda actions: _seconds(
        lambda: vector.reset(seed=0), vector.step, actions
    )


def _seconds(reset, step, actions):
    """Returns the processor time of some steps after a reset."""
    reset()
    started = time.process_time()
    for of_time in actions:
        step(of_time)
    return time.process_time() - started


if __name__ == "__main__":
    supervised.run(main)
