"""A learner as TensorFlow Lite files, one for each signature.

Among `maml_tf.export`'s signatures, `serving_default` and `predict_adapted`
become TensorFlow Lite's own operations (tried with TensorFlow 2.21: conv4, mlp,
text_cnn), and give the same results as the SavedModel. `adapt` and
`adapt_and_predict` need derivatives, which TensorFlow Lite does not have: these
are TensorFlow's operations within the file, run by the Flex delegate
(tensorflow-lite-select-tf-ops on Android). The interpreter in TensorFlow's
Python package does not have it, so these two are converted and not tried.

Preparation stays outside: TensorFlow Lite has no antialiased resizing. Inputs
are the network's, as `Learner.prepare` makes them, ids of words as int32.
Windows of series that are standardised by themselves are raw, because the units
of the answer are theirs.

A prototypical network also becomes `encoder.tflite`, unless it is an ensemble;
see `maml_tf.serving.encoder`.
"""

import copy
import os
import pathlib
import tempfile
from typing import Any

import tensorflow as tf

from maml_tf.files import replacing
from maml_tf.learner.learner import Learner
from maml_tf.serving.encoder import predicts_by_means, write_encoder
from maml_tf.serving.saved_model import export

BUILT_IN = "TensorFlow Lite's own operations"
ENCODER = "encoder.tflite"
FLEX = "needs the Flex delegate (SELECT_TF_OPS)"


def convert(
    learner: Learner, folder: str | os.PathLike, **options: Any
) -> dict[str, str]:
    """Writes `<signature>.tflite` for each signature that converts.

    Args:
        learner: A `maml_tf.Learner`.
        folder: Folder of the files; made if missing.
        **options: Options of `maml_tf.export`.

    Returns:
        Dict of signature to the operations that its file needs, `BUILT_IN` or
        `FLEX`, or to the reason why there is no file.

    Raises:
        InputError: An argument cannot be used.
    """
    unprepared = copy.copy(learner)
    if learner.scaling != "window":
        unprepared.preparation = None
    needs = {}
    with tempfile.TemporaryDirectory() as temporary:
        saved = export(unprepared, pathlib.Path(temporary, "model"), **options)
        for name in (
            "serving_default",
            "predict_adapted",
            "adapt",
            "adapt_and_predict",
        ):
            content, needs[name] = _converted(saved, name)
            if content:
                path = pathlib.Path(folder, f"{name}.tflite")
                with replacing(path) as partial:
                    partial.write_bytes(content)
    if predicts_by_means(learner) and learner.members:
        needs["encoder"] = "no file: an ensemble has an encoder a member"
    elif predicts_by_means(learner):
        encoder = write_encoder(learner, pathlib.Path(folder, ENCODER))
        needs["encoder"] = f"{BUILT_IN}; distances times {encoder.scale:g}"
    return needs


def _converted(saved, signature):
    """Returns the file's bytes and its needs, or None and the reason."""
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(saved), signature_keys=[signature]
    )
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    try:
        content = converter.convert()
    except Exception as error:  # It raises many kinds, with pages of text.
        reason = str(error).strip().splitlines()[0][:200]
        return None, f"does not convert: {reason}"
    # TensorFlow's operations have names in the file that begin with Flex.
    return content, FLEX if b"\0\0\0Flex" in content else BUILT_IN
