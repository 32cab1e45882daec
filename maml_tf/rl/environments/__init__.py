"""Environments with a task parameter, by name.

To add one, write a class or function that returns an `Environment` in
`maml_tf/rl/environments/<name>.py`, and name it in `ENVIRONMENTS` of
`maml_tf/registry/__init__.py`. If the name ends in a colon and a word, as in
`gymnasium:ID`, the user's text after the colon is the first argument. A
Gymnasium environment of your own need not be named there: see
`gymnasium_environment`.
"""

from typing import Any

from maml_tf.registry import ENVIRONMENTS
from maml_tf.rl.environments.environment import Environment


def names() -> tuple[str, ...]:
    """Returns the names that `create` knows; see there for the colon."""
    return ENVIRONMENTS.names()


def option_names(name: str) -> tuple[str, ...]:
    """Returns the names of the options that `create` takes for a name."""
    return tuple(ENVIRONMENTS.options(name))


def create(name: str, **options: Any) -> Environment:
    """Makes an environment by name.

    Example:
    ```python
    environments.create("navigation_2d", form="paper")
    environments.create("gymnasium:examples.pendulum_spin:PendulumSpin-v0")
    ```

    Args:
        name: One of `names()`. In one such as `gymnasium:ID`, the user's own
            text replaces the word in capitals.
        **options: The environment's own; see its module.

    Returns:
        An `Environment`.

    Raises:
        InputError: The environment or an option is unknown, or cannot be used.
    """
    return ENVIRONMENTS.create(name, **options)
