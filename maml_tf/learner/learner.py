"""A model that has learned to learn: adapt it to classes of your own.

```python
learner = maml_tf.load("omniglot_5way_1shot")
adapted = learner.adapt(drawings, ["cat", "dog", "dog", "cat"])
adapted.predict(others)
```
"""

import contextlib
import inspect
import tempfile
from collections.abc import Callable, Iterable
from os import PathLike
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from maml_tf import adapted_weights, algorithms, losses
from maml_tf.algorithms import MAML, NearestCentroid
from maml_tf.algorithms.adapted_weights import SELECTIONS
from maml_tf.algorithms.outer_step import OuterStep
from maml_tf.episodes.generated import GeneratedEpisodes
from maml_tf.errors import DivergenceError, InputError
from maml_tf.evaluation.curve import Curve, meta_test
from maml_tf.learner import files, head, raw_inputs
from maml_tf.learner.adapted_model import AdaptedModel
from maml_tf.learner.checks import check_logits, check_units, number_of_outputs
from maml_tf.learner.files import DESCRIPTION, find_folder, shipped
from maml_tf.learner.labels import class_names, judge, targets
from maml_tf.registry import find
from maml_tf.training.checkpoints import restore_weights
from maml_tf.training.loop import Training, meta_train

# By kind of task: loss and metric.
_TASKS = {
    "classification": (losses.cross_entropy, losses.accuracy),
    "regression": (losses.mean_squared_error, losses.mean_squared_error),
}


