"""The kinds of models: for pictures, points, texts or something else."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from maml_tf.serving.http.limits import Limits
from maml_tf.serving.http.pictures import takes_pictures

PICTURES, POINTS, TEXTS, OTHER = "pictures", "points", "texts", "other"
_ADAPTS = "adapt_and_predict"


def describe(
    name: str,
    inputs: Mapping[str, Mapping[str, tf.TensorSpec]],
    outputs: Mapping[str, list[str]],
    facts: Mapping[str, Any],
    limits: Limits,
) -> dict[str, Any]:
    """Describes a model for those who want to show it.

    Args:
        name: Its name in requests.
        inputs: Types and shapes by signature and input.
        outputs: Names of outputs by signature.
        facts: As `maml_tf.serving.facts.read` returned them.
        limits: The server's limits.

    Returns:
        A JSON object: name, kind, classes, steps, input, channels, ink,
        outputs, limits.
    """
    taken = inputs.get(_ADAPTS, {})
    raw = taken.get("support_x")
    kind = _kind(raw, taken.get("support_y"))
    pictures = facts["pictures"] or {}
    classes = facts["classes"]
    if classes:
        most = min(classes["most"], limits.max_classes)
        classes = {"least": classes["least"], "most": most}
    given = outputs.get(_ADAPTS, [])
    return {
        "name": name,
        "kind": kind,
        "classes": classes,
        "steps": facts["steps"],
        "input": _form(raw),
        "channels": raw.shape[-1] if kind == PICTURES else None,
        "ink": pictures.get("ink") if kind == PICTURES else None,
        "outputs": given[0] if len(given) == 1 else None,
        "limits": {
            "examples": limits.max_examples,
            "classes": limits.max_classes,
            "pixels": limits.max_pixels,
            "steps": limits.max_steps,
        },
    }


def _kind(raw, labels):
    if raw is None or labels is None:
        return OTHER
    if takes_pictures(raw):
        return PICTURES
    if raw.dtype == tf.string:
        return TEXTS
    numbers = raw.dtype.is_floating and labels.dtype.is_floating
    if numbers and raw.shape.as_list() == labels.shape.as_list() == [None, 1]:
        return POINTS
    return OTHER


def _form(spec):
    if spec is None:
        return None
    shape = [-1 if size is None else size for size in spec.shape]
    return {"dtype": spec.dtype.name, "shape": shape}
