"""Tables of results, each figure with what it takes to believe it."""

from maml_tf import published


def adaptation(result):
    """An evaluation as text: one row an inner step.

    Args:
        result: the dict that `evaluation_<split>.json` holds.
    """
    is_accuracy = "accuracy" in result["steps"][0]
    task = f"{result['way']}-way " if is_accuracy else ""
    title = (
        f"{result['dataset']}, {result['split']}: {result['algorithm']},"
        f" {result['network']}, {task}{result['shot']}-shot,"
        f" {result['query']} queries{' per class' if is_accuracy else ''}\n"
        f"{result['num_tasks']} tasks, seed {result['seed']}, batch norm"
        f" {result['batch_norm']}, {result['checkpoint']} checkpoint, of"
        f" iteration {result['iteration']}"
    )
    rows = [["step", "accuracy" if is_accuracy else "mse", "± 95 %", "loss"]]
    for step in result["steps"]:
        if is_accuracy:
            value, decimals, unit = 100 * step["accuracy"], 2, " %"
        else:
            value, decimals, unit = step["mse"], 3, ""
        ci95 = step["ci95"]
        if ci95 is not None:
            ci95 = f"{100 * ci95 if is_accuracy else ci95:.{decimals}f}"
        rows.append(
            [
                str(step["step"]),
                f"{value:.{decimals}f}{unit}",
                ci95 or "-",
                f"{step['loss']:.4f}",
            ]
        )
    text = f"{title}\n\n{columns(rows)}"
    if is_accuracy:
        paper = published.accuracy(
            *(
                result[name]
                for name in ("dataset", "network", "algorithm", "way", "shot")
            )
        )
        if paper:
            text += f"\n\nPublished, trained to the end: {paper}"
    else:
        paper = ", ".join(
            f"{value} after {step['step']}"
            for step in result["steps"]
            if (
                value := published.sinusoid_error(
                    result["algorithm"], result["shot"], step["step"]
                )
            )
        )
        if paper:
            text += f"\n\nPublished (Finn et al. 2017): {paper} steps"
    return text


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
        results: list of dicts as `evaluation_<split>.json` holds them.
        steps: the inner steps to show.
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
                    f"{by_step[step]['mse']:.3f} ± {by_step[step]['ci95']:.3f}"
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


def _after(step):
    return "before" if step == 0 else f"{step} step{'s' * (step > 1)}"
