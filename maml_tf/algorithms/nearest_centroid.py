"""The baseline without a network: the class whose mean is nearest."""

import tensorflow as tf

from maml_tf.algorithms.scratch import Scratch


class NearestCentroid(Scratch):
    """Compares each query with the mean of every class's support examples.

    Texts, which come as token ids, are compared as bags of words: how often
    each known word occurs, by the cosine. Other inputs are compared as they
    are, by the Euclidean distance. Nothing is learned and nothing adapts, so
    that the curve is flat.
    """

    def curve(self, theta, episode, steps, seed):
        """As `MAML.curve`; every step has the same loss and metric."""
        del theta, seed
        outputs = nearest_centroid(episode, self.model.output_shape[-1])
        y = episode.query_y
        return tuple(
            tf.repeat(tf.cast(judge(y, outputs), tf.float32), steps + 1)
            for judge in (self.loss, self.metric)
        )


def nearest_centroid(episode, way):
    """Computes logits of an episode's query set.

    Args:
        episode: An `Episode`; its labels are below `way`.
        way: Number of classes.

    Returns:
        Logits `[way * query, way]`: the cosine with each class's centroid, or
        the negative squared distance from it.
    """
    support, query = episode.support_x, episode.query_x
    is_text = support.dtype.is_integer
    if is_text:
        support, query = _bags_of_words(support, query)
    support, query = (tf.reshape(x, [x.shape[0], -1]) for x in (support, query))
    of_class = tf.one_hot(episode.support_y, way, axis=0)
    sums = tf.matmul(of_class, support)
    if is_text:
        return tf.matmul(query, tf.math.l2_normalize(sums, 1), transpose_b=True)
    centroids = sums / tf.reduce_sum(of_class, 1, keepdims=True)
    differences = query[:, tf.newaxis] - centroids
    return -tf.reduce_sum(tf.square(differences), -1)


def _bags_of_words(*texts):
    """Counts each text's known words, to unit length: `[texts, words]`."""
    # The ids 0 and 1 are padding and unknown words.
    words = tf.reduce_max([tf.reduce_max(ids) for ids in texts]) - 1
    return [
        tf.math.l2_normalize(
            tf.reduce_sum(tf.one_hot(ids - 2, tf.maximum(words, 1)), 1), 1
        )
        for ids in texts
    ]
