"""A supervised experiment, made from flags.

The commands train, evaluate, plot, share and demo use this file.
"""

import functools
import pathlib
from collections.abc import Callable

import keras
import tensorflow as tf
from absl import flags, logging

from maml_tf import (
    DivergenceError,
    InputError,
    Learner,
    MetaTest,
    OuterStep,
    datasets,
    load,
    networks,
)
from maml_tf.algorithms.algorithm import Algorithm
from maml_tf.commands import flag_help, sentences
from maml_tf.commands.experiments import (
    data_record,
    option_flags,
    outer_optimizer,
    preparation,
    quiet_tensorflow,
    supervised_flags,
    training_run,
)
from maml_tf.errors import refusal
from maml_tf.learner.files import DESCRIPTION
from maml_tf.learner.learned import copy_learned
from maml_tf.learner.members import take_members, variables
from maml_tf.registry import ALGORITHMS, DATASETS, NETWORKS
from maml_tf.training.members import read_members

FLAGS = flags.FLAGS
flags.DEFINE_integer(
    "intra_op_threads",
    1,
    "Threads that share one operation; 0: one a core. More than one is faster"
    " for large networks only.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "inter_op_threads",
    0,
    "Threads of operations, and so tasks at a time; 0: one a core.",
    lower_bound=0,
)
for _name in ("intra_op_threads", "inter_op_threads"):
    flag_help.put_into_group(flag_help.WHERE, _name, FLAGS)


