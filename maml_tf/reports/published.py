"""Figures from papers, to print beside ours."""

# (data set, network, algorithm, way, shot): accuracy in %, its 95 % interval
# if the paper has one, and the source.
_MAML = "Finn et al. 2017, table 1"
_REPTILE = "Nichol et al. 2018, table 2"
_ANIL = "Raghu et al. 2020, table 1"
_CIFAR_FS = "{} % (the official code), {} % (Bertinetto et al. 2019)"
_CAVIA = "Zintgraf et al. 2019, 32 filters"
_BOIL = "Oh et al. 2021, table 1"
_MAML_PLUS_PLUS = "Antoniou et al. 2019, the mean of five checkpoints"
_META_SGD = "Li et al. 2017"
_PROTONET = "Snell et al. 2017, trained with more ways"
_ACCURACIES = {
    ("omniglot", "conv4", "maml", 5, 1): "98.7 ± 0.4 % (" + _MAML + ")",
    ("omniglot", "conv4", "maml", 5, 5): "99.9 ± 0.1 % (" + _MAML + ")",
    ("omniglot", "conv4", "maml", 20, 1): "95.8 ± 0.3 % (" + _MAML + ")",
    ("omniglot", "conv4", "maml", 20, 5): "98.9 ± 0.2 % (" + _MAML + ")",
    ("omniglot", "dense_omniglot", "maml", 5, 1): (
        "89.7 ± 1.1 % (" + _MAML + ")"
    ),
    ("omniglot", "dense_omniglot", "maml", 5, 5): (
        "97.5 ± 0.6 % (" + _MAML + ")"
    ),
    ("omniglot", "conv4", "fomaml", 5, 1): "98.3 % (" + _REPTILE + ")",
    ("omniglot", "conv4", "fomaml", 5, 5): "99.2 % (" + _REPTILE + ")",
    ("omniglot", "conv4", "fomaml", 20, 1): "89.4 % (" + _REPTILE + ")",
    ("omniglot", "conv4", "fomaml", 20, 5): "97.9 % (" + _REPTILE + ")",
    ("omniglot", "conv4", "reptile", 5, 1): "97.68 % (" + _REPTILE + ")",
    ("omniglot", "conv4", "reptile", 5, 5): "99.48 % (" + _REPTILE + ")",
    ("omniglot", "conv4", "reptile", 20, 1): "89.43 % (" + _REPTILE + ")",
    ("omniglot", "conv4", "reptile", 20, 5): "97.12 % (" + _REPTILE + ")",
    ("omniglot", "conv4", "anil", 20, 1): "96.2 % (" + _ANIL + ")",
    ("omniglot", "conv4", "anil", 20, 5): "98.0 % (" + _ANIL + ")",
    ("mini_imagenet", "conv4", "maml", 5, 1): "48.70 ± 1.84 % (" + _MAML + ")",
    ("mini_imagenet", "conv4", "maml", 5, 5): "63.11 ± 0.92 % (" + _MAML + ")",
    ("mini_imagenet", "conv4", "fomaml", 5, 1): (
        "48.07 ± 1.75 % (" + _MAML + ")"
    ),
    ("mini_imagenet", "conv4", "fomaml", 5, 5): (
        "63.15 ± 0.91 % (" + _MAML + ")"
    ),
    ("mini_imagenet", "conv4", "anil", 5, 1): "46.7 % (" + _ANIL + ")",
    ("mini_imagenet", "conv4", "anil", 5, 5): "61.5 % (" + _ANIL + ")",
    ("mini_imagenet", "conv4", "cavia", 5, 1): (
        "47.24 ± 0.65 % (" + _CAVIA + ")"
    ),
    ("mini_imagenet", "conv4", "cavia", 5, 5): "59.05 % (" + _CAVIA + ")",
    ("mini_imagenet", "conv4", "boil", 5, 1): "49.61 % (" + _BOIL + ")",
    ("mini_imagenet", "conv4", "boil", 5, 5): "66.45 % (" + _BOIL + ")",
    ("omniglot", "conv4", "maml_plus_plus", 5, 1): (
        "99.47 % (" + _MAML_PLUS_PLUS + ")"
    ),
    ("omniglot", "conv4", "maml_plus_plus", 5, 5): (
        "99.93 % (" + _MAML_PLUS_PLUS + ")"
    ),
    ("omniglot", "conv4", "maml_plus_plus", 20, 1): (
        "97.65 % (" + _MAML_PLUS_PLUS + ")"
    ),
    ("omniglot", "conv4", "maml_plus_plus", 20, 5): (
        "99.33 % (" + _MAML_PLUS_PLUS + ")"
    ),
    ("omniglot", "conv4", "meta_sgd", 5, 1): (
        "99.53 ± 0.26 % (" + _META_SGD + ")"
    ),
    ("omniglot", "conv4", "meta_sgd", 5, 5): (
        "99.93 ± 0.09 % (" + _META_SGD + ")"
    ),
    ("omniglot", "conv4", "protonet", 5, 1): ("98.8 % (" + _PROTONET + ")"),
    ("omniglot", "conv4", "protonet", 5, 5): ("99.7 % (" + _PROTONET + ")"),
    ("omniglot", "conv4", "protonet", 20, 1): ("96.0 % (" + _PROTONET + ")"),
    ("omniglot", "conv4", "protonet", 20, 5): ("98.9 % (" + _PROTONET + ")"),
    ("mini_imagenet", "conv4", "maml_plus_plus", 5, 1): (
        "52.15 ± 0.26 % (" + _MAML_PLUS_PLUS + ")"
    ),
    ("mini_imagenet", "conv4", "maml_plus_plus", 5, 5): (
        "68.32 ± 0.44 % (" + _MAML_PLUS_PLUS + ")"
    ),
    ("mini_imagenet", "conv4", "meta_sgd", 5, 1): (
        "50.47 ± 1.87 % (" + _META_SGD + ")"
    ),
    ("mini_imagenet", "conv4", "meta_sgd", 5, 5): (
        "64.03 ± 0.94 % (" + _META_SGD + ")"
    ),
    ("mini_imagenet", "conv4", "protonet", 5, 1): (
        "49.42 ± 0.78 % (" + _PROTONET + ")"
    ),
    ("mini_imagenet", "conv4", "protonet", 5, 5): (
        "68.20 ± 0.66 % (" + _PROTONET + ")"
    ),
    ("cifar_fs", "conv4", "maml", 5, 1): _CIFAR_FS.format("56.8 ± 1.9", "58.9"),
    ("cifar_fs", "conv4", "maml", 5, 5): _CIFAR_FS.format("70.8 ± 0.9", "71.5"),
}