class Learner:
    """A model, the algorithm that adapts it, and what its raw inputs are.

    Args:
        model: any built `keras.Model` with raw outputs (logits, values).
        algorithm: one of `maml_tf.algorithms.names()`.
        task: `"classification"` or `"regression"`.
        loss: function `(y, outputs) -> scalar`; by default cross-entropy or the
            mean squared error.
        metric: likewise; by default accuracy or the mean squared error.
        adapts: which weights adapt: one of `adapted_weights.SELECTIONS`, a
            predicate over variables, or None, as the algorithm has it.
        steps: inner steps of `adapt`; by default the algorithm's in training.
        preparation: Keras model from raw inputs to the network's; None where
            they are the same.
        target_mean: of regression: outputs are standardised values, this was
            subtracted; a number or `[targets]`.
        target_deviation: of regression: this they were then divided by.
        new_outputs: how a head for other classes begins. `"drawn"`: the trained
            outputs, further ones drawn like them, see `head.copy_weights`;
            `"zero"`: see `head.renew`.
        about: what else to keep of the training, for `learner.json`.
        **options: the algorithm's own, such as `inner_learning_rate`; see
            `maml_tf.algorithms.create`.

    Attributes:
        model: the Keras model; training changes its weights.
        algorithm: the algorithm, one of `maml_tf.algorithms`.
        outputs: of the network as it was trained, such as the number of ways.
        about: dict.

    Raises:
        InputError: an argument that cannot be used.
    """

    def __init__(
        self,
        model: keras.Model,
        algorithm: str = "maml",
        *,
        task: str = "classification",
        loss: Callable | None = None,
        metric: Callable | None = None,
        adapts: str | Callable | None = None,
        steps: int | None = None,
        preparation: keras.Model | None = None,
        target_mean: ArrayLike = 0.0,
        target_deviation: ArrayLike = 1.0,
        new_outputs: str = "drawn",
        about: dict | None = None,
        **options,
    ):
        usual_loss, usual_metric = find("task", task, _TASKS)
        self._losses = (loss or usual_loss, metric or usual_metric)
        self._give_head = find(
            "new_outputs",
            new_outputs,
            {"drawn": head.copy_weights, "zero": head.renew},
        )
        self._description = {
            "algorithm": algorithm,
            "task": task,
            "adapts": adapts,
            "steps": steps,
            "target_mean": np.asarray(target_mean).tolist(),
            "target_deviation": np.asarray(target_deviation).tolist(),
            "new_outputs": new_outputs,
            "options": options,
        }
        self.outputs = number_of_outputs(model)
        if task == "classification":
            check_logits(model)
        else:
            check_units(self.outputs, target_mean, target_deviation)
        self.about = dict(about or {})
        self.model = model
        self.preparation = preparation
        self.algorithm = self._algorithm(model)

    @property
    def name(self) -> str:
        """The algorithm's name, one of `maml_tf.algorithms.names()`."""
        return self._description["algorithm"]

    @property
    def task(self) -> str:
        """`"classification"` or `"regression"`."""
        return self._description["task"]

    @property
    def steps(self) -> int:
        """Inner steps that `adapt` takes by default."""
        steps = self._description["steps"]
        return self.algorithm.inner_steps if steps is None else steps

    @property
    def raw_input(self) -> Any:
        """The Keras input that raw examples must fit."""
        return raw_inputs.model_input(self.preparation or self.model)

    def _algorithm(self, model, **options):
        adapts = self._description["adapts"]
        if isinstance(adapts, str):
            adapts = find("adapts", adapts, SELECTIONS)(model)
        if adapts is not None:
            options["adapts"] = adapts
        return algorithms.create(
            self._description["algorithm"],
            model,
            *self._losses,
            **{**self._description["options"], **options},
        )

    def with_outputs(self, outputs: int, **options) -> MAML:
        """The algorithm for tasks of another number of classes.

        The same, of the model's own weights, where the outputs are as many and
        it has learned them; else one whose network has another head.

        Args:
            outputs: of the network, such as the number of ways.
            **options: of the algorithm, in place of the learner's.

        Returns:
            One of `maml_tf.algorithms`.

        Raises:
            InputError: the network cannot be given another head; or more
                outputs are asked for where the head does not adapt (BOIL), so
                that new ones could not be told apart.
        """
        renews = self._description["new_outputs"] == "zero"
        if not renews and outputs == self.outputs:
            if not options:
                return self.algorithm
            return self._algorithm(self.model, **options)
        adapted = self.algorithm.inner_loop.adapted
        in_head = adapted_weights.head(self.model)
        if outputs > self.outputs and not any(
            adapts and in_head(variable)
            for variable, adapts in zip(self.model.trainable_variables, adapted)
        ):
            raise InputError(
                f"way: {outputs} was given, but {self.name} was trained with"
                f" {self.outputs} and does not adapt its head; at most"
                f" {self.outputs} will do."
            )
        model = head.with_outputs(self.model, outputs)
        self._give_head(self.model, model)
        algorithm = self._algorithm(model, **options)
        if algorithm.inner_loop.adapted != adapted:
            raise InputError(
                "adapts: this function chooses other weights where the model"
                f" has {outputs} outputs; let it go by variable.path."
            )
        return algorithm

    def renew_head(self, algorithm: MAML) -> None:
        """Gives what `with_outputs` returned the weights of the model as now.

        Args:
            algorithm: what it returned.
        """
        if algorithm.model is not self.model:
            self._give_head(self.model, algorithm.model)

    def meta_train(
        self,
        episodes: Iterable | Callable,
        iterations: int,
        *,
        tasks: int = 4,
        optimizer: keras.optimizers.Optimizer | str | None = None,
        workdir: str | PathLike | None = None,
        seed: int = 0,
        **options,
    ) -> Training:
        """Meta-trains the model.

        Args:
            episodes: a generator of `(support_x, support_y, query_x, query_y)`,
                or a TensorFlow function `number -> Episode`; inputs as the
                network takes them, labels from 0. A training that goes on takes
                a generator's episodes from its start.
            iterations: meta-updates.
            tasks: episodes in each.
            optimizer: any Keras optimizer, or its name; by default Adam at
                1e-3.
            workdir: folder that keeps checkpoints and logs, from which the same
                call goes on; None keeps nothing.
            seed: of dropout and minibatches within tasks.
            **options: of `maml_tf.meta_train`.

        Returns:
            A `maml_tf.Training`.

        Raises:
            InputError: an argument that cannot be used.
            DivergenceError: the loss became NaN or infinite.
        """
        episodes = self._drawn(episodes)
        step = OuterStep(
            self.algorithm,
            episodes,
            keras.optimizers.get(optimizer or keras.optimizers.Adam(1e-3)),
            tasks=tasks,
            seed=seed,
        )
        with tempfile.TemporaryDirectory() as folder, _own_error(episodes):
            return meta_train(step, iterations, workdir or folder, **options)

    def meta_test(self, episodes: Iterable | Callable, **options) -> Curve:
        """Adapts to many tasks; see `maml_tf.meta_test`.

        Args:
            episodes: as in `meta_train`.
            **options: of `maml_tf.meta_test`; `steps` is by default the
                learner's.

        Returns:
            A `maml_tf.Curve`.

        Raises:
            InputError: an argument that cannot be used.
        """
        episodes = self._drawn(episodes)
        with _own_error(episodes):
            return meta_test(
                self.algorithm, episodes, **{"steps": self.steps, **options}
            )

    def _drawn(self, episodes):
        """Episodes as a function `number -> Episode`."""
        if inspect.isgeneratorfunction(episodes):
            episodes = episodes()
        if callable(episodes):
            return episodes
        return GeneratedEpisodes(episodes, self._check_episode)

    def _check_episode(self, episode):
        """Refuses an episode of arrays that the model cannot learn from."""
        for part, x, y in (
            ("support", episode.support_x, episode.support_y),
            ("query", episode.query_x, episode.query_y),
        ):
            raw_inputs.check(self.model, x, f"episodes: {part}_x")
            if y.ndim == 0 or len(y) != len(x):
                raise InputError(
                    f"episodes: {part}_y has the shape {y.shape} for"
                    f" {len(x)} examples; give a target for each."
                )
            if self._losses[0] is losses.cross_entropy and not (
                y.ndim == 1
                and y.dtype.kind in "iu"
                and y.min(initial=0) >= 0
                and y.max(initial=0) < self.outputs
            ):
                raise InputError(
                    f"episodes: {part}_y must be whole numbers from 0 to"
                    f" {self.outputs - 1}, [examples]; {y.dtype} of the shape"
                    f" {y.shape} was given, or others."
                )

    def adapt(
        self,
        support_x: Any,
        support_y: ArrayLike,
        steps: int | None = None,
        *,
        validation_data: tuple | None = None,
    ) -> AdaptedModel:
        """Learns a new task from a few examples of it.

        Classes may be more or fewer than in training; `new_outputs` says how
        the head is made for them. Batch normalisation uses the support set's
        statistics, for predictions too (`"inductive"`), or the moving averages
        where the learner does.

        Args:
            support_x: raw examples: uint8 images of any size, strings, or
                numbers; see `maml_tf.raw_inputs.batches`.
            support_y: their labels `[examples]`, all strings or all numbers;
                or their values in their own units, `[examples, targets]`.
            steps: inner gradient steps; by default `self.steps`.
            validation_data: `(x, y)` to record the course on, not to learn
                from.

        Returns:
            An `AdaptedModel`.

        Raises:
            InputError: an argument that cannot be used.
            DivergenceError: predictions became NaN or infinite.
        """
        if isinstance(self.algorithm, NearestCentroid):
            raise InputError(
                "algorithm: nearest_centroid has no weights that adapt; give"
                " another learner."
            )
        steps = self.steps if steps is None else steps
        if not isinstance(steps, int | np.integer):
            raise InputError(
                f"steps: {steps!r} was given; give a whole number."
            )
        x = self.prepare(support_x, "support_x")
        labels, y = self._labels(support_y, _length(x))
        algorithm = self.with_outputs(
            self.outputs if labels is None else len(labels),
            **self._statistics(),
        )
        loop = algorithm.inner_loop
        adaptation = loop.adapt(
            algorithm.theta(),
            x,
            tf.constant(y if labels is not None else self._standardised(y)),
            steps,
            seed=tf.constant([0, 0], tf.int64),
        )
        adapted = AdaptedModel(self._keras_model(algorithm.model), labels)
        judged = {"": (x, y)}
        if validation_data is not None:
            judged["val_"] = self._validation(validation_data, labels)
        *_, network, to_units = adapted.keras_model.layers
        for phi in adaptation.phi:
            state = adaptation.state
            if loop.batch_norm == "inductive":
                state = loop.support_statistics(phi, state, x)
            _assign(network, phi, state)
            for prefix, (inputs, true) in judged.items():
                outputs = to_units(network(inputs, training=False)).numpy()
                if not np.isfinite(outputs).all():
                    raise DivergenceError(
                        "Predictions became NaN or infinite; fewer steps, or a"
                        " learner with a smaller inner learning rate, may help."
                    )
                for name, value in judge(outputs, true).items():
                    adapted.history.setdefault(prefix + name, []).append(value)
        return adapted

    def _validation(self, validation_data, labels):
        """`(inputs, targets)` of raw validation data."""
        if not isinstance(validation_data, tuple) or len(validation_data) != 2:
            raise InputError(
                "validation_data: give a pair of raw examples and labels,"
                " (x, y)."
            )
        x, y = validation_data
        x = self.prepare(x, "validation_data")
        return x, targets(y, _length(x), labels, "validation_data")

    def prepare(self, x: Any, argument: str = "x") -> Any:
        """The network's inputs, made of raw ones.

        Args:
            x: as `maml_tf.raw_inputs.batches` takes them.
            argument: what messages call `x`.

        Returns:
            A tensor `[examples, ...]`.

        Raises:
            InputError: `x` cannot be used.
        """
        parts = raw_inputs.batches(self.preparation or self.model, x, argument)
        if self.preparation is not None:
            parts = [self.preparation(part) for part in parts]
        return tf.nest.map_structure(lambda *t: tf.concat(t, 0), *parts)

    def _statistics(self):
        """Which statistics an adapted model uses, as the algorithm's option."""
        moving = self.algorithm.inner_loop.batch_norm == "moving"
        return {"batch_norm": "moving" if moving else "inductive"}

    def _labels(self, support_y, examples):
        """`(names of the classes or None, their numbers or values)`."""
        if self.task == "regression":
            values = targets(support_y, examples, argument="support_y")
            if values.shape[1] != self.outputs:
                raise InputError(
                    f"support_y: it has {values.shape[1]} targets an example;"
                    f" the model has {self.outputs}."
                )
            return None, values
        labels = sorted(set(class_names(support_y, "support_y")))
        numbers = targets(support_y, examples, labels, "support_y")
        if len(labels) < 2:
            raise InputError(
                f"support_y: it names one class alone, {labels[0]!r}; give"
                " examples of two or more."
            )
        return labels, numbers.astype(np.int32)

    def _standardised(self, values):
        mean, deviation = (
            np.asarray(self._description[name], np.float32)
            for name in ("target_mean", "target_deviation")
        )
        return (values - mean) / deviation

    def _keras_model(self, network):
        """An ordinary model from raw inputs, its network a copy, untrained."""
        network = head.copied(network, "network")
        inputs = keras.tree.map_structure(
            lambda t: keras.Input(
                batch_shape=t.shape, dtype=t.dtype, name=t.name
            ),
            self.raw_input,
        )
        outputs = network(
            self.preparation(inputs) if self.preparation else inputs
        )
        model = keras.Model(
            inputs, self.to_units()(outputs), name="adapted_model"
        )
        classifies = self.task == "classification"
        model.compile(
            # Without slots: the file holds the weights once.
            keras.optimizers.SGD(1e-2),
            loss="sparse_categorical_crossentropy" if classifies else "mse",
            metrics=["accuracy" if classifies else "mae"],
        )
        return model

    def to_units(self) -> keras.layers.Layer:
        """The layer from the network's outputs to what a user wants.

        Probabilities of classes, or values in their own units.
        """
        if self.task == "classification":
            return keras.layers.Softmax(name="probabilities", dtype="float32")
        return keras.layers.Rescaling(
            self._description["target_deviation"],
            self._description["target_mean"],
            name="units",
            dtype="float32",
        )

    def save(self, folder: str | PathLike) -> None:
        """Writes the learner: its network, its preparation and how it adapts.

        Nothing in these files is run when they are loaded.

        Args:
            folder: made if missing; its own files there are replaced, each
                whole.

        Raises:
            InputError: the loss, what adapts or another option is a function or
                object, which no file can hold. (A metric may be: what is loaded
                has the task's own.)
        """
        if self._losses[0] is not _TASKS[self.task][0]:
            raise files.cannot_be_saved("loss")
        files.write(
            folder,
            self.model,
            self.preparation,
            {**self._description, "about": self.about},
        )


