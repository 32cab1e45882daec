"""Episodes: tasks with a support set to learn from and a query set."""

from maml_tf.episodes.class_pool import (
    SPLITS,
    ClassPool,
    Episode,
    check_episode,
    draw_episode,
    draw_examples,
    episode_classes,
    stream_seed,
)

__all__ = [
    "SPLITS",
    "ClassPool",
    "Episode",
    "check_episode",
    "draw_episode",
    "draw_examples",
    "episode_classes",
    "stream_seed",
]
