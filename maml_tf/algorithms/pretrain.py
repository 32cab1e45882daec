"""The baseline that is trained on all tasks jointly and fine-tuned at test."""

import tensorflow as tf

from maml_tf.algorithms.maml import MAML, MetaGradient, dense_gradient


class Pretrain(MAML):
    """Ordinary training on the examples of all tasks; no inner loop.

    The meta-gradient is ∇_θ L(θ) over support and query set together (Finn et
    al. 2017, section 5.1). At test it adapts as MAML does.

    Of classes, it learns from `Dataset.joint`: an ordinary classifier over all
    training classes, whose head is then replaced (`maml_tf.head.renew`) by one
    for the task at hand. With labels drawn at random for each task there would
    be nothing to learn jointly.
    """

    def __init__(self, *args, inner_steps=0, **options):
        del inner_steps  # There is no inner loop in its training.
        super().__init__(*args, inner_steps=0, **options)

    def meta_gradient(self, theta, episode, seed):
        """The gradient of the joint loss of support and query set at θ."""
        x, y = tf.nest.map_structure(
            lambda support, query: tf.concat([support, query], 0),
            (episode.support_x, episode.support_y),
            (episode.query_x, episode.query_y),
        )
        state = self.inner_loop.functional_model.state(seed)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(theta)
            outputs = self.inner_loop.predict(theta, state, x, x, training=True)
            loss = self.loss(y, outputs)
        return MetaGradient(
            dense_gradient(tape, loss, theta),
            loss,
            self.metric(y, outputs),
            tf.zeros([0]),
        )
