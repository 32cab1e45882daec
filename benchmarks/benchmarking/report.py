"""The benchmark's results as text."""

from collections.abc import Sequence
from typing import Any

from benchmarking.measurement import PEERS


def header(result: dict[str, Any]) -> str:
    """Describes the machine, the versions and the settings.

    Args:
        result: The dict that the JSON file holds.
    """
    machine, versions = result["machine"], result["versions"]
    gpu = f", {machine['gpu']}" if machine["gpu"] else ""
    listed = ", ".join(f"{name} {v}" for name, v in versions.items())
    return (
        f"{machine['cpu']}, {machine['cores']} cores{gpu}\n"
        f"Python {machine['python']}, {listed}\n"
        f"{machine['platform']}\n"
        f"{result['date']}, seed {result['seed']}, at most"
        f" {result['repetitions']} repetitions"
    )


def workload(result: dict[str, Any]) -> str:
    """Writes the table of one workload.

    Args:
        result: The dict that `Benchmark.measure` returns.
    """
    steps = result["inner_steps"]
    title = (
        f"{result['name']}: {result['tasks']} tasks, {result['support']}"
        f" support and {result['query']} query examples, {steps} inner"
        f" step{'s' * (steps > 1)};"
        f" {_number(result['gflop_per_update'])} GFLOP a meta-update;"
        f" GEMM {_number(result['gemm_gflops'])} GFLOP/s"
    )
    rows = [
        [
            "",
            "median ms",
            "min ms",
            "tasks/s",
            "GFLOP/s",
            "% of GEMM",
            "first step s",
            "peak MB",
            "gradient differs by",
            "ours is × faster",
        ]
    ]
    ours, *_ = result["implementations"]
    for line in result["implementations"]:
        differs, times_ours = line["gradient_differs_by"], line["times_ours"]
        rows.append(
            [
                line["name"] + " *" * line["best_of_peer"],
                _number(line["median_ms"]),
                _number(line["min_ms"]),
                _number(line["tasks_per_second"]),
                _number(line["gflops"]),
                _number(line["percent_of_gemm"]),
                _number(line["first_step_seconds"]),
                f"{line['peak_memory_mb']:.0f}" + _gpu(line),
                "-" if differs is None or line is ours else f"{differs:.0e}",
                "-" if line is ours else f"{times_ours:.2f}",
            ]
        )
    return f"{title}\n\n{columns(rows)}"


def summary(workloads: Sequence[dict[str, Any]]) -> str:
    """Compares ours with the best of each peer, a row for each workload.

    Args:
        workloads: Dicts that `Benchmark.measure` returned.
    """
    heads = ["workload", "ours ms"]
    for name in PEERS:
        heads += [f"{name} ms", "× ours"]
    rows = [[*heads, "% of GEMM"]]
    for result in workloads:
        rivals = comparison(result)
        ours = result["implementations"][0]
        row = [result["name"], _number(ours["median_ms"])]
        for name in PEERS:
            rival = rivals.get(name)
            row += (
                [_number(rival), f"{rival / ours['median_ms']:.2f}"]
                if rival
                else ["-", "-"]
            )
        rows.append([*row, _number(ours["percent_of_gemm"])])
    return (
        "Milliseconds a meta-update, medians; of each peer the faster"
        " implementation (*)\n\n"
        f"{columns(rows)}"
    )


def comparison(result: dict[str, Any]) -> dict[str, float]:
    """Returns milliseconds of the best of each peer.

    Args:
        result: The dict that `Benchmark.measure` returns.

    Returns:
        A dict by name, without those that were not measured.
    """
    return {
        line["framework"]: line["median_ms"]
        for line in result["implementations"]
        if line["best_of_peer"]
    }


def _gpu(line):
    in_gpu = line["gpu_memory_mb"]
    return "" if in_gpu is None else f" + GPU {in_gpu:.0f}"


def _number(value):
    """Writes a number with three digits at least; "-" if it is unknown."""
    if value is None:
        return "-"
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{decimals}f}" if value >= 0.1 else f"{value:.2g}"


def columns(rows):
    """Aligns rows of strings, the names to the left, under a head and a rule.

    `maml_tf.reports.tables.columns` would import TensorFlow.

    Args:
        rows: Lists of strings, the head first.

    Returns:
        A string of several lines.
    """
    widths = [max(map(len, column)) for column in zip(*rows)]
    first, *others = widths
    lines = [
        "  ".join(
            [
                row[0].ljust(first),
                *(cell.rjust(width) for cell, width in zip(row[1:], others)),
            ]
        )
        for row in rows
    ]
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([lines[0], rule, *lines[1:]])
