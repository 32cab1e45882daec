"""Two-dimensional convolution, closed under differentiation.

A convolution y = x ∗ w defines the trilinear form ⟨y', x ∗ w⟩. Its derivatives
by y', x and w are three products; the derivatives of each are the other two, to
every order. Each is computed in the faster of two ways:

- by TensorFlow's kernel, or
- as a matrix product with the input's patches, which one gather makes. All
  products of one inner step share the patches of an input (Grappler merges the
  gathers), and `tf.vectorized_map` can batch them although every task has its
  own kernel.
"""

import contextlib
import contextvars
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

# Most elements of patches for which a matrix product is faster. On CPU (oneDNN,
# one thread a task) TensorFlow's kernels have a fixed cost that counts for few
# examples, and the one for the kernel's gradient runs at little over half of a
# matrix product's rate; larger patches outgrow the caches. See docs/speed.md.
_PATCHES_FORWARD = 600_000
_PATCHES_KERNEL_GRADIENT = 3_000_000

_always = contextvars.ContextVar("always", default=False)


@contextlib.contextmanager
def by_patches() -> Iterator[None]:
    """Makes convolutions traced within it matrix products with patches only.

    `tf.vectorized_map` then turns those of all tasks into one batched matrix
    product. TensorFlow's kernels would run task after task.
    """
    token = _always.set(True)
    try:
        yield
    finally:
        _always.reset(token)


