"""A learner as a SavedModel: the server itself adapts to a request's examples.

    maml_tf.export(learner, "omniglot")

    model = tf.saved_model.load("omniglot")
    model.signatures["adapt_and_predict"](
        support_x=..., support_y=..., query_x=...
    )["probabilities"]

The SavedModel needs TensorFlow, but not `maml_tf`.
"""

import contextlib
import os
import pathlib

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from maml_tf.errors import InputError, check_at_least_one, refusal
from maml_tf.files import partial_folder
from maml_tf.learner.learner import Learner
from maml_tf.serving import facts
from maml_tf.serving.document import document
from maml_tf.serving.servable import Servable

# TensorFlow Serving allows a SavedModel's documents in this folder.
README = pathlib.Path("assets.extra", "README.md")


def export(
    learner: Learner,
    folder: str | os.PathLike,
    *,
    batch_norm: str | None = None,
    max_classes: int = 50,
    steps: int | None = None,
) -> pathlib.Path:
    """Writes a learner as a SavedModel.

    All its signatures except the last adapt the model to a request's own
    examples, in the graph:

    - `adapt_and_predict(support_x, support_y, query_x)`;
    - `adapt_and_predict_with_steps`, the same with `steps`;
    - `adapt(support_x, support_y)`: the weights to keep for a user, for
      `predict_adapted(weights, num_classes, query_x)`;
    - `adapt_with_steps`, the same with `steps`;
    - `serving_default(x)`: the model as it is, not adapted.

    Steps have signatures of their own because a model that
    `tf.saved_model.load` returns does not know defaults of a signature's
    arguments.

    Inputs are raw, as in `learner.raw_input`: uint8 images of any one size,
    strings, numbers. `support_y` holds class numbers from 0, int32
    `[examples]`, and the largest of them tells the number of classes; or values
    in their own units, `[examples, targets]`. There may be any number of
    examples. A request that cannot be used is refused with a sentence.
    `assets.extra/README.md` in the folder tells the same, and
    `assets.extra/maml_tf.json` what signatures cannot say, for `maml-tf serve`.

    Args:
        learner: A `maml_tf.Learner`.
        folder: The folder to make; refused if it holds anything.
        batch_norm: The statistics that normalise the queries of
            `adapt_and_predict`. `"transductive"`: their own, all queries of a
            request together; `"inductive"`: the support set's, for a server
            that gets one query at a time; `"moving"`. None: as in the
            training, which gives the accuracy of `maml-tf evaluate`.
            `predict_adapted` always uses the support set's.
        max_classes: Most classes of a request. There are at least as many as
            in training, and exactly as many if the network cannot be given
            another head, and with BOIL.
        steps: Inner gradient steps; None: the learner's.

    Returns:
        The folder, a `pathlib.Path`.

    Raises:
        InputError: An argument cannot be used.
    """
    steps = learner.steps if steps is None else steps
    if steps < 0:
        raise refusal("steps", steps, "it must be 0 or more")
    check_at_least_one(max_classes=max_classes)
    with _new_folder(folder) as partial:
        servable = Servable(learner, batch_norm, max_classes)
        signatures = servable.signatures(steps)
        tf.saved_model.save(
            servable,
            str(partial),
            signatures,
            # Served models are never differentiated.
            tf.saved_model.SaveOptions(experimental_custom_gradients=False),
        )
        _forget_gradients(partial)
        (partial / README).parent.mkdir()
        (partial / README).write_text(
            document(learner, servable, signatures, steps, folder),
            encoding="utf-8",
        )
        facts.write(learner, servable, steps, partial)
    return pathlib.Path(folder)


# TensorFlow's errors of a full or damaged disk.
_CANNOT_WRITE = (
    tf.errors.DataLossError,
    tf.errors.FailedPreconditionError,
    tf.errors.PermissionDeniedError,
    tf.errors.ResourceExhaustedError,
    tf.errors.UnknownError,
)


@contextlib.contextmanager
def _new_folder(folder):
    """Gives a temporary folder to fill, which is renamed at the end."""
    folder = pathlib.Path(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(
            f"output: {str(folder)!r} exists and is not empty; give another"
            " folder."
        )
    try:
        with partial_folder(folder) as partial:
            yield partial
            os.replace(partial, folder)
    except _CANNOT_WRITE as error:
        raise InputError(
            f"output: {str(folder)!r} cannot be written"
            f" ({next(iter(error.message.splitlines()), 'no reason given')})."
        ) from error


def _forget_gradients(saved):
    """Removes the names of derivatives that are not saved.

    TensorFlow would warn about each whenever the model is loaded.
    """
    path = saved / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in model.meta_graphs:
        for function in meta_graph.graph_def.library.function:
            for node in function.node_def:
                node.attr.pop("_gradient_op_type", None)
    path.write_bytes(model.SerializeToString(deterministic=True))
    # The fingerprint still holds the old file's checksum.
    (saved / "fingerprint.pb").unlink(missing_ok=True)
