r"""Exports a model to be served, which adapts to each request.

    maml-tf export --workdir=omniglot_5way_1shot --output=served

    import tensorflow as tf
    model = tf.saved_model.load("served")
    model.signatures["adapt_and_predict"](
        support_x=..., support_y=..., query_x=...)["probabilities"]

The folder is a SavedModel. It needs TensorFlow, or TensorFlow Serving, and
nothing of this package. The inputs of its signatures are printed, and written
to assets.extra/README.md in it. maml-tf serve serves it.
"""

import pathlib

from absl import flags

import maml_tf
from maml_tf.commands.experiments import supervised
from maml_tf.functional.model import BATCH_NORM_MODES
from maml_tf.serving import tflite
from maml_tf.serving.saved_model import README, export

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(supervised)
flags.DEFINE_string(
    "workdir",
    None,
    "Folder of a training, or the name of a model that comes with the package.",
    required=True,
)
flags.DEFINE_string(
    "output", None, "Folder to write, which must not exist.", required=True
)
flags.DEFINE_enum(
    "batch_norm",
    None,
    BATCH_NORM_MODES,
    "Statistics that normalise the queries of a request; default: as in the"
    " training, which gives the accuracy of `maml-tf evaluate`. transductive:"
    " their own, so all queries of a task must come together; inductive: the"
    " support set's, for servers that get one query at a time.",
)
flags.DEFINE_integer(
    "max_classes",
    50,
    "Largest number of classes of a request, if more than in the training.",
    lower_bound=2,
)
flags.DEFINE_integer(
    "steps",
    None,
    "Inner gradient steps if a request does not give them; default: as in the"
    " training's evaluation.",
    lower_bound=0,
)
flags.DEFINE_bool(
    "tflite",
    False,
    "Also write OUTPUT/tflite/*.tflite, from prepared inputs. Prediction needs"
    " TensorFlow Lite alone; to adapt, it needs its Flex delegate.",
)


def main(argv: list[str]) -> int:
    """Exports as the flags say; returns the exit status."""
    del argv
    learner = maml_tf.load(FLAGS.workdir)
    options = {
        "batch_norm": FLAGS.batch_norm,
        "max_classes": FLAGS.max_classes,
        "steps": FLAGS.steps,
    }
    output = export(learner, FLAGS.output, **options)
    print((output / README).read_text(encoding="utf-8"))
    if FLAGS.tflite:
        for name, needs in tflite.convert(
            learner, output / "tflite", **options
        ).items():
            print(f"{pathlib.Path('tflite', name)}.tflite: {needs}")
    print(f"Written to {output}.")
    return 0


def run() -> None:
    """Runs the command with the flags in `sys.argv`."""
    supervised.run(main)
