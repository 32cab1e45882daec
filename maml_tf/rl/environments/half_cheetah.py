"""A simulated half cheetah that learns to run (Finn et al. 2017, section 5.3).

With v the velocity of its torso along the ground over a step, and a the action,
clipped to ±1, rewards are

- direction: d · v − 0.05 |a|², the task d being −1 or 1;
- velocity: −|v − g| − 0.05 |a|², the task g uniform in [0, 2] m/s.

The paper used rllab's model, with observations of 20 numbers and other time
steps. This is HalfCheetah-v5 of Gymnasium and MuJoCo: 17 numbers (joint angles
and velocities, without the position along the ground), 0.05 s a step, and v is
the mean over the step rather than the velocity at its end. Returns can
therefore not be compared number by number. Rollouts never end before the
horizon.
"""

import pathlib

from maml_tf.rl.environments.gymnasium_environment import GymnasiumEnvironment

_TASKS = pathlib.Path(__file__).with_name("mujoco_tasks.py")


def direction(
    horizon: int = 200, workers: int | None = None, observes_task: bool = False
) -> GymnasiumEnvironment:
    """Makes the half cheetah that learns to run forwards or backwards.

    Args:
        horizon: As in `GymnasiumEnvironment`.
        workers: As in `GymnasiumEnvironment`.
        observes_task: As in `GymnasiumEnvironment`.

    Returns:
        A `GymnasiumEnvironment`.

    Raises:
        InputError: Gymnasium or MuJoCo is not installed, or an argument cannot
            be used.
    """
    return GymnasiumEnvironment(
        f"{_TASKS}:HalfCheetahDirection",
        "half_cheetah_direction",
        horizon,
        workers,
        observes_task,
    )


def velocity(
    horizon: int = 200, workers: int | None = None, observes_task: bool = False
) -> GymnasiumEnvironment:
    """Makes the half cheetah that learns to run at a velocity.

    Args:
        horizon: As in `GymnasiumEnvironment`.
        workers: As in `GymnasiumEnvironment`.
        observes_task: As in `GymnasiumEnvironment`.

    Returns:
        A `GymnasiumEnvironment`.

    Raises:
        InputError: Gymnasium or MuJoCo is not installed, or an argument cannot
            be used.
    """
    return GymnasiumEnvironment(
        f"{_TASKS}:HalfCheetahVelocity",
        "half_cheetah_velocity",
        horizon,
        workers,
        observes_task,
    )
