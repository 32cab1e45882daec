"""Meta-gradients of a few tasks, as one batch and in a loop."""

import keras

from maml_tf import OuterStep


def vectorized_and_looped(make, episodes):
    """Returns an outer step of three tasks for each way of running them.

    Args:
        make: Function that returns the algorithm, the same each time.
        episodes: Function `number -> Episode`.
    """
    return [
        OuterStep(
            make(),
            episodes,
            keras.optimizers.SGD(0.1),
            tasks=3,
            vectorize=vectorize,
        )
        for vectorize in (True, False)
    ]
