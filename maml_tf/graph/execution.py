"""Chooses how the tasks of a meta-batch are run, if the caller does not.

Nothing here changes what is computed. The figures are of two cores without a
GPU; docs/speed.md has more. The rules for a GPU follow what is known of its
hardware: its path gives the same numbers, tested on CPU, but was not timed.
"""

import os
from typing import Any

import keras
import tensorflow as tf

from maml_tf.errors import InputError

# Layers whose operations `tf.vectorized_map` turns into batched ones.
_DENSE = (
    keras.layers.InputLayer,
    keras.layers.Dense,
    keras.layers.Flatten,
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.BatchNormalization,
)
# These too, by `maml_tf.functional.convolution.by_patches`, at a cost of
# memory.
_CONVOLUTIONAL = (
    *_DENSE,
    keras.layers.Conv2D,
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
    keras.layers.GlobalAveragePooling2D,
)

# Most weights, of all tasks together, that are adapted as one batch on CPU:
# while they fit into its caches. A sinusoid's 44,000 take 1.1 ms in place of
# 3.3; 28 x 28 images into 64-64 units (1.8 million) 4.4 in place of 5.3, into
# 128-64 (3.5 million) 10.0 in place of 6.0, into 256-128-64-64 26.8 in place of
# 9.8.
_MOST_WEIGHTS = 2_000_000


def on_gpu() -> bool:
    """Returns whether TensorFlow has a GPU; it then places the work there."""
    return bool(tf.config.list_logical_devices("GPU"))


def vectorizes(algorithm: Any, tasks: int) -> bool:
    """Returns whether all tasks are best run as one batched computation.

    On a GPU whenever possible: a task alone is too small to fill one. On CPU
    for small dense networks: the fixed cost of their operations dominates. Any
    other network runs its tasks in a loop. The loop keeps one task's
    activations in the cache, and its memory does not grow with the number of
    tasks.

    Args:
        algorithm: One of `maml_tf.algorithms`.
        tasks: Tasks in a meta-batch.
    """
    # Minibatches are drawn at random, which cannot be vectorised.
    if getattr(algorithm, "inner_batch_size", None) is not None:
        return False
    model = algorithm.model
    gpu = on_gpu()
    kinds = _CONVOLUTIONAL if gpu else _DENSE
    # A user's subclass may compute anything, as may a function of the user's.
    if not type(model).__module__.startswith("keras."):
        return False
    if not all(_is_plain(layer, kinds) for layer in model.layers):
        return False
    return gpu or tasks * model.count_params() <= _MOST_WEIGHTS


def check_vectorizes(model: keras.Model) -> None:
    """Refuses to run all tasks as one if a layer loops over a sequence.

    Args:
        model: A built `keras.Model`.

    Raises:
        InputError: It has such a layer.
    """
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.RNN) and not layer.unroll:
            raise InputError(
                "vectorize: true was given, but the loop of layer"
                f" {layer.name!r} cannot be vectorised; give false."
            )


def _is_plain(layer, kinds):
    """Returns whether a layer is of these types, with Keras's functions.

    A layer of ours that vectorises says so itself.
    """
    functions = (
        getattr(layer, "activation", None),
        getattr(layer, "activity_regularizer", None),
        *(v.regularizer for v in layer.variables),
        *(v.constraint for v in layer.variables),
    )
    return (
        (type(layer) in kinds or "vectorizes" in vars(type(layer)))
        and not getattr(layer, "lora_enabled", False)
        and not getattr(layer, "quantization_mode", None)
        and all(_is_of_keras(f) for f in functions if f is not None)
    )


def _is_of_keras(function):
    # An activation may be a function, a layer or an object.
    module = getattr(function, "__module__", type(function).__module__)
    return str(module).startswith("keras.")


def compiles(vectorize: bool) -> bool:
    """Returns whether XLA pays: for tasks run as one batched computation.

    It fuses the operations of small dense networks (sinusoid: 0.34 ms in place
    of 1.1). On CPU it has no fast convolution: Omniglot's step took 8 s in
    place of 0.4.

    Args:
        vectorize: Whether the tasks are one batched computation.
    """
    return vectorize


def tasks_at_once(tasks: int) -> int:
    """Returns how many tasks of a loop run at once: one for each thread.

    Two tasks on a core each beat one task on both, 2 to 4 times for networks of
    few-shot size. It pays on a GPU too, whose kernels are queued from several
    threads.

    Args:
        tasks: Tasks in the loop.
    """
    threads = tf.config.threading.get_inter_op_parallelism_threads()
    return min(tasks, threads or os.cpu_count() or 1)