# Mean squared error on sinusoids by (algorithm, shot), then by inner step.
_SINUSOID = {
    ("maml", 5): {1: 0.67, 5: 0.38, 10: 0.35},
    ("pretrain", 5): {1: 2.41, 5: 2.23, 10: 2.19},
}

# Mean returns by (environment, form, horizon), then by algorithm and inner step
# (Finn et al. 2017, figures 4 and 5; for navigation_2d with the reward of the
# official code).
_RETURNS = {
    ("navigation_2d", "official", 100): {
        "maml": {0: -40.4, 1: -11.7, 2: -3.33, 3: -3.23},
        "pretrain": {0: -40.8, 1: -19.7, 2: -11.7, 3: -8.5},
        "scratch": {0: -82.7, 3: -46.8},
        # The oracle does not adapt.
        "oracle": dict.fromkeys(range(4), -2.29),
    },
    ("half_cheetah_direction", None, 200): {
        "maml": {0: -50.7, 1: 293.0, 2: 313.0, 3: 316.0},
        "pretrain": {0: -43.0, 3: 19.6},
        "oracle": dict.fromkeys(range(4), 442.7),
    },
    ("half_cheetah_velocity", None, 200): {
        "maml": {0: -129.5, 1: -78.6, 2: -66.6, 3: -60.8},
        "oracle": dict.fromkeys(range(4), -54.5),
    },
}
_OTHER_CHEETAH = "Finn et al. 2017, of another model of a half cheetah, rllab's"
_RETURNS_SOURCES = {
    "navigation_2d": "Finn et al. 2017",
    "half_cheetah_direction": _OTHER_CHEETAH,
    "half_cheetah_velocity": _OTHER_CHEETAH,
}


def accuracy(
    dataset: str, network: str, algorithm: str, way: int, shot: int
) -> str | None:
    """Returns the published accuracy with its source, or None."""
    return _ACCURACIES.get((dataset, network, algorithm, way, shot))


def sinusoid_error(algorithm: str, shot: int, step: int) -> float | None:
    """Returns the published mean squared error (Finn et al. 2017), or None."""
    return _SINUSOID.get((algorithm, shot), {}).get(step)


def returns(
    environment: str, algorithm: str, horizon: int, form: str | None = None
) -> dict[int, float]:
    """Returns published mean returns (Finn et al. 2017) by inner step.

    Args:
        environment: The environment's name.
        algorithm: The algorithm's name.
        horizon: Most steps of a rollout.
        form: The environment's form, None if it has only one.

    Returns:
        A dict; empty if there are none. Returns over another horizon, or of
        another reward, cannot be compared.
    """
    return _RETURNS.get((environment, form, horizon), {}).get(algorithm, {})


def returns_source(environment: str) -> str:
    """Returns the source of an environment's published mean returns."""
    return _RETURNS_SOURCES[environment]
