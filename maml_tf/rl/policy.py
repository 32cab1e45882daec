"""Policies that act in many tasks at once, Gaussian or categorical."""

import itertools
import math
from typing import Any

import keras
import tensorflow as tf

from maml_tf.functional.model import FunctionalModel
from maml_tf.networks.layers import kernel_initializers
from maml_tf.networks.mlp import mlp
from maml_tf.rl import gaussian
from maml_tf.rl.distribution import Distribution


@keras.saving.register_keras_serializable("maml_tf")
class GaussianHead(keras.layers.Layer):
    """A linear layer for the means, and log deviations without an input.

    Args:
        units: Numbers in an action.
        initial_deviation: The standard deviation of each at first, above 0.
        kernel_initializer: Initializer of the linear layer.
        **options: Keras's options of every layer.
    """

    def __init__(
        self,
        units: int,
        initial_deviation: float = 1.0,
        kernel_initializer: Any = "glorot_uniform",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.units = units
        self.initial_deviation = initial_deviation
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: tuple) -> None:
        """Makes the weights."""
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer=self.kernel_initializer,
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.units,), initializer="zeros", name="bias"
        )
        self.log_deviation = self.add_weight(
            shape=(self.units,),
            initializer=keras.initializers.Constant(
                math.log(self.initial_deviation)
            ),
            name="log_deviation",
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns `[batch, 2 * units]` for features `[batch, features]`."""
        mean = keras.ops.matmul(inputs, self.kernel) + self.bias
        log_deviation = keras.ops.broadcast_to(
            self.log_deviation, keras.ops.shape(mean)
        )
        return keras.ops.concatenate([mean, log_deviation], -1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Returns `(batch, 2 * units)`."""
        return (*input_shape[:-1], 2 * self.units)

    def get_config(self) -> dict[str, Any]:
        """Returns the layer's arguments."""
        return super().get_config() | {
            "units": self.units,
            "initial_deviation": self.initial_deviation,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
        }


def gaussian_mlp(
    observation_size: int,
    action_size: int,
    widths: tuple[int, ...] = (100, 100),
    initial_deviation: float = 1.0,
    seed: int | None = None,
) -> keras.Model:
    """Makes dense ReLU layers with a Gaussian head.

    (Finn et al. 2017, section 5.3.)

    Args:
        observation_size: Numbers in an observation.
        action_size: Numbers in an action.
        widths: Units of each hidden layer.
        initial_deviation: Standard deviation of every action at first; it is
            learned, and the same in all states.
        seed: Seed of the initial weights; None draws them at random.

    Returns:
        A `keras.Model` from `[batch, observation_size]` to `[batch, 2 *
        action_size]`: means and logarithms of standard deviations, for
        `maml_tf.rl.gaussian`.
    """
    network = mlp((observation_size,), 1, widths=widths, seed=seed)
    hidden = network.layers[:-1]
    initializers = kernel_initializers(seed)
    *_, head_initializer = itertools.islice(initializers, len(widths) + 1)
    head = GaussianHead(
        action_size,
        initial_deviation,
        kernel_initializer=head_initializer,
        name="head",
    )
    return keras.Model(
        hidden[0].output, head(hidden[-1].output), name="gaussian_mlp"
    )


def categorical_mlp(
    observation_size: int,
    action_size: int,
    widths: tuple[int, ...] = (100, 100),
    seed: int | None = None,
) -> keras.Model:
    """Makes dense ReLU layers with a linear head, for discrete actions.

    Args:
        observation_size: Numbers in an observation.
        action_size: Number of the actions.
        widths: Units of each hidden layer.
        seed: Seed of the initial weights; None draws them at random.

    Returns:
        A `keras.Model` from `[batch, observation_size]` to `[batch,
        action_size]`: logits of the actions, for `maml_tf.rl.categorical`.
    """
    network = mlp((observation_size,), action_size, widths=widths, seed=seed)
    return keras.Model(network.input, network.output, name="categorical_mlp")


class Policy:
    """A Keras model that acts in many tasks at once.

    Args:
        model: Any built `keras.Model` from observations `[batch,
            observation_size]` to the outputs of the distribution.
        distribution: Distribution of actions, `maml_tf.rl.gaussian` or
            `maml_tf.rl.categorical`.
        greedy: Whether it takes the most probable action instead of drawing.
    """

    def __init__(
        self,
        model: keras.Model,
        distribution: Distribution = gaussian,
        greedy: bool = False,
    ) -> None:
        self.model = model
        self.distribution = distribution
        self.greedy = greedy
        self._functional_model = FunctionalModel(model)
        # Python steps some environments; they call this function.
        self.act_compiled = tf.function(self.act, autograph=False)

    def act(
        self, phi: list[tf.Tensor], observations: tf.Tensor, noise: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Takes an action for each observation with its task's weights.

        Args:
            phi: Weights in the order of `model.trainable_variables`, each
                `[tasks, *shape]`.
            observations: `[tasks, rollouts, observation_size]`.
            noise: The distribution's noise, `[tasks, rollouts, action_size]`.

        Returns:
            `(actions, outputs)`, `[tasks, rollouts, action_size]`, without the
            last axis if actions are discrete, and `[tasks, rollouts,
            outputs]`.
        """
        state = self._functional_model.state()

        def outputs_of_task(task):
            weights, x = task
            outputs, _ = self._functional_model(
                weights, state, x, training=False, batch_statistics=False
            )
            return outputs

        outputs = tf.vectorized_map(outputs_of_task, (phi, observations))
        if self.greedy:
            return self.distribution.most_probable(outputs), outputs
        return self.distribution.draw(outputs, noise), outputs
