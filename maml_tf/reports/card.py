"""A model's card: its training, its results, and uses that are not allowed.

(Mitchell et al. 2019, "Model cards for model reporting".)
"""

from collections.abc import Iterable
from typing import Any

from maml_tf.functional.layers import has_batch_norm
from maml_tf.reports import tables

FILE_NAME = "card.md"

# Words on the classes of the tasks that a figure is over.
_WITHIN = {
    "superclass": ", each of one superclass",
    "either": ", half of them of one superclass each",
}


def card(
    name: str,
    learner: Any,
    results: Iterable[dict],
    *,
    description: str,
    not_for: str,
    data_licence: str,
    commit: str,
) -> str:
    """Writes the card as Markdown.

    Args:
        name: The model's name.
        learner: A `maml_tf.Learner`.
        results: Evaluations of it, dicts as in `evaluation_<split>.json`.
        description: The model's purpose, a sentence.
        not_for: Uses that are not allowed, as Markdown.
        data_licence: Licence of the data that it was trained on.
        commit: Commit of the code that trained it.

    Returns:
        A string.
    """
    about = learner.about
    trained = {
        "data": f"{about['dataset']} ({data_licence})",
        "network": f"{about['network']}, {learner.model.count_params():,}"
        " weights",
        "task": _task(about),
        "algorithm": _algorithm(learner),
        "trained": f"{about['iteration']:,} of {about['iterations']:,}"
        f" iterations, {_checkpoints(learner)}; all flags are in"
        " `experiment.flags`",
        "seed": about["seed"],
        "commit": commit,
    }
    lines = [f"# {name}", "", description, "", "| | |", "| --- | --- |"]
    lines += [f"| {key} | {value} |" for key, value in trained.items()]
    lines += ["", "## How good it is", ""]
    normalises = has_batch_norm(learner.model)
    takes_steps = _takes_steps(learner)
    lines += [
        f"- {_figure(result, normalises, takes_steps)}" for result in results
    ]
    lines += ["", "## What it must not be used for", "", not_for, ""]
    return "\n".join(lines)


def _task(about):
    way = f"{about['way']}-way " if about["way"] else ""
    return f"{way}{about['shot']}-shot"


def _checkpoints(learner):
    number = len(learner.members)
    if number:
        return f"the best {number} checkpoints, whose predictions are averaged"
    return f"the {learner.about['checkpoint']} checkpoint"


def _takes_steps(learner):
    algorithm = learner.algorithm
    return algorithm.has_inner_loop and any(algorithm.inner_loop.adapted)


def _algorithm(learner):
    if not _takes_steps(learner):
        return f"{learner.name}, without gradient steps to adapt"
    steps = learner.steps
    rate = learner.algorithm.inner_loop.optimizer.learning_rate
    return (
        f"{learner.name}, inner learning rate {rate},"
        f" {tables.counted(steps, 'inner step')} to adapt"
    )


def _figure(result, normalises, takes_steps):
    """Writes a result in one sentence, with the setting it was measured in."""
    last = result["steps"][-1]
    metric = tables.metric_name(last)
    is_accuracy = metric == "accuracy"
    value, before, ci95 = (
        number * (100 if is_accuracy else 1)
        for number in (last[metric], result["steps"][0][metric], last["ci95"])
    )
    digits = 2 if is_accuracy else 3
    unit = " %" if is_accuracy else ""
    plural = "query" if result["query"] == 1 else "queries"
    each = " a class" if is_accuracy else ""
    mode = f"batch norm {result['batch_norm']}"
    way = f"{result['way']}-way " if result["way"] else ""
    within = _WITHIN.get(result.get("classes_within"), "")
    steps = ""
    if takes_steps:
        steps = f" after {last['step']} steps, {before:.{digits}f}{unit} before"
    tasks = f"{result['num_tasks']} {way}{result['shot']}-shot tasks"
    return (
        f"{metric} {value:.{digits}f} ± {ci95:.{digits}f}{unit}{steps}: mean"
        f" and 95 % interval over {tasks} of the {result['split']}"
        f" split{within}, {result['query']} {plural}{each}, seed"
        f" {result['seed']}, {mode if normalises else 'no batch norm'}"
    )