class Experiment:
    """Data set, model and algorithm that flags describe.

    Args:
        flag_values: The experiment's flags.
        workdir: Folder of a training that has ended: the classes are divided as
            it recorded. None to divide them as the flags say.
        resumes: Folder of a training that may have begun. Its series stay
            standardised as they are, as those of `workdir`.
        strategy: A `tf.distribute.Strategy` in whose scope the model is made,
            or None.

    Attributes:
        flags: The flags.
        dataset: A `maml_tf.datasets.Dataset`.
        is_joint: Whether the model learns to tell all training classes apart,
            as an ordinary classifier does.
        model: The Keras model, its weights drawn by `--seed`.
        learner: A `maml_tf.Learner` of the model.
        algorithm: One of `maml_tf.algorithms`.
    """

    def __init__(
        self,
        flag_values: flags.FlagValues,
        workdir: str | pathlib.Path | None = None,
        resumes: str | pathlib.Path | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self.flags = f = flag_values
        _check_combination(f)
        options = option_flags.given(
            DATASETS,
            f.dataset,
            f,
            leave_out=("oracle",),
            ignored=supervised_flags.PLACES,
        )
        if f.algorithm == "oracle":
            options["oracle"] = True
        if workdir is not None:
            options |= data_record.division(workdir, f.class_split)
        begun = workdir or resumes
        if begun and "scaling" in DATASETS.options(f.dataset):
            options = preparation.scaling(begun) | options
        self.dataset = datasets.load(f.dataset, **options)
        self._check_way(f.way)
        self._check_way(self._train_way, "train_way")
        self.is_joint = f.algorithm == "pretrain" and bool(self.dataset.joint)
        if self.is_joint and self.dataset.num_classes:
            outputs = self.dataset.num_classes("train")
        else:
            outputs = self.dataset.outputs(self._train_way)
        with (strategy or tf.distribute.get_strategy()).scope():
            self.model = self._network(outputs)
            self.learner = self._learner()
        self.algorithm = self.learner.algorithm

    def _network(self, outputs):
        f = self.flags
        vocabulary_size = self.dataset.vocabulary_size
        _check_inputs(f, vocabulary_size)
        return networks.create(
            f.network,
            self.dataset.input_shape,
            outputs,
            seed=f.seed,
            dtype="mixed_bfloat16" if f.mixed_bfloat16 else None,
            **({"vocabulary_size": vocabulary_size} if vocabulary_size else {}),
            **option_flags.given(
                NETWORKS, f.network, f, leave_out=("vocabulary_size",)
            ),
        )

    @property
    def _train_way(self):
        f = self.flags
        return f.way if f.train_way is None else f.train_way

    def _check_way(self, way, name="way"):
        """Refuses a classification into one class, which is always right."""
        if self.dataset.metric_name == "accuracy" and way < 2:
            raise refusal(
                name, way, "it must be 2 or more, classes to tell apart"
            )

    def _learner(self):
        f, dataset = self.flags, self.dataset
        options = option_flags.given(ALGORITHMS, f.algorithm, f)
        classifies = dataset.metric_name == "accuracy"
        return Learner(
            self.model,
            f.algorithm,
            task="classification" if classifies else "regression",
            loss=dataset.loss,
            metric=dataset.metric,
            adapts=options.pop("adapts", None),
            steps=self.test_inner_steps,
            preparation=dataset.preparation,
            target_mean=dataset.target_mean,
            target_deviation=dataset.target_deviation,
            scaling=dataset.scaling,
            # An ordinary classifier has no head for other classes.
            new_outputs="zero" if self.is_joint else "drawn",
            about={
                # Without folders of the machine that trains.
                "dataset": _short(f.dataset),
                "network": f.network,
                "way": f.way if classifies else None,
                "shot": f.shot,
                "iterations": f.iterations,
                "seed": f.seed,
            },
            **options,
        )

    def adapting(self, way: int) -> Algorithm:
        """Returns the algorithm that adapts the model to tasks of some way.

        It is the experiment's own algorithm if the model has as many outputs.
        Otherwise its network has another head.

        Args:
            way: Classes in a task.

        Raises:
            InputError: BOIL was asked for more classes. It does not adapt the
                head, so new outputs could not be told apart.
        """
        self._check_way(way)
        return self.learner.with_outputs(self.dataset.outputs(way))

    def validation(self) -> Callable:
        """Returns a function `() -> Curve` that validates the model."""
        f = self.flags
        algorithm = self.adapting(f.way)
        meta_test = MetaTest(
            algorithm,
            self.dataset.episodes("valid", f.way, f.shot, f.query, f.seed),
            num_tasks=f.validation_tasks,
            steps=self.test_inner_steps,
            seed=f.seed,
        )

        def with_new_head(workers=None):
            self.learner.renew_head(algorithm)
            return meta_test(workers=workers)

        return with_new_head

    @property
    def test_inner_steps(self) -> int:
        """Inner steps in validation and evaluation."""
        f = self.flags
        return (
            f.inner_steps if f.test_inner_steps is None else f.test_inner_steps
        )

    def optimizer(self) -> keras.optimizers.Optimizer:
        """Makes a new outer optimizer, as the flags say."""
        return outer_optimizer.create(
            **option_flags.given_to(outer_optimizer.create, self.flags)
        )

    def outer_step(self) -> OuterStep:
        """Makes the meta-update on training episodes.

        Raises:
            InputError: XLA cannot compile the reading of the data.
        """
        f = self.flags
        if f.jit_compile == "true" and not self.dataset.compiles:
            raise InputError(
                "jit_compile: true was given, but images are read from files"
                " (in_memory), which XLA cannot compile; give one or the other."
            )
        shot = f.shot if f.train_shot is None else f.train_shot
        if self.is_joint and self.dataset.joint:
            examples = self._train_way * (shot + f.query)
            episodes = self.dataset.joint("train", examples, f.seed)
        else:
            episodes = self.dataset.episodes(
                "train", self._train_way, shot, f.query, f.seed
            )
        return OuterStep(
            self.algorithm,
            episodes,
            self.optimizer(),
            tasks=f.tasks,
            seed=f.seed,
            iterations_per_call=f.iterations_per_call,
            vectorize=option_flags.automatic(f.vectorize),
            jit_compile=(
                option_flags.automatic(f.jit_compile)
                if self.dataset.compiles
                else False
            ),
        )

    def restore(
        self, workdir: str | pathlib.Path, ensemble: int | None = 1
    ) -> tuple[int, str]:
        """Restores the model's weights; see `training_run.restore`.

        A shared learner has no checkpoints; its own weights are restored.

        Args:
            workdir: Folder of the training or of the shared learner.
            ensemble: Members of its ensemble that the learner takes, the best
                first; 1: the model alone, None: all that there are.

        Returns:
            `(iteration, which)`, `which` being `"best"` or `"latest"`.

        Raises:
            InputError: No checkpoint exists or can be read, the data are not
                those of the training, or it has fewer members.
        """
        workdir = pathlib.Path(workdir)
        data_record.check(self.dataset, workdir)
        preparation.check(self.dataset, workdir)
        checkpoints = workdir / "checkpoints"
        if not checkpoints.is_dir() and (workdir / DESCRIPTION).is_file():
            shared = load(workdir)
            self.model.set_weights(shared.model.get_weights())
            copy_learned(shared.algorithm, self.algorithm)
            members = shared.members
            restored = shared.about["iteration"], shared.about["checkpoint"]
        else:
            restored = training_run.restore(self.algorithm, workdir)
            members = read_members(checkpoints, variables(self.learner))
        if (ensemble or 1) > max(1, len(members)):
            raise refusal(
                "ensemble",
                ensemble,
                f"the training in {str(workdir)!r} has {max(1, len(members))}",
            )
        take_members(self.learner, members[:ensemble])
        return restored


def trained(workdir: str | pathlib.Path) -> Experiment:
    """Returns the `Experiment` of a training, with its trained weights."""
    built = Experiment(supervised_flags.recorded(workdir), workdir)
    built.restore(workdir)
    return built


def run(main: Callable[[list[str]], int]) -> None:
    """Runs a command's `main(argv)`; bad input ends it with a sentence."""

    @functools.wraps(main)
    def on_devices(argv):
        logging.set_verbosity(logging.WARNING)
        quiet_tensorflow.set_threads(
            FLAGS.intra_op_threads, FLAGS.inter_op_threads
        )
        if "strategy" not in FLAGS:
            quiet_tensorflow.initialize()
        return main(argv)

    sentences.run(on_devices, InputError, DivergenceError)


def _short(dataset):
    """Returns the data set's name; paths are cut to their last part."""
    kind, colon, argument = dataset.partition(":")
    return f"{kind}{colon}{pathlib.PurePath(argument).name}"


def _check_combination(f):
    if f.algorithm == "oracle" and f.dataset != "sinusoid":
        raise InputError(
            f"algorithm: oracle was given with dataset={f.dataset}; an oracle"
            " is told amplitude and phase, which only sinusoid has."
        )


def _check_inputs(f, vocabulary_size):
    takes_texts = "vocabulary_size" in networks.option_names(f.network)
    if takes_texts and not vocabulary_size:
        raise InputError(
            f"network: {f.network} was given with dataset={f.dataset}, which"
            " has no texts; another network will do."
        )
    if vocabulary_size and not takes_texts:
        raise InputError(
            f"network: {f.network} was given with dataset={f.dataset}, whose"
            " inputs are words of texts; give text_cnn or text_transformer."
        )
