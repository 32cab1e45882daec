"""Environments with a task parameter, by name.

To add one, write a class or function that returns an `Environment` in
`maml_tf/rl/environments/<name>.py`, and name it in `_ENTRIES`. Where the name
ends in a colon and a word, as in `gymnasium:ID`, what a user writes after the
colon is the first argument. A Gymnasium environment of your own need not be
named here: see `gymnasium_environment`.
"""

import importlib
import inspect

from maml_tf import registry

_ENTRIES = {
    "gymnasium:ID": ("gymnasium_environment", "load"),
    "half_cheetah_direction": ("half_cheetah", "direction"),
    "half_cheetah_velocity": ("half_cheetah", "velocity"),
    "navigation_2d": ("navigation_2d", "Navigation2D"),
}


def names():
    """Returns the names that `create` knows; see there for the colon."""
    return sorted(_ENTRIES)


def option_names(name):
    """Returns the names of the options that `create` takes for a name."""
    entry, argument = _find(name)
    parameters = tuple(inspect.signature(entry).parameters)
    return parameters if argument is None else parameters[1:]


def create(name, **options):
    """Makes an environment by name.

    Example:
    ```python
    environments.create("navigation_2d", form="paper")
    environments.create("gymnasium:examples.pendulum_spin:PendulumSpin-v0")
    ```

    Args:
        name: One of `names()`; of one such as `gymnasium:ID` what comes after
            the colon is the user's own.
        **options: The environment's own; see its module.

    Returns:
        An `Environment`.

    Raises:
        InputError: There is no such environment or option, or it cannot be
            used.
    """
    entry, argument = _find(name)
    registry.check_options("environment", name, options, option_names(name))
    arguments = () if argument is None else (argument,)
    return entry(*arguments, **options)


def _find(name):
    """The class or function of a name, and what its colon is followed by."""
    (module, attribute), argument = registry.find_with_argument(
        "environment", name, _ENTRIES
    )
    # Imported when asked for: one environment's needs are not another's.
    module = importlib.import_module(f"{__name__}.{module}")
    return getattr(module, attribute), argument
