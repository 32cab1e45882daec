"""Meta-gradients that keep no inner step's graph.

With φ_{k+1} = step(φ_k) and v_K = ∇L(φ_K), the meta-gradient is v_0 of

    v_k = (∂ step / ∂φ at φ_k)ᵀ v_{k+1}     (gradient descent: v − α H(φ_k) v)

It is enough to keep the φ_k and to compute each step once more, for one
Hessian-vector product. An inner step adds its weights to memory rather than its
activations, and both loops are traced once for any K.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from maml_tf.algorithms.dense_gradient import dense_gradient
from maml_tf.functional.randomness import unrepeatable_refused


def rematerialized(
    loop: Any,
    theta: list,
    episode: Any,
    steps: int,
    seed: tf.Tensor,
    query_loss: Callable,
) -> tuple[list[tf.Tensor], tf.Tensor, tf.Tensor, tf.Tensor]:
    """Computes a task's meta-gradient without keeping inner graphs.

    Args:
        loop: A `maml_tf.InnerLoop`.
        theta: The initialisation.
        episode: A `maml_tf.Episode`.
        steps: K, a Python integer of 1 or more.
        seed: Int tensor `[2]`, for dropout.
        query_loss: Function `(phi, state, episode) -> (loss, metric)`.

    Returns:
        `(gradient, loss, metric, support_losses)`.

    Raises:
        InputError: A layer draws other random numbers when it is computed
            again.
    """

    def step(carry):
        phi, (slots, state) = carry
        with unrepeatable_refused(loop.model):
            phi, slots, state, loss = loop.step(
                phi, slots, state, episode.support_x, episode.support_y
            )
        return (phi, (slots, state)), loss

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(theta)
        phi, *rest = loop.begin(
            theta, episode.support_x, episode.support_y, seed
        )
    start = phi, tuple(rest)
    adjoints, *results = pull_back(
        step,
        start,
        steps,
        lambda carry: query_loss(carry[0], carry[1][1], episode),
    )
    tensors, gradients = zip(
        *[
            (tensor, adjoint)
            for tensor, adjoint in zip(tf.nest.flatten(start), adjoints)
            if adjoint is not None
        ]
    )
    gradient = dense_gradient(tape, list(tensors), theta, list(gradients))
    return gradient, *results


def pull_back(
    step: Callable, start: tuple[Any, Any], steps: int, evaluate: Callable
) -> tuple[list[tf.Tensor | None], tf.Tensor, tf.Tensor, tf.Tensor]:
    """Computes the gradient of a loss after some steps by the first carry.

    It is exact: the numbers are those of differentiating through all steps at
    once.

    Args:
        step: Function `carry -> (carry, report)`, one inner step. The carry is
            a structure of tensors that keep their shapes and dtypes, the report
            a float32 scalar.
        start: `(phi, rest)`, the first carry; `phi` is a structure of weights.
        steps: K, a Python integer of 1 or more.
        evaluate: Function `carry -> (loss, other)` of the last carry.

    Returns:
        `(adjoints, loss, other, reports)`: the adjoints are the gradients by
        the tensors of `tf.nest.flatten(start)`, None for integers and for those
        without effect; the reports are `[steps]`.
    """

    def pack(flat):
        return tf.nest.pack_sequence_as(start, flat)

    flat = [tf.convert_to_tensor(value) for value in tf.nest.flatten(start)]
    weights = len(tf.nest.flatten(start[0]))
    paths = [
        tf.TensorArray(value.dtype, steps, element_shape=value.shape)
        for value in flat
    ]
    reports = tf.TensorArray(tf.float32, steps, element_shape=[])

    def forward(k, flat, paths, reports):
        paths = [path.write(k, value) for path, value in zip(paths, flat)]
        carry, report = step(pack(flat))
        reports = reports.write(k, tf.cast(report, tf.float32))
        return k + 1, tf.nest.flatten(carry), paths, reports

    _, last, paths, reports = tf.while_loop(
        lambda k, *_: k < steps,
        forward,
        (0, flat, paths, reports),
        maximum_iterations=steps,
        parallel_iterations=1,
    )
    last = [tf.ensure_shape(value, f.shape) for value, f in zip(last, flat)]

    # Not only the weights lead from step to step: so do Adam's slots, and in
    # the inductive mode the statistics lead to the loss.
    floats = [i for i, value in enumerate(flat) if value.dtype.is_floating]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([last[i] for i in floats])
        loss, other = evaluate(pack(last))
    adjoints = tape.gradient(loss, [last[i] for i in floats])
    fed = _feeds_weights(step, pack, flat, floats, weights)
    tracked, adjoints = zip(
        *[
            (i, tf.zeros_like(last[i]) if adjoint is None else adjoint)
            for i, adjoint in zip(floats, adjoints)
            if i < weights or adjoint is not None or fed
        ]
    )
    adjoints = [tf.convert_to_tensor(adjoint) for adjoint in adjoints]

    def backward(k, adjoints):
        values = [path.read(k) for path in paths]
        sources = [values[i] for i in tracked]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(sources)
            carry, _ = step(pack(values))
        carry = tf.nest.flatten(carry)
        adjoints = tape.gradient(
            [carry[i] for i in tracked],
            sources,
            output_gradients=adjoints,
            unconnected_gradients="zero",
        )
        return k - 1, [tf.convert_to_tensor(adjoint) for adjoint in adjoints]

    _, adjoints = tf.while_loop(
        lambda k, _: k >= 0,
        backward,
        (steps - 1, adjoints),
        maximum_iterations=steps,
        parallel_iterations=1,
    )
    by_place = dict(zip(tracked, adjoints))
    return (
        [by_place.get(place) for place in range(len(flat))],
        loss,
        other,
        reports.stack(),
    )


def _feeds_weights(step, pack, flat, floats, weights):
    """Returns whether a step's new weights depend on the rest of its carry.

    The graph of one step shows it; TensorFlow prunes that graph afterwards. If
    they do not depend on it (batch norm's statistics), no derivative by the
    rest is computed.
    """
    rest = [flat[i] for i in floats if i >= weights]
    if not rest:
        return False
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(rest)
        carry, _ = step(pack(flat))
        carry = tf.nest.flatten(carry)[:weights]
    return any(g is not None for g in tape.gradient(carry, rest))
