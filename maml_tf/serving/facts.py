"""Facts about a SavedModel that its signatures cannot tell, as a JSON file.

    {"steps": 3, "classes": {"least": 2, "most": 50},
     "pictures": {"height": 28, "width": 28, "fit": "pad",
                  "interpolation": "bilinear", "ink": true}}

`classes` is null if the model predicts values, `pictures` if it does not take
pictures of any size.
"""

import json
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from maml_tf.errors import InputError
from maml_tf.files import read_json
from maml_tf.learner.learner import Learner
from maml_tf.serving.servable import Servable

# TensorFlow Serving allows a SavedModel's documents in this folder.
FILE = pathlib.Path("assets.extra", "maml_tf.json")


def write(
    learner: Learner, servable: Servable, steps: int, folder: pathlib.Path
) -> None:
    """Writes the facts of a SavedModel.

    Args:
        learner: The `maml_tf.Learner`.
        servable: The learner's `Servable`.
        steps: Inner steps of a request that does not say.
        folder: The SavedModel's folder.
    """
    classes = {"least": 2, "most": servable.outputs}
    facts = {
        "steps": steps,
        "classes": classes if servable.classifies else None,
        "pictures": _pictures(learner),
    }
    (folder / FILE).write_text(json.dumps(facts) + "\n", encoding="utf-8")


def read(folder: pathlib.Path) -> dict[str, Any]:
    """Returns the facts of a SavedModel; of one without the file, none.

    Args:
        folder: The SavedModel's folder.

    Raises:
        InputError: The file is not one that `write` wrote.
    """
    path = folder / FILE
    facts = read_json(path, "model") if path.exists() else {}
    if not isinstance(facts, dict):
        raise InputError(f"model: {path} holds no JSON object.")
    return {name: facts.get(name) for name in ("steps", "classes", "pictures")}


def _pictures(learner):
    """Tells how raw pictures are brought to the network's size."""
    raw, preparation = learner.raw_input, learner.preparation
    if raw.dtype != "uint8" or len(raw.shape) != 4 or preparation is None:
        return None
    # The operation of `keras.ops.image.resize`, of which there is one.
    resizing = [
        operation
        for operation in getattr(preparation, "operations", ())
        if type(operation).__name__ == "Resize"
    ]
    if len(resizing) != 1 or raw.shape[1:3] != (None, None):
        return None
    (resize,) = resizing
    fit = "stretch"
    if resize.crop_to_aspect_ratio:
        fit = "crop"
    elif resize.pad_to_aspect_ratio:
        fit = "pad"
    height, width = resize.size
    return {
        "height": height,
        "width": width,
        "fit": fit,
        "interpolation": resize.interpolation,
        "ink": _is_ink(preparation, (1, height, width, raw.shape[-1])),
    }


def _is_ink(preparation, shape):
    """Returns whether black becomes a larger number than white."""
    white = preparation(tf.fill(shape, tf.constant(255, tf.uint8)))
    black = preparation(tf.zeros(shape, tf.uint8))
    return bool(np.mean(black) > np.mean(white))
