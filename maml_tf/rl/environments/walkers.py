"""MuJoCo's half cheetah and ant as environments of several tasks."""

import pathlib

from maml_tf.rl.environments.gymnasium_environment import GymnasiumEnvironment

_TASKS = pathlib.Path(__file__).with_name("mujoco_tasks.py")


def load(
    kind: str,
    name: str,
    horizon: int = 200,
    workers: int | None = None,
    observes_task: bool = False,
) -> GymnasiumEnvironment:
    """Makes an environment of a class of `mujoco_tasks.py`.

    Args:
        kind: Name of the class, such as `"AntVelocity"`.
        name: The environment's name.
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
        f"{_TASKS}:{kind}", name, horizon, workers, observes_task
    )
