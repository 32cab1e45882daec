"""A learner as a SavedModel: the server itself adapts to a request's examples.

    maml_tf.export(learner, "omniglot")

    model = tf.saved_model.load("omniglot")
    model.signatures["adapt_and_predict"](
        support_x=..., support_y=..., query_x=...
    )["probabilities"]

What is written needs TensorFlow and none of our code.
"""

import contextlib
import os
import pathlib

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from maml_tf.errors import InputError, check_at_least_one
from maml_tf.files import partial_folder
from maml_tf.learner.learner import Learner
from maml_tf.serving.document import document
from maml_tf.serving.servable import Servable

# Where TensorFlow Serving lets a SavedModel's documents be.
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

    Its signatures, all but the last of which have a request's own examples
    adapt the model, in the graph:

    - `adapt_and_predict(support_x, support_y, query_x)`;
    - `adapt_and_predict_with_steps`, the same with `steps`;
    - `adapt(support_x, support_y)`: what is to be kept of a user, for
      `predict_adapted(weights, num_classes, query_x)`;
    - `adapt_with_steps`, the same with `steps`;
    - `serving_default(x)`: the model as it is, not adapted.

    Steps have signatures of their own because what `tf.saved_model.load`
    returns knows no defaults of a signature's arguments.

    Inputs are raw, as `learner.raw_input` says: uint8 images of any one size,
    strings, numbers. `support_y` holds class numbers from 0, int32
    `[examples]`, the largest of which says how many classes there are; or
    values in their own units, `[examples, targets]`. There may be any number of
    examples. A request that cannot be used is refused with a sentence. The same
    is told in `assets.extra/README.md` there.

    Args:
        learner: a `maml_tf.Learner`.
        folder: where to; made here, and refused if it holds anything.
        batch_norm: whose statistics the queries of `adapt_and_predict` are
            normalised by. `"transductive"`: their own, all queries of a
            request together; `"inductive"`: the support set's, for a server
            that gets one query at a time; `"moving"`. None: as in the
            training, which gives the accuracy of `maml-tf evaluate`.
            `predict_adapted` always uses the support set's.
        max_classes: most classes of a request. There are at least as many as
            in training; and no more where the network cannot be given another
            head, and with BOIL.
        steps: inner gradient steps; None: the learner's.

    Returns:
        The folder, a `pathlib.Path`.

    Raises:
        InputError: an argument that cannot be used.
    """
    steps = learner.steps if steps is None else steps
    if steps < 0:
        raise InputError(f"steps: {steps} was given; it must be 0 or more.")
    check_at_least_one(max_classes=max_classes)
    with _new_folder(folder) as partial:
        servable = Servable(learner, batch_norm, max_classes)
        signatures = servable.signatures(steps)
        tf.saved_model.save(
            servable,
            str(partial),
            signatures,
            # Whoever serves does not differentiate.
            tf.saved_model.SaveOptions(experimental_custom_gradients=False),
        )
        _forget_gradients(partial)
        (partial / README).parent.mkdir()
        (partial / README).write_text(
            document(learner, servable, signatures, steps, folder),
            encoding="utf-8",
        )
    return pathlib.Path(folder)


@contextlib.contextmanager
def _new_folder(folder):
    """Gives a folder to fill, which takes the name at the end."""
    folder = pathlib.Path(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(
            f"output: {str(folder)!r} exists and is not empty; give another"
            " folder."
        )
    with partial_folder(folder) as partial:
        yield partial
        os.replace(partial, folder)


def _forget_gradients(saved):
    """Takes out the names of derivatives that are not there.

    TensorFlow would warn of each, whenever the model is loaded.
    """
    path = saved / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in model.meta_graphs:
        for function in meta_graph.graph_def.library.function:
            for node in function.node_def:
                node.attr.pop("_gradient_op_type", None)
    path.write_bytes(model.SerializeToString(deterministic=True))
    # Which has the sum of the file as it was.
    (saved / "fingerprint.pb").unlink(missing_ok=True)
