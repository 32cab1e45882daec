"""Figures from papers, to print beside ours."""

# Accuracies in %, with a 95 % interval if the paper has one: the data set,
# network, algorithm and source, then figures by (way, shot).
_ACCURACIES: tuple[tuple[str, str, str, str, dict], ...] = (
    (
        "omniglot",
        "conv4",
        "maml",
        "Finn et al. 2017, table 1",
        {
            (5, 1): "98.7 ± 0.4",
            (5, 5): "99.9 ± 0.1",
            (20, 1): "95.8 ± 0.3",
            (20, 5): "98.9 ± 0.2",
        },
    ),
    (
        "omniglot",
        "dense_omniglot",
        "maml",
        "Finn et al. 2017, table 1",
        {(5, 1): "89.7 ± 1.1", (5, 5): "97.5 ± 0.6"},
    ),
    (
        "omniglot",
        "conv4",
        "fomaml",
        "Nichol et al. 2018, table 2",
        {(5, 1): "98.3", (5, 5): "99.2", (20, 1): "89.4", (20, 5): "97.9"},
    ),
    (
        "omniglot",
        "conv4",
        "reptile",
        "Nichol et al. 2018, table 2",
        {(5, 1): "97.68", (5, 5): "99.48", (20, 1): "89.43", (20, 5): "97.12"},
    ),
    (
        "omniglot",
        "conv4",
        "anil",
        "Raghu et al. 2020, table 1",
        {(20, 1): "96.2", (20, 5): "98.0"},
    ),
    (
        "mini_imagenet",
        "conv4",
        "maml",
        "Finn et al. 2017, table 1",
        {(5, 1): "48.70 ± 1.84", (5, 5): "63.11 ± 0.92"},
    ),
    (
        "mini_imagenet",
        "conv4",
        "fomaml",
        "Finn et al. 2017, table 1",
        {(5, 1): "48.07 ± 1.75", (5, 5): "63.15 ± 0.91"},
    ),
    (
        "mini_imagenet",
        "conv4",
        "anil",
        "Raghu et al. 2020, table 1",
        {(5, 1): "46.7", (5, 5): "61.5"},
    ),
    (
        "mini_imagenet",
        "conv4",
        "cavia",
        "Zintgraf et al. 2019, 32 filters",
        {(5, 1): "47.24 ± 0.65", (5, 5): "59.05"},
    ),
    (
        "mini_imagenet",
        "conv4",
        "boil",
        "Oh et al. 2021, table 1",
        {(5, 1): "49.61", (5, 5): "66.45"},
    ),
    (
        "omniglot",
        "conv4",
        "maml_plus_plus",
        "Antoniou et al. 2019, the mean of five checkpoints",
        {(5, 1): "99.47", (5, 5): "99.93", (20, 1): "97.65", (20, 5): "99.33"},
    ),
    (
        "omniglot",
        "conv4",
        "meta_sgd",
        "Li et al. 2017",
        {(5, 1): "99.53 ± 0.26", (5, 5): "99.93 ± 0.09"},
    ),
    (
        "omniglot",
        "conv4",
        "protonet",
        "Snell et al. 2017, trained with more ways",
        {(5, 1): "98.8", (5, 5): "99.7", (20, 1): "96.0", (20, 5): "98.9"},
    ),
    (
        "mini_imagenet",
        "conv4",
        "maml_plus_plus",
        "Antoniou et al. 2019, the mean of five checkpoints",
        {(5, 1): "52.15 ± 0.26", (5, 5): "68.32 ± 0.44"},
    ),
    (
        "mini_imagenet",
        "conv4",
        "meta_sgd",
        "Li et al. 2017",
        {(5, 1): "50.47 ± 1.87", (5, 5): "64.03 ± 0.94"},
    ),
    (
        "mini_imagenet",
        "conv4",
        "protonet",
        "Snell et al. 2017, trained with more ways",
        {(5, 1): "49.42 ± 0.78", (5, 5): "68.20 ± 0.66"},
    ),
    (
        "cifar_fs",
        "conv4",
        "maml",
        "the official code",
        {(5, 1): "56.8 ± 1.9", (5, 5): "70.8 ± 0.9"},
    ),
    (
        "cifar_fs",
        "conv4",
        "maml",
        "Bertinetto et al. 2019",
        {(5, 1): "58.9", (5, 5): "71.5"},
    ),
)

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
    found = [
        f"{figures[way, shot]} % ({source})"
        for *setting, source, figures in _ACCURACIES
        if setting == [dataset, network, algorithm] and (way, shot) in figures
    ]
    return ", ".join(found) or None


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
