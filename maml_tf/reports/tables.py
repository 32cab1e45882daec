"""Tables of results, each figure with what it takes to believe it."""

import math

from maml_tf.reports import published

METRICS = ("accuracy", "mse", "mae", "return")

# Data sets that are made rather than measured, which a title must say.
SYNTHETIC = ("demand_series", "glyphs")


def metric_name(record):
    """The metric's name, one of `METRICS`, in a record that has a value of it.

    Args:
        record: Dict, such as a step of an evaluation or a line of the log.
    """
    return next(name for name in METRICS if name in record)


def adaptation(result):
    """An evaluation as text: one row an inner step.

    Args:
        result: The dict that `evaluation_<split>.json` holds.
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
        f" {result['query']} queries{' per class' if is_accuracy else ''}\n"
        f"{result['num_tasks']} tasks, seed {result['seed']}, batch norm"
        f" {result['batch_norm']}, {result['checkpoint']} checkpoint, of"
        f" iteration {result['iteration']}"
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
    if any(step["loss"] is None for step in steps):
        text += (
            "\n\n-: the inner loop diverged on a task. A smaller"
            " --inner_learning_rate, or --inner_clip_norm, keeps it finite."
        )
    if is_accuracy:
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


def gradient_steps(number):
    """Such as "1 gradient step", or "3 gradient steps"."""
    return f"{number} gradient step{'s' * (number != 1)}"


def columns(rows):
    """Rows of strings, right-aligned under the first one and a rule."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths))
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])


def sinusoid(results, steps):
    """Mean squared errors on sinusoids: a row an algorithm and shot.

    Args:
        results: List of dicts as `evaluation_<split>.json` holds them.
        steps: The inner steps to show.
    """
    rows = [["K", "algorithm", *(_after(step) for step in steps), "published"]]
    for result in results:
        by_step = {step["step"]: step for step in result["steps"]}
        paper = (
            published.sinusoid_error(result["algorithm"], result["shot"], step)
            for step in steps
        )
        paper = " / ".join(str(value) for value in paper if value)
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


def returns(results):
    """Mean returns of policies by inner step: a row a training.

    Under it what was published of its algorithm, where something was.

    Args:
        results: List of dicts as `evaluation_<split>.json` holds them, of one
            environment.
    """
    title, own = title_and_own(map(return_setting, results))
    steps = range(max(len(result["steps"]) for result in results))
    rows = [["algorithm", "iteration", *map(_after, steps)]]
    for result, said in zip(results, own):
        cells = [
            f"{_number(step['return'], 2)} ± {_number(step['ci95'], 2)}"
            for step in result["steps"]
        ]
        rows.append(
            [
                ", ".join([result["algorithm"], *said]),
                f"{result['iteration']} ({result['checkpoint']})",
                *cells,
                *["-"] * (len(steps) - len(cells)),
            ]
        )
        paper = published_returns(result)
        if paper:
            known = (paper.get(step) for step in steps)
            rows.append(["published", ""] + [_known(value) for value in known])
    text = (
        f"Mean return, by inner gradient steps, ± 95 %\n{title}\n\n"
        f"{columns(rows)}"
    )
    if any(map(published_returns, results)):
        source = published.returns_source(results[0]["environment"])
        text += f"\n\npublished: {source}"
    return text


def published_returns(result):
    """`published.returns` of what an evaluation is of."""
    return published.returns(
        *(result[n] for n in ("environment", "algorithm", "horizon", "form"))
    )


def return_setting(result):
    """What mean returns are of, in words; for `title_and_own`.

    Args:
        result: The dict that `evaluation_<split>.json` holds, or so much of it.
    """
    form = f" ({result['form']} form)" if result["form"] else ""
    return {
        "dataset": f"{result['environment']}{form}, {result['split']}",
        "task": f"horizon {result['horizon']}",
        "tasks": f"{result['num_tasks']} tasks",
        "rollouts": f"{result['rollouts']} rollouts a step",
        "seed": f"seed {result['seed']}",
        "rates": f"α {result['inner_learning_rate']:g}, then"
        f" {result['later_inner_learning_rate']:g}",
    }


def title_and_own(settings):
    """What all settings have in common, and what tells each one apart.

    Args:
        settings: Dicts of text, of the same keys; `dataset` and `task` have a
            line of the title for themselves.

    Returns:
        `(title, own)`: the common texts, on two lines, and for each setting a
        list of its other ones.
    """
    settings = list(settings)
    shared = {
        name: said
        for name, said in settings[0].items()
        if all(other[name] == said for other in settings)
    }
    first = [shared[n] for n in ("dataset", "task") if n in shared]
    second = [s for n, s in shared.items() if n not in ("dataset", "task")]
    title = "\n".join(", ".join(line) for line in (first, second) if line)
    return title, [
        [said for name, said in setting.items() if name not in shared]
        for setting in settings
    ]


def _known(value):
    return "-" if value is None else f"{value:g}"


def _number(value, decimals=3, scale=1, unit=""):
    """The number as text; "-" for what is not finite or not known."""
    return "-" if value is None else f"{scale * value:.{decimals}f}{unit}"


def _decimals(values):
    """Decimals that show the largest of some values to four digits."""
    largest = max((abs(value) for value in values if value), default=1.0)
    return max(0, 3 - math.floor(math.log10(largest)))


def _after(step):
    return "before" if step == 0 else f"{step} step{'s' * (step > 1)}"
