"""The README of a SavedModel: its signatures and how to call them."""

import os

import tensorflow as tf

from maml_tf.functional.layers import has_batch_norm
from maml_tf.learner.learner import Learner
from maml_tf.serving.servable import Servable


def document(
    learner: Learner,
    servable: Servable,
    signatures: dict,
    steps: int,
    folder: str | os.PathLike,
) -> str:
    """Describes a SavedModel for its users, as Markdown.

    Args:
        learner: The `maml_tf.Learner`.
        servable: The learner's `Servable`.
        signatures: Dict of name to concrete function.
        steps: Inner steps of a request that does not say.
        folder: The SavedModel's folder.

    Returns:
        A string.
    """
    result = "probabilities" if servable.classifies else "values"
    lines = [
        "# A model that adapts to the examples of a request",
        "",
        f"{_kind(learner)}, {steps} inner steps unless a"
        " request says otherwise. It needs TensorFlow alone.",
        "",
        "```python",
        f"model = tf.saved_model.load({str(folder)!r})",
        'adapt_and_predict = model.signatures["adapt_and_predict"]',
        "adapt_and_predict(",
        "    support_x=support_x, support_y=support_y, query_x=query_x",
        f')["{result}"]',
        "```",
        "",
        "Inputs are tensors (`tf.constant`) of these types:",
        "",
        "```",
        _table(signatures, _meanings(servable)),
        "```",
        "",
    ]
    if _raw(servable) == "images":
        lines += [
            "Images are 0 to 255. All of one tensor have the same size, which"
            " may be any.",
            "",
        ]
    if servable.classifies:
        lines += [
            f"2 to {servable.outputs} classes; as many as the largest label"
            " says, and an example of each.",
            "",
        ]
    if has_batch_norm(servable.loop.model):
        lines += [_QUERIES[servable.loop.batch_norm], ""]
    lines += [
        f"- {name}: {value}"
        for name, value in learner.about.items()
        if value is not None
    ]
    return "\n".join(lines).rstrip() + "\n"


def _kind(learner):
    name = type(learner.algorithm).__name__
    number = len(learner.members)
    return f"{name}, an ensemble of {number}" if number else name


# By batch-norm mode: how the queries of a request depend on each other.
_QUERIES = {
    "transductive": (
        "Queries of `adapt_and_predict` are normalised by their own statistics,"
        " all of a\nrequest together, as in training: send those of a task at"
        " once. The\nprediction of `predict_adapted` for a query depends on the"
        " support set alone."
    ),
    "inductive": (
        "The prediction for a query depends on the support set alone, not on"
        " other queries."
    ),
    "moving": "The prediction for a query does not depend on other queries.",
}


def _table(signatures, meanings):
    """Lists each signature with its inputs and outputs, as aligned text."""
    blocks = []
    for name, function in signatures.items():
        _, inputs = function.structured_input_signature
        outputs = function.structured_outputs
        rows = [
            (f"{mark} {key}", _form(specs[key]), meaning)
            for mark, specs in (("  ", inputs), ("->", outputs))
            for key, meaning in meanings.items()
            if key in specs
        ]
        blocks.append(
            "\n".join(
                [
                    name,
                    *(f"  {key:<16} {form:<27} {m}" for key, form, m in rows),
                ]
            )
        )
    return "\n\n".join(blocks)


def _form(spec):
    sizes = ", ".join("any" if n is None else str(n) for n in spec.shape)
    return f"{spec.dtype.name} [{sizes}]" if sizes else spec.dtype.name


def _meanings(servable):
    """Returns the meaning of each input and output, in the table's order."""
    raw = _raw(servable)
    return {
        "x": raw,
        "support_x": f"the task's {raw}",
        "support_y": (
            "their classes, from 0"
            if servable.classifies
            else "their values, in their own units"
        ),
        "steps": "inner gradient steps",
        "weights": "to be kept: the adapted weights",
        "num_classes": "to be kept",
        "query_x": f"{raw} to predict",
        "probabilities": "by query and class",
        "values": "by query, in their own units",
    }


def _raw(servable):
    if servable.input.dtype == tf.string:
        return "texts"
    if servable.input.dtype == tf.uint8 and len(servable.input.shape) == 4:
        return "images"
    return "examples"
