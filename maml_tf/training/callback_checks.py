"""Checks that Keras callbacks can do their work in meta-training."""

from typing import Any

import keras

from maml_tf.errors import InputError, refusal

_REFUSED = {
    keras.callbacks.BackupAndRestore: (
        "meta_train saves and resumes by itself, in its workdir"
    ),
    keras.callbacks.SwapEMAWeights: (
        "meta_train validates and keeps an optimizer's averages by itself"
    ),
    keras.callbacks.ProgbarLogger: "meta_train has its own bar, progress=True",
    keras.callbacks.CallbackList: "give the callbacks in it as a list",
}
# Hooks of the base class that meta-training has no occasion to call.
_NEVER_CALLED = {
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_predict_begin",
    "on_predict_end",
    "on_predict_batch_begin",
    "on_predict_batch_end",
}
_SETS_RATE = (
    keras.callbacks.ReduceLROnPlateau,
    keras.callbacks.LearningRateScheduler,
)


def check(
    callbacks: list,
    optimizer: Any,
    own_variables: list,
    metric_name: str,
    higher_is_better: bool,
    is_validated: bool,
) -> None:
    """Refuses callbacks that cannot do their work; says which way is better.

    A callback with `mode="auto"` that monitors the metric is given the mode.

    Args:
        callbacks: The list.
        optimizer: The outer optimizer of Keras, or None.
        own_variables: What the algorithm learns beside the model's weights.
        metric_name: The metric's name in logs.
        higher_is_better: Whether higher values of the metric are better.
        is_validated: Whether there is a validation.

    Raises:
        InputError: One cannot be used; it names the first.
    """
    names = ["loss", metric_name]
    if is_validated:
        names += [f"val_{name}" for name in names]
    adds_to_logs = False
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            wanted = "give Keras callbacks, objects of keras.callbacks.Callback"
            raise refusal("callbacks", callback, wanted)
        for kind, reason in _REFUSED.items():
            if isinstance(callback, kind):
                raise _refusal(callback, reason)
        _check_hooks(callback)
        if isinstance(callback, _SETS_RATE):
            _check_rate(callback, optimizer)
        if _monitors(callback):
            if callback.monitor not in names and not adds_to_logs:
                raise _refusal(
                    callback,
                    f"it monitors {callback.monitor!r}, and the logs have"
                    f" {', '.join(names)}; give its monitor one of these",
                )
            if callback.mode == "auto" and callback.monitor in (
                metric_name,
                f"val_{metric_name}",
            ):
                callback.mode = "max" if higher_is_better else "min"
        if own_variables and getattr(callback, "restore_best_weights", False):
            raise _refusal(
                callback,
                "restore_best_weights restores the model's weights alone, and"
                " this algorithm learns others beside them; leave it out, and"
                " load the best checkpoint",
            )
        # Callbacks of one's own may add values for those after them.
        adds_to_logs |= not type(callback).__module__.startswith("keras.")


def _refusal(callback, reason):
    name = type(callback).__name__
    return InputError(f"callbacks: {name} was given; {reason}.")


def _monitors(callback):
    """Returns whether a callback of Keras acts on a value in the logs."""
    if isinstance(callback, keras.callbacks.ModelCheckpoint):
        return callback.save_best_only
    return isinstance(
        callback,
        keras.callbacks.EarlyStopping | keras.callbacks.ReduceLROnPlateau,
    )


def _check_rate(callback, optimizer):
    """Refuses a callback that sets a learning rate that no one can set."""
    if optimizer is None:
        raise _refusal(
            callback, "this outer update has no learning rate to set"
        )
    if not isinstance(optimizer.learning_rate, keras.Variable):
        raise _refusal(
            callback,
            "the optimizer's learning rate is a schedule, which it cannot set;"
            " give the optimizer a number, or leave one of them out",
        )


def _check_hooks(callback):
    """Refuses a callback whose functions would never be called."""
    base = keras.callbacks.Callback
    own = {
        hook
        for hook in dir(base)
        if hook.startswith("on_")
        and getattr(getattr(callback, hook), "__func__", None)
        is not getattr(base, hook)
    }
    if own and own <= _NEVER_CALLED:
        raise _refusal(
            callback,
            f"it has {', '.join(sorted(own))} alone, and meta-training does not"
            " call it; on_test_begin and on_test_end frame a validation, and"
            " on_epoch_end follows it",
        )
