"""A layer with a vector that describes the task at hand."""

from typing import Any, Literal

import keras
import tensorflow as tf

from maml_tf.errors import refusal
from maml_tf.networks import layers


@keras.saving.register_keras_serializable("maml_tf")
class ContextParameters(keras.layers.Layer):
    """Gives a network a vector c, the one weight that `cavia` adapts.

    `cavia` holds it at zero between tasks (Zintgraf et al. 2019). Other
    algorithms learn and adapt it as any weight.

    Args:
        size: Numbers in c.
        mode: `"concatenate"`: c is appended to the last axis of the inputs.
            `"modulate"`: c scales and shifts that axis, h ↦ (1 + γ(c)) h + β(c)
            (FiLM). γ and β are linear without biases, so at c = 0 the layer
            changes nothing.
        kernel_initializer: Initializer of the weights of γ and β.
        **options: Keras's options of every layer.

    Attributes:
        context: The weight c, `[size]`.
        kernel: For `"modulate"`, the weights of γ and then β,
            `[size, 2 * channels]`.

    Raises:
        InputError: `size` or `mode` cannot be used.
    """

    # `maml_tf.graph.execution` may run the layer for all tasks at once.
    vectorizes = True

    def __init__(
        self,
        size: int,
        mode: Literal["concatenate", "modulate"] = "concatenate",
        kernel_initializer: Any = "glorot_uniform",
        **options: Any,
    ) -> None:
        layers.require_integer("size", size)
        layers.require_choice("mode", mode, ("concatenate", "modulate"))
        super().__init__(**options)
        self.size = int(size)
        self.mode = mode
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.supports_masking = True

    def build(self, input_shape: tuple) -> None:
        """Makes the weights.

        Raises:
            InputError: The inputs have one axis, or a last one of any size.
        """
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise refusal(
                "input_shape",
                tuple(input_shape),
                "ContextParameters takes inputs whose last axis has a number of"
                " features",
            )
        self.context = self.add_weight(
            shape=(self.size,), initializer="zeros", name="context"
        )
        if self.mode == "modulate":
            self.kernel = self.add_weight(
                shape=(self.size, 2 * input_shape[-1]),
                initializer=self.kernel_initializer,
                name="kernel",
            )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns inputs `[batch, ..., features]` with c; see `mode`."""
        if self.mode == "concatenate":
            shape = (*keras.ops.shape(inputs)[:-1], self.size)
            context = keras.ops.broadcast_to(self.context, shape)
            return keras.ops.concatenate([inputs, context], -1)
        film = keras.ops.matmul(self.context, self.kernel)
        scale, shift = keras.ops.split(film, 2)
        return (1.0 + scale) * inputs + shift

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Returns the outputs' shape; `"modulate"` keeps that of the inputs."""
        added = self.size if self.mode == "concatenate" else 0
        return (*input_shape[:-1], input_shape[-1] + added)

    def get_config(self) -> dict:
        """Returns the arguments of a layer like this one."""
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {
            **super().get_config(),
            "size": self.size,
            "mode": self.mode,
            "kernel_initializer": initializer,
        }
