"""Tables of results, each figure with the setting it was measured in."""

import math
from collections.abc import Iterable, Sequence

from maml_tf.reports import published

METRICS = ("accuracy", "mse", "mae", "return")

# Data sets that are made rather than measured; titles must tell this.
SYNTHETIC = ("demand_series", "glyphs")


def metric_name(record: dict) -> str:
    """Returns the metric's name, one of `METRICS`, in a record.

    Args:
        record: Dict with a metric's value, such as a step of an evaluation or a
            line of the log.
    """
    return next(name for name in METRICS if name in record)


def adaptation(result: dict) -> str:
    """Writes an evaluation as text, a row for each inner step.

    Args:
        result: The dict in `evaluation_<split>.json`.

    Returns:
        A string.
    """
    steps = result["steps"]
    name = metric_name(steps[0])
    is_accuracy = name == "accuracy"
    task = f"{result['way']}-way " if is_accuracy else ""
    synthetic = " (synthetic)" if result["dataset"] in SYNTHETIC else ""
    title = (
        f"{result['dataset']}{synthetic}, {result['split']}:"
        f" {result['algorithm']}, {result['network']},"
        f" {task}{result['shot']}-shot,"
        f" {queries(result['query'])}{' per class' if is_accuracy else ''}\n"
        f"{result['num_tasks']} tasks, seed {result['seed']}, batch norm"
        f" {result['batch_norm']}, {_weights(result)} of iteration"
        f" {result['iteration']}"
    )
    rows = [["step", name, "± 95 %", "loss"]]
    scale, decimals, unit = {
        "accuracy": (100, 2, " %"),
        "mse": (1, 3, ""),
        # In the user's units, which may be large or small.
        "mae": (1, _decimals(step[name] for step in steps), ""),
    }[name]
    for step in steps:
        rows.append(
            [
                str(step["step"]),
                _number(step[name], decimals, scale, unit),
                _number(step["ci95"], decimals, scale),
                _number(step["loss"], 4),
            ]
        )
    text = f"{title}\n\n{columns(rows)}"
    if result.get("numberings"):
        text += "\n\n" + _spread(result["numberings"])
    if result.get("within"):
        text += "\n\n" + _within(result["within"])
    if result.get("naive"):
        value = _number(result["naive"][name], decimals, scale, unit)
        ci95 = _number(result["naive"]["ci95"], decimals, scale)
        text += f"\n\nNaive forecast, the last value: {name} {value} ± {ci95}"
    if any(step["loss"] is None for step in steps):
        text += (
            "\n\n-: the inner loop diverged on a task. A smaller"
            " --inner_learning_rate, or --inner_clip_norm, keeps it finite."
        )
    if is_accuracy and not result.get("within"):
        paper = published.accuracy(
            *(
                result[name]
                for name in ("dataset", "network", "algorithm", "way", "shot")
            )
        )
        if paper:
            text += f"\n\nPublished, trained to the end: {paper}"
    elif result["dataset"] == "sinusoid":
        paper = ", ".join(
            f"{value} after {step['step']}"
            for step in steps
            if (
                value := published.sinusoid_error(
                    result["algorithm"], result["shot"], step["step"]
                )
            )
        )
        if paper:
            text += f"\n\nPublished (Finn et al. 2017): {paper} steps"
    return text


def _weights(result):
    """Says what weights an evaluation is of."""
    if result.get("ensemble"):
        return f"ensemble of {result['ensemble']} checkpoints, the best"
    return f"{result['checkpoint']} checkpoint,"


def _spread(spread):
    """Writes how much a task's accuracy depends on its classes' numbers."""
    mean, lowest, highest = (
        _number(spread[key], 2, 100, " %")
        for key in ("mean", "lowest", "highest")
    )
    return (
        f"Of {spread['numberings']} numberings of a task's classes, after the"
        f" last step: mean {mean}, lowest {lowest}, highest {highest}, means"
        " over tasks"
    )


def _within(within):
    """Writes the accuracy of each superclass, and their mean."""
    rows = [["superclass", "tasks", "accuracy", "± 95 %"]]
    for name, found in within["superclasses"].items():
        accuracy = _number(found["mean"], 2, 100, " %")
        ci95 = _number(found["ci95"], 2, 100)
        rows.append([name, str(found["tasks"]), accuracy, ci95])
    mean, ci95 = (_number(within[key], 2, 100) for key in ("mean", "ci95"))
    return (
        f"{columns(rows)}\n\nMean over {len(within['superclasses'])}"
        f" superclasses, after the last step: {mean} ± {ci95} %"
    )


