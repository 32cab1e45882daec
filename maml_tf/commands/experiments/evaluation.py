"""The evaluation of a supervised training, made from its flags."""

import pathlib
from typing import Any

from absl import flags

from maml_tf.commands.experiments import supervised, training_run
from maml_tf.errors import refusal
from maml_tf.evaluation.by_superclass import by_superclass
from maml_tf.evaluation.intervals import interval
from maml_tf.evaluation.naive import naive_metrics
from maml_tf.evaluation.numberings import numbered
from maml_tf.learner.members import averaged
from maml_tf.training.metrics_log import finite


def evaluate(
    workdir: str | pathlib.Path,
    flag_values: flags.FlagValues,
    *,
    split: str = "test",
    num_tasks: int = 600,
    inner_steps: int | None = None,
    way: int | None = None,
    numberings: int = 1,
    ensemble: int | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Meta-tests the model of a training.

    Args:
        workdir: Folder of the training.
        flag_values: Its flags, read by `recorded`; shot, query, seed and
            batch-norm mode may have been changed.
        split: Split that classes are drawn from.
        num_tasks: Tasks to adapt to.
        inner_steps: Gradient steps; None: as in validation.
        way: Classes in a task; None: as in the training.
        numberings: Ways to number each task's classes, 1 or more; see
            `maml_tf.evaluation.numberings`.
        ensemble: Members of the training's ensemble to average, the best first;
            None: all.
        progress: Whether to show a progress bar, on a terminal.

    Returns:
        The dict that `evaluation_<split>.json` holds.
    """
    f = flag_values
    built = supervised.Experiment(f, workdir)
    iteration, checkpoint = built.restore(workdir, ensemble)
    way = f.way if way is None else way
    episodes = built.dataset.episodes(split, way, f.shot, f.query, f.seed)
    members = built.learner.members
    name = built.dataset.metric_name
    if numberings > 1 and name != "accuracy":
        raise refusal(
            "numberings", numberings, "targets of this data set are not classes"
        )
    steps = built.test_inner_steps if inner_steps is None else inner_steps
    algorithm = averaged(built.learner, built.adapting(way))
    curve, spread = numbered(
        algorithm,
        episodes,
        way=way,
        numberings=numberings,
        num_tasks=num_tasks,
        steps=steps,
        seed=f.seed,
        progress=progress,
    )
    return {
        "dataset": f.dataset,
        "split": split,
        "algorithm": f.algorithm,
        "network": f.network,
        "classes_within": f.classes_within,
        "way": way if name == "accuracy" else None,
        "shot": f.shot,
        "query": f.query,
        "num_tasks": num_tasks,
        "seed": f.seed,
        "batch_norm": f.batch_norm,
        "inner_learning_rate": f.inner_learning_rate,
        "iteration": iteration,
        "checkpoint": checkpoint,
        **({"ensemble": len(members)} if members else {}),
        "naive": _naive(built.dataset, episodes, num_tasks),
        **_within(
            built.dataset.superclass_of,
            (split, way, f.shot, f.query, f.seed),
            curve.metrics[:, -1],
        ),
        "steps": training_run.evaluated_steps(
            **{name: curve.metric, "ci95": curve.ci95, "loss": curve.loss}
        ),
        **({"numberings": spread} if spread else {}),
    }


def _within(superclass_of, drawn, accuracies):
    """Returns accuracies by superclass; nothing if classes are from several."""
    if superclass_of is None:
        return {}
    found = by_superclass(superclass_of(*drawn), accuracies)
    for values in (found, *found["superclasses"].values()):
        values["ci95"] = finite(values["ci95"])
    return {"within": found}


def _naive(dataset, episodes, num_tasks):
    """Returns the metric of the naive forecast, or None."""
    if dataset.naive is None:
        return None
    values = naive_metrics(dataset.naive, episodes, num_tasks)
    means = {dataset.metric_name: values.mean(), "ci95": interval(values)}
    return {name: finite(float(value)) for name, value in means.items()}
