"""Environments with a task parameter, by name.

To add one, write a function `load(**options)` that returns an `Environment`,
in `maml_tf/rl/environments/<name>.py`, and name it in `_MODULES`. A Gymnasium
environment of your own need not be registered: see `gymnasium_environment`.
"""