def counted(number: int, noun: str) -> str:
    """Returns "1 step", "2 steps" and so on, for the noun "step".

    Args:
        number: How many.
        noun: The noun in the singular; its plural ends in s.
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def queries(number: int) -> str:
    """Returns "1 query", "2 queries" and so on."""
    return "1 query" if number == 1 else f"{number} queries"


def gradient_steps(number: int) -> str:
    """Returns "1 gradient step", "3 gradient steps" and so on."""
    return counted(number, "gradient step")


def columns(rows: list[list[str]]) -> str:
    """Aligns rows of strings at the right, with a rule below the first.

    Args:
        rows: Lists of strings of one length.

    Returns:
        A string.
    """
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths))
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])


def sinusoid(results: list[dict], steps: Sequence[int]) -> str:
    """Writes mean squared errors on sinusoids, a row an algorithm and shot.

    Args:
        results: List of dicts as in `evaluation_<split>.json`.
        steps: The inner steps to show.

    Returns:
        A string.
    """
    rows = [["K", "algorithm", *(_after(step) for step in steps), "published"]]
    for result in results:
        by_step = {step["step"]: step for step in result["steps"]}
        errors = (
            published.sinusoid_error(result["algorithm"], result["shot"], step)
            for step in steps
        )
        paper = " / ".join(str(value) for value in errors if value)
        rows.append(
            [
                str(result["shot"]),
                result["algorithm"],
                *(
                    f"{_number(by_step[step]['mse'])} ±"
                    f" {_number(by_step[step]['ci95'])}"
                    for step in steps
                ),
                paper or "-",
            ]
        )
    first = results[0]
    return (
        "Mean squared error on unseen sine waves, by inner gradient steps,"
        " ± 95 %\n"
        f"({first['num_tasks']} tasks, {first['query']} query points each, seed"
        f" {first['seed']}, no batch norm; published: Finn et al. 2017, after"
        " 1 / 5 / 10 steps)\n\n" + columns(rows)
    )


def returns(results: list[dict]) -> str:
    """Writes mean returns of policies by inner step, a row a training.

    Published returns of its algorithm, if there are any, are in a row below.

    Args:
        results: List of dicts as in `evaluation_<split>.json`, of one
            environment.

    Returns:
        A string.
    """
    title, differences = title_and_own(map(return_setting, results))
    steps = range(max(len(result["steps"]) for result in results))
    rows = [["algorithm", "iteration", *map(_after, steps)]]
    for result, texts in zip(results, differences):
        cells = [
            f"{_number(step['return'], 2)} ± {_number(step['ci95'], 2)}"
            for step in result["steps"]
        ]
        rows.append(
            [
                ", ".join([result["algorithm"], *texts]),
                f"{result['iteration']} ({result['checkpoint']})",
                *cells,
                *["-"] * (len(steps) - len(cells)),
            ]
        )
        paper = published_returns(result)
        if paper:
            values = (paper.get(step) for step in steps)
            rows.append(["published", ""] + [_or_dash(v) for v in values])
    text = (
        f"Mean return, by inner gradient steps, ± 95 %\n{title}\n\n"
        f"{columns(rows)}"
    )
    if references := results[0].get("references"):
        known = (f"{n} {_number(v, 2)}" for n, v in references.items())
        text += f"\n\nexpected returns in these tasks: {', '.join(known)}"
    if any(map(published_returns, results)):
        source = published.returns_source(results[0]["environment"])
        text += f"\n\npublished: {source}"
    return text


def published_returns(result: dict) -> dict[int, float]:
    """Returns `published.returns` of an evaluation's setting.

    Args:
        result: The dict in `evaluation_<split>.json`.
    """
    return published.returns(
        *(result[n] for n in ("environment", "algorithm", "horizon", "form"))
    )


def return_setting(result: dict) -> dict[str, str]:
    """Describes the setting of mean returns, for `title_and_own`.

    Args:
        result: The dict in `evaluation_<split>.json`, or the part of it that
            describes the setting.

    Returns:
        A dict of texts.
    """
    form = f" ({result['form']} form)" if result["form"] else ""
    size = f"{result['size']}, " if result.get("size") else ""
    greedy = ", most probable actions" if result.get("greedy") else ""
    return {
        "dataset": f"{result['environment']}{form}, {result['split']}",
        "task": f"{size}horizon {result['horizon']}",
        "tasks": f"{result['num_tasks']} tasks",
        "rollouts": f"{counted(result['rollouts'], 'rollout')} a step{greedy}",
        "seed": f"seed {result['seed']}",
        "rates": f"α {result['inner_learning_rate']:g}, then"
        f" {result['later_inner_learning_rate']:g}",
    }


def title_and_own(
    settings: Iterable[dict[str, str]],
) -> tuple[str, list[list[str]]]:
    """Separates the texts that all settings share from those that differ.

    Args:
        settings: Dicts of texts, of the same keys; `dataset` and `task` have
            their own line in the title.

    Returns:
        `(title, own)`: the common texts, on two lines, and for each setting a
        list of its other ones.
    """
    settings = list(settings)
    shared = {
        name: text
        for name, text in settings[0].items()
        if all(other[name] == text for other in settings)
    }
    first = [shared[n] for n in ("dataset", "task") if n in shared]
    second = [s for n, s in shared.items() if n not in ("dataset", "task")]
    title = "\n".join(", ".join(line) for line in (first, second) if line)
    return title, [
        [text for name, text in setting.items() if name not in shared]
        for setting in settings
    ]


def _or_dash(value):
    return "-" if value is None else f"{value:g}"


def _number(value, decimals=3, scale=1, unit=""):
    """Returns the number as text; "-" for None, an unknown or infinite one."""
    return "-" if value is None else f"{scale * value:.{decimals}f}{unit}"


def _decimals(values):
    """Returns the decimals that show the largest value to four digits."""
    largest = max((abs(value) for value in values if value), default=1.0)
    return max(0, 3 - math.floor(math.log10(largest)))


def _after(step):
    return "before" if step == 0 else counted(step, "step")
