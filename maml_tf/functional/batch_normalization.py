"""Batch normalisation by the batch's own statistics, cheap to second order."""

import tensorflow as tf


def batch_normalization(
    x: tf.Tensor, gamma: tf.Tensor | None, beta: tf.Tensor, epsilon: float
) -> tf.Tensor:
    """Computes γ (x − mean) / √(variance + ε) + β for each channel.

    (Ioffe and Szegedy 2015.) The value and the gradient are TensorFlow's fused
    kernels. TensorFlow composes the gradient's gradient of dozens of passes
    over the activations; here it is the fused kernel again and a few passes.

    Args:
        x: `[examples, height, width, channels]`, float32.
        gamma: Scale γ, `[channels]`, or None for 1.
        beta: Centre β, `[channels]`.
        epsilon: ε, the number added to the variance.

    Returns:
        A tensor of the shape of x, with derivatives of every order.
    """

    @tf.custom_gradient
    def normalize(x, beta, *gamma):
        scale = gamma[0] if gamma else tf.ones_like(beta)
        y, mean, variance, *reserved = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=scale,
            offset=beta,
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=epsilon,
        )
        count = tf.cast(tf.size(x) // tf.size(beta), x.dtype)
        # The kernel returns the sample variance.
        variance *= tf.maximum(count - 1.0, 1.0) / count
        inverse = tf.math.rsqrt(variance + epsilon)

        def kernel(g):
            return tf.raw_ops.FusedBatchNormGradV3(
                y_backprop=g,
                x=x,
                scale=scale,
                reserve_space_1=reserved[0],
                reserve_space_2=reserved[1],
                reserve_space_3=reserved[2],
                epsilon=epsilon,
            )[:3]

        def derivatives(g):
            @tf.custom_gradient
            def gradient(x, g, *gamma):
                dx, dscale, dbeta = kernel(g)

                def second(*upstream):
                    values = _second_derivatives(
                        kernel,
                        x,
                        g,
                        scale,
                        (mean, inverse, count),
                        (dscale, dbeta),
                        *upstream,
                    )
                    return _with_further_derivatives(
                        values, epsilon, upstream, x, g, *gamma
                    )

                return (dx, dbeta, *([dscale] if gamma else [])), second

            return gradient(x, g, *gamma)

        return y, derivatives

    return normalize(x, beta, *([] if gamma is None else [gamma]))


def _second_derivatives(
    kernel, x, g, scale, statistics, gradient, u, b, a=None
):
    """Computes ∂(⟨dx, u⟩ + ⟨dβ, b⟩ + ⟨dγ, a⟩) by x, g and, given a, by γ.

    With x̂ = (x − mean) r, bars for means over the examples and positions:

        dx = γ r (g − ḡ − x̂ c),  c = mean(g x̂);  d = mean(u x̂);  e = mean(u g)
        ⟨dx, u⟩ = γ r count (e − ū ḡ − c d)

    The derivative of this by x̂ is −γ r (d g + c u), that by r is γ count times
    the bracket; both lead on to x as in the first derivative.
    """
    mean, r, count = statistics
    du, d, u_mean = kernel(u)
    c, g_mean = (total / count for total in gradient)
    d, u_mean = d / count, u_mean / count
    e = tf.reduce_mean(u * g, [0, 1, 2])
    bracket = e - u_mean * g_mean - c * d
    by_g = -scale * r * r * d
    by_u = -scale * r * r * c
    by_x = scale * r * r * (2.0 * c * d - bracket)
    constant = scale * r * r * (d * g_mean + c * u_mean)
    if a is None:
        g_adjoint = du + b
    else:
        by_g += r * a
        by_x -= r * a * c
        constant -= r * a * g_mean
        g_adjoint = du + (a * r) * x + (b - a * r * mean)
    by_x *= r
    x_adjoint = by_g * g + by_u * u + by_x * x + (constant - by_x * mean)
    if a is None:
        return x_adjoint, g_adjoint
    return x_adjoint, g_adjoint, r * count * bracket


def _with_further_derivatives(values, epsilon, upstream, x, g, *gamma):
    """Returns `values`; their derivatives are those of the plain formula."""

    @tf.custom_gradient
    def second(*arguments):
        def derivatives(*third):
            with tf.GradientTape() as tape:
                tape.watch(arguments)
                plain = _plain_second_derivatives(
                    epsilon, len(upstream), *arguments
                )
            return tape.gradient(
                plain,
                arguments,
                output_gradients=list(third),
                unconnected_gradients="zero",
            )

        return values, derivatives

    return second(*upstream, x, g, *gamma)


def _plain_second_derivatives(epsilon, count, *arguments):
    upstream, (x, g, *gamma) = arguments[:count], arguments[count:]
    with tf.GradientTape() as outer:
        outer.watch([x, g, *gamma])
        with tf.GradientTape() as inner:
            inner.watch([x, *gamma])
            centred = x - tf.reduce_mean(x, [0, 1, 2])
            variance = tf.reduce_mean(tf.square(centred), [0, 1, 2])
            y = centred * tf.math.rsqrt(variance + epsilon)
            for scale in gamma:
                y *= scale
        dx, *dgamma = inner.gradient(y, [x, *gamma], output_gradients=g)
        dbeta = tf.reduce_sum(g, [0, 1, 2])
        total = tf.add_n(
            [
                tf.reduce_sum(one * other)
                for one, other in zip((dx, dbeta, *dgamma), upstream)
            ]
        )
    return outer.gradient(total, [x, g, *gamma], unconnected_gradients="zero")
