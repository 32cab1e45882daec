"""All that can be chosen by a name: algorithms, networks, data and more.

Classes and functions are imported when they are used, so a list of names does
not start TensorFlow.
"""

from maml_tf.registry.lookup import (
    Option,
    Registry,
    check_options,
    find,
    find_with_argument,
    help_texts,
    parameters,
)

__all__ = [
    "ALGORITHMS",
    "DATASETS",
    "ENVIRONMENTS",
    "NETWORKS",
    "OUTER_UPDATES",
    "Option",
    "Registry",
    "check_options",
    "find",
    "find_with_argument",
    "help_texts",
    "parameters",
]

ALGORITHMS = Registry(
    "algorithm",
    {
        "anil": "maml_tf.algorithms.variants:ANIL",
        "black_box": "maml_tf.algorithms.black_box:BlackBox",
        "boil": "maml_tf.algorithms.variants:BOIL",
        "cavia": "maml_tf.algorithms.variants:CAVIA",
        "fomaml": "maml_tf.algorithms.variants:FOMAML",
        "imaml": "maml_tf.algorithms.imaml:IMAML",
        "maml": "maml_tf.algorithms.maml:MAML",
        "maml_plus_plus": "maml_tf.algorithms.maml_plus_plus:MAMLPlusPlus",
        "meta_sgd": "maml_tf.algorithms.variants:MetaSGD",
        "nearest_centroid": "maml_tf.algorithms.baselines:NearestCentroid",
        "oracle": "maml_tf.algorithms.baselines:Oracle",
        "pretrain": "maml_tf.algorithms.baselines:Pretrain",
        "proto_maml": "maml_tf.algorithms.variants:ProtoMAML",
        "protonet": "maml_tf.algorithms.variants:ProtoNet",
        "reptile": "maml_tf.algorithms.reptile:Reptile",
        "scratch": "maml_tf.algorithms.baselines:Scratch",
    },
    fixed=("model", "loss", "metric"),
    former_names={
        "clip_norm": "inner_clip_norm",
        "clip_value": "inner_clip_value",
    },
)

DATASETS = Registry(
    "dataset",
    {
        "cifar_fs": "maml_tf.datasets.cifar_fs:load",
        "clinc150:FILE": "maml_tf.datasets.clinc150:load",
        "demand_series": "maml_tf.datasets.demand_series:load",
        "fc100": "maml_tf.datasets.fc100:load",
        "folder:PATH": "maml_tf.datasets.folder:load",
        "glyphs": "maml_tf.datasets.glyphs:load",
        "mini_imagenet": "maml_tf.datasets.mini_imagenet:load",
        "omniglot": "maml_tf.datasets.omniglot:load",
        "sinusoid": "maml_tf.datasets.sinusoid:load",
        "table:FILE": "maml_tf.datasets.table:load",
        "text:FILE": "maml_tf.datasets.text:load",
        "tfds:NAME": "maml_tf.datasets.tfds:load",
    },
)

ENVIRONMENTS = Registry(
    "environment",
    {
        "ant_direction": "maml_tf.rl.environments.ant:direction",
        "ant_velocity": "maml_tf.rl.environments.ant:velocity",
        "bandit": "maml_tf.rl.environments.bandit:Bandit",
        "gymnasium:ID": "maml_tf.rl.environments.gymnasium_environment:load",
        "half_cheetah_direction": (
            "maml_tf.rl.environments.half_cheetah:direction"
        ),
        "half_cheetah_velocity": (
            "maml_tf.rl.environments.half_cheetah:velocity"
        ),
        "navigation_2d": "maml_tf.rl.environments.navigation_2d:Navigation2D",
        "tabular_mdp": "maml_tf.rl.environments.tabular_mdp:TabularMDP",
    },
)

NETWORKS = Registry(
    "network",
    {
        "attention": "maml_tf.networks.attention:attention",
        "conv4": "maml_tf.networks.conv4:conv4",
        "dense_omniglot": "maml_tf.networks.dense_omniglot:dense_omniglot",
        "lstm": "maml_tf.networks.lstm:lstm",
        "mlp": "maml_tf.networks.mlp:mlp",
        "resnet": "maml_tf.networks.resnet:resnet",
        "text_cnn": "maml_tf.networks.text_cnn:text_cnn",
        "text_transformer": (
            "maml_tf.networks.text_transformer:text_transformer"
        ),
    },
    fixed=("input_shape", "outputs", "seed"),
)

OUTER_UPDATES = Registry(
    "outer_update",
    {
        "ppo": "maml_tf.rl.ppo:ppo",
        "trpo": "maml_tf.rl.trpo:TRPO",
    },
)