class Convolution:
    """A convolution of given shapes, `[height, width, channels]` inputs.

    Args:
        input_shape: `(height, width, channels)`.
        kernel_shape: `(height, width, channels, filters)`.
        strides: `(vertical, horizontal)`.
        padding: `"same"` or `"valid"`.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        kernel_shape: Sequence[int],
        strides: Sequence[int],
        padding: str,
    ):
        self.height, self.width, self.channels = input_shape
        self.kernel_shape = tuple(kernel_shape)
        self.strides = tuple(strides)
        self.padding = padding.upper()
        self.rows = _Axis(
            self.height, kernel_shape[0], strides[0], self.padding
        )
        self.columns = _Axis(
            self.width, kernel_shape[1], strides[1], self.padding
        )

    def __call__(self, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Computes the product x ∗ w.

        Args:
            x: `[examples, height, width, channels]`.
            kernel: `[height, width, channels, filters]`.

        Returns:
            `[examples, rows, columns, filters]`.
        """

        @tf.custom_gradient
        def product(x, kernel):
            def derivatives(dy):
                return (
                    self.input_gradient(dy, kernel),
                    self.kernel_gradient(x, dy),
                )

            return self._forward(x, kernel), derivatives

        return product(x, kernel)

    def input_gradient(self, dy: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Computes the derivative of ⟨dy, x ∗ w⟩ by x, in x's shape."""

        @tf.custom_gradient
        def product(dy, kernel):
            def derivatives(dx):
                return self(dx, kernel), self.kernel_gradient(dx, dy)

            return self._input_gradient(dy, kernel), derivatives

        return product(dy, kernel)

    def kernel_gradient(self, x: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
        """Computes the derivative of ⟨dy, x ∗ w⟩ by w, in w's shape."""

        @tf.custom_gradient
        def product(x, dy):
            def derivatives(dw):
                return self.input_gradient(dy, dw), self(x, dw)

            return self._kernel_gradient(x, dy), derivatives

        return product(x, dy)

    def _forward(self, x, kernel):
        if not self._by_patches(x, _PATCHES_FORWARD):
            return tf.nn.conv2d(x, kernel, self.strides, self.padding)
        y = tf.matmul(
            self._patches(x), tf.reshape(kernel, [-1, self.kernel_shape[-1]])
        )
        return tf.reshape(
            y, [-1, self.rows.size, self.columns.size, self.kernel_shape[-1]]
        )

    def _kernel_gradient(self, x, dy):
        if not self._by_patches(x, _PATCHES_KERNEL_GRADIENT):
            return tf.raw_ops.Conv2DBackpropFilter(
                input=x,
                filter_sizes=self.kernel_shape,
                out_backprop=dy,
                strides=[1, *self.strides, 1],
                padding=self.padding,
            )
        dw = tf.matmul(
            self._patches(x),
            tf.reshape(dy, [-1, self.kernel_shape[-1]]),
            transpose_a=True,
        )
        return tf.reshape(dw, self.kernel_shape)

    def _input_gradient(self, dy, kernel):
        if not _always.get():
            return tf.raw_ops.Conv2DBackpropInput(
                input_sizes=[
                    tf.shape(dy)[0],
                    self.height,
                    self.width,
                    self.channels,
                ],
                filter=kernel,
                out_backprop=dy,
                strides=[1, *self.strides, 1],
                padding=self.padding,
            )
        # The remainder of an input's position by the stride decides which
        # outputs and which elements of the kernel it meets. So each remainder
        # is a convolution of stride 1; their outputs interleave.
        filters = self.kernel_shape[-1]
        dy = _padded(dy, self.rows.margins, self.columns.margins)
        width = dy.shape[2]
        dy = tf.reshape(dy, [-1, dy.shape[1] * width, filters])
        rows = []
        for vertical in self.rows.remainders:
            columns = []
            for horizontal in self.columns.remainders:
                taps = [(i, j) for i in vertical.taps for j in horizontal.taps]
                if not taps:
                    columns.append(
                        tf.zeros(
                            [
                                tf.shape(dy)[0],
                                self.rows.groups,
                                self.columns.groups,
                                self.channels,
                            ],
                            dy.dtype,
                        )
                    )
                    continue
                patches = _gather(
                    dy, vertical.positions, horizontal.positions, width
                )
                transposed = tf.concat(
                    [tf.transpose(kernel[i, j]) for i, j in taps], 0
                )
                columns.append(
                    tf.reshape(
                        tf.matmul(patches, transposed),
                        [
                            -1,
                            self.rows.groups,
                            self.columns.groups,
                            self.channels,
                        ],
                    )
                )
            rows.append(tf.stack(columns, 3))
        # [examples, row group, row remainder, column group, remainder, channel]
        dx = tf.reshape(
            tf.stack(rows, 2),
            [
                -1,
                self.rows.groups * self.strides[0],
                self.columns.groups * self.strides[1],
                self.channels,
            ],
        )
        return dx[:, : self.height, : self.width]

    def _by_patches(self, x, most):
        if _always.get():
            return True
        if x.shape[0] is None:
            return False
        positions = x.shape[0] * self.rows.size * self.columns.size
        return positions * np.prod(self.kernel_shape[:-1]) <= most

    def _patches(self, x):
        """Returns `[examples · rows · columns, kernel's size · channels]`."""
        x = _padded(x, self.rows.padding, self.columns.padding)
        width = x.shape[2]
        x = tf.reshape(x, [-1, x.shape[1] * width, self.channels])
        return _gather(x, self.rows.windows, self.columns.windows, width)


class _Axis:
    """One axis: the inputs that an output sees, and the other way round.

    Attributes:
        size: Number of outputs along the axis.
        padding: Zeros before and after the input.
        windows: `[size, kernel]`, padded inputs that each output sees.
        groups: Number of inputs divided by the stride, rounded up.
        margins: Zeros before and after dy, for `remainders`.
        remainders: One `_Remainder` for each remainder of an input's position
            by the stride.
    """

    def __init__(self, length, kernel, stride, padding):
        if padding == "SAME":
            self.size = -(-length // stride)
            total = max((self.size - 1) * stride + kernel - length, 0)
        else:
            self.size = (length - kernel) // stride + 1
            total = 0
        self.padding = (total // 2, total - total // 2)
        self.windows = np.arange(self.size)[:, np.newaxis] * stride + np.arange(
            kernel
        )
        self.groups = -(-length // stride)
        # The output g + offset sees the input r + stride · g through the tap.
        pairs = [
            [
                ((remainder + self.padding[0] - tap) // stride, tap)
                for tap in range(kernel)
                if (remainder + self.padding[0] - tap) % stride == 0
            ]
            for remainder in range(stride)
        ]
        offsets = [offset for pair in pairs for offset, _ in pair]
        before = max(0, -min(offsets))
        after = max(0, self.groups + max(offsets) - self.size)
        self.margins = (before, after)
        self.remainders = [
            _Remainder(
                [tap for _, tap in pair],
                np.arange(self.groups)[:, np.newaxis]
                + np.array([offset + before for offset, _ in pair], int),
            )
            for pair in pairs
        ]


class _Remainder:
    """The outputs that the inputs of one remainder by the stride meet.

    Attributes:
        taps: Elements of the kernel that reach these inputs.
        positions: `[groups, taps]`, positions in the padded dy.
    """

    def __init__(self, taps, positions):
        self.taps = taps
        self.positions = positions


def _padded(x, rows, columns):
    if not any((*rows, *columns)):
        return x
    return tf.pad(x, [[0, 0], rows, columns, [0, 0]])


def _gather(x, rows, columns, width):
    """Returns patches of `[examples, height · width, channels]`, one a row."""
    index = (
        rows[:, np.newaxis, :, np.newaxis] * width
        + columns[np.newaxis, :, np.newaxis, :]
    )
    patch = index.shape[2] * index.shape[3] * x.shape[2]
    # A gather copies whole positions at once, several times faster than
    # `tf.image.extract_patches`.
    return tf.reshape(
        tf.gather(x, index.astype(np.int32).reshape(-1), axis=1), [-1, patch]
    )