def load(name: str | PathLike) -> Learner:
    """Loads a learner: one that comes with the package, or a training.

    Args:
        name: one of `maml_tf.learner_files.shipped()`, the folder of a training
            by `maml-tf train` (of which the best weights are taken), or one
            that `Learner.save` wrote.

    Returns:
        A `Learner`.

    Raises:
        InputError: there is none, or its files cannot be read.
    """
    folder = find_folder(name)
    if not (folder / DESCRIPTION).is_file():
        raise InputError(
            f"workdir: {str(name)!r} has no {DESCRIPTION}; give the folder of a"
            " training by maml-tf train, or one of"
            f" {', '.join(shipped()) or 'none'}."
        )
    try:
        network, preparation, description = files.read(folder)
        options = description.pop("options")
        learner = Learner(
            network, preparation=preparation, **description, **options
        )
    except InputError:
        raise
    except Exception as error:  # Of Keras, of zip archives, of JSON.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"workdir: {str(folder)!r} cannot be read as a learner ({reason})."
        ) from error
    if (folder / "checkpoints").is_dir():
        restored = restore_weights(network, folder / "checkpoints")
        if restored is not None:
            learner.about["iteration"], learner.about["checkpoint"] = restored
    return learner


def _length(x):
    return tf.nest.flatten(x)[0].shape[0]


@contextlib.contextmanager
def _own_error(episodes):
    """Raises what a generator raised, not what TensorFlow makes of it."""
    try:
        yield
    except tf.errors.OpError:
        error = getattr(episodes, "error", None)
        if error is not None:
            raise error from None
        raise


def _assign(network, phi, state):
    for variables, values in (
        (network.trainable_variables, phi),
        (network.non_trainable_variables, state),
    ):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
