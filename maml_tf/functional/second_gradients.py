"""Second derivatives that TensorFlow lacks.

The gradient of an operation is computed by other operations, many of them with
names such as `ResizeBicubicGrad`. Meta-gradients differentiate those too. For
some TensorFlow has nothing registered, and raises a `LookupError`. For others
it has registered that they are not differentiable: the derivative is silently
zero. Importing this module registers the derivatives of both kinds.

Resizing is a linear map A; its gradient operation is Aᵀ, whose own gradient is
A again.
"""

import tensorflow as tf
from tensorflow.python.framework import ops

_RESIZING = ("align_corners", "half_pixel_centers")
_FAKE_QUANTIZATION = ("num_bits", "narrow_range")


def _replace(name):
    """Registers another gradient of an operation, `(op, *gradients)`.

    It stands for the gradient's gradient too: TensorFlow drops the inputs of
    operations that it takes for not differentiable.
    """

    def decorate(gradient):
        # The public `tf.RegisterGradient` refuses names that it knows.
        if ops.gradient_registry._registry.pop(name, None) is not None:
            tf.RegisterGradient(name)(gradient)
        return gradient

    return decorate


def _register(name):
    """Registers the gradient of an operation that has none."""

    def decorate(gradient):
        if name not in ops.gradient_registry._registry:
            tf.RegisterGradient(name)(gradient)
        return gradient

    return decorate


def _register_formula(name):
    """Registers what an operation computes, in operations with derivatives."""

    def decorate(formula):
        @_register(name)
        def gradient(op, *upstream):
            inputs = list(op.inputs)
            floating = [x for x in inputs if x.dtype.is_floating]
            with tf.GradientTape() as tape:
                tape.watch(floating)
                outputs = formula(op, *inputs)
            found = iter(
                tape.gradient(
                    outputs, floating, upstream, unconnected_gradients="zero"
                )
            )
            return [
                next(found) if x.dtype.is_floating else None for x in inputs
            ]

        return formula

    return decorate


@_replace("ResizeBilinear")
def _resize_bilinear(op, upstream):
    images = op.inputs[0]
    options = {n: op.get_attr(n) for n in _RESIZING}

    @tf.custom_gradient
    def transposed(y):
        def gradient(u):
            size = tf.shape(y)[1:3]
            return tf.raw_ops.ResizeBilinear(images=u, size=size, **options)

        x = tf.raw_ops.ResizeBilinearGrad(
            grads=y, original_image=images, **options
        )
        return x, gradient

    return transposed(upstream), None


def _register_resizing(name, resize):
    """Registers that the gradient of a resizing's transpose is the resizing."""

    @_register(name)
    def gradient(op, upstream):
        size = tf.shape(op.inputs[0])[1:3]
        options = {n: op.get_attr(n) for n in _RESIZING}
        return resize(images=upstream, size=size, **options), None


_register_resizing(
    "ResizeNearestNeighborGrad", tf.raw_ops.ResizeNearestNeighbor
)
_register_resizing("ResizeBicubicGrad", tf.raw_ops.ResizeBicubic)


@_register("ScaleAndTranslateGrad")
def _scale_and_translate(op, upstream):
    gradients, _, scale, translation = op.inputs
    return (
        tf.raw_ops.ScaleAndTranslate(
            images=upstream,
            size=tf.shape(gradients)[1:3],
            scale=scale,
            translation=translation,
            kernel_type=op.get_attr("kernel_type"),
            antialias=op.get_attr("antialias"),
        ),
        None,
        None,
        None,
    )


@_register_formula("SoftsignGrad")
def _softsign(op, gradients, features):
    del op
    return gradients / tf.square(1.0 + tf.abs(features))


@_register_formula("LRNGrad")
def _local_response_normalization(op, gradients, images, _):
    radius = op.get_attr("depth_radius")
    channels = images.shape[-1]
    near = tf.linalg.band_part(
        tf.ones([channels, channels], images.dtype), radius, radius
    )
    bias, alpha, beta = (op.get_attr(n) for n in ("bias", "alpha", "beta"))
    scale = bias + alpha * tf.tensordot(tf.square(images), near, 1)
    # y = x s^−β with s = bias + α Σ x² over near channels.
    inner = gradients * images * scale ** (-beta - 1.0)
    return gradients * scale**-beta - 2.0 * alpha * beta * images * (
        tf.tensordot(inner, near, 1)
    )


@_register_formula("MaxPoolGradWithArgmax")
def _max_pool_with_argmax(op, images, gradients, argmax):
    size = tf.size(images, tf.int64)
    if not op.get_attr("include_batch_in_index"):
        batch = tf.shape(images, tf.int64)[0]
        offsets = tf.range(batch) * (size // batch)
        argmax = argmax + offsets[:, None, None, None]
    return tf.reshape(
        tf.math.unsorted_segment_sum(
            tf.reshape(gradients, [-1]), tf.reshape(argmax, [-1]), size
        ),
        tf.shape(images),
    )


@_replace("FakeQuantWithMinMaxArgs")
def _fake_quantization_args(op, upstream):
    within = tf.raw_ops.FakeQuantWithMinMaxArgsGradient(
        gradients=tf.ones_like(upstream),
        inputs=op.inputs[0],
        **{n: op.get_attr(n) for n in _FAKE_QUANTIZATION},
        **{n: op.get_attr(n) for n in ("min", "max")},
    )
    return upstream * tf.stop_gradient(within)


@_replace("FakeQuantWithMinMaxVars")
def _fake_quantization_vars(op, upstream):
    within, below, beyond = _quantization_masks(
        op, upstream, tf.raw_ops.FakeQuantWithMinMaxVarsGradient
    )
    return (
        upstream * within,
        tf.reduce_sum(upstream * below),
        tf.reduce_sum(upstream * beyond),
    )


@_replace("FakeQuantWithMinMaxVarsPerChannel")
def _fake_quantization_channels(op, upstream):
    within, below, beyond = _quantization_masks(
        op, upstream, tf.raw_ops.FakeQuantWithMinMaxVarsPerChannelGradient
    )
    axes = list(range(upstream.shape.rank - 1))
    return (
        upstream * within,
        tf.reduce_sum(upstream * below, axes),
        tf.reduce_sum(upstream * beyond, axes),
    )


def _quantization_masks(op, upstream, gradient):
    """1 where an input is within the range, below it and beyond it, else 0."""
    x, low, high = op.inputs
    within, _, _ = gradient(
        gradients=tf.ones_like(upstream),
        inputs=x,
        min=low,
        max=high,
        **{n: op.get_attr(n) for n in _FAKE_QUANTIZATION},
    )
    below = tf.cast(x < (low + high) / 2, x.dtype) * (1 - within)
    return [tf.stop_gradient(m) for m in (within, below, 1 - within - below)]


def _register_segments(name, forward):
    """Registers the gradient of the transpose of a sum or mean of segments."""

    @_register(name)
    def gradient(op, upstream):
        gradients, indices, segments, _ = op.inputs
        rows = forward(
            data=upstream,
            indices=indices,
            segment_ids=segments,
            num_segments=tf.shape(gradients)[0],
        )
        return rows, None, None, None


_register_segments(
    "SparseSegmentSumGrad", tf.raw_ops.SparseSegmentSumWithNumSegments
)
_register_segments(
    "SparseSegmentMeanGrad", tf.raw_ops.SparseSegmentMeanWithNumSegments
)
_register_segments(
    "SparseSegmentSqrtNGrad", tf.raw_ops.SparseSegmentSqrtNWithNumSegments
)
