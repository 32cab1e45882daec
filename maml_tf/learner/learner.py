"""A model that has learned to learn, to adapt to classes of your own.

```python
learner = maml_tf.load("omniglot_5way_1shot")
adapted = learner.adapt(drawings, ["cat", "dog", "dog", "cat"])
adapted.predict(others)
```
"""

import contextlib
from collections.abc import Callable, Iterable
from os import PathLike
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from maml_tf import algorithms, losses
from maml_tf.algorithms.algorithm import Algorithm
from maml_tf.algorithms.outer_step import OuterStep
from maml_tf.errors import InputError
from maml_tf.evaluation.curve import Curve, meta_test
from maml_tf.functional.measures import as_loss, as_metric, is_binary
from maml_tf.learner import files, given_episodes, head, raw_inputs, units
from maml_tf.learner.adapted_model import AdaptedModel
from maml_tf.learner.adapting import adapt
from maml_tf.learner.checks import (
    adapted,
    check_head_adapts,
    check_logits,
    check_units,
    number_of_outputs,
)
from maml_tf.learner.learned import copy_learned, write_learned
from maml_tf.learner.members import averaged
from maml_tf.registry import ALGORITHMS, find
from maml_tf.training.loop import Training, meta_train
from maml_tf.training.workers import workers_of


class Learner:
    """A model, the algorithm that adapts it, and the form of its raw inputs.

    Args:
        model: Any built `keras.Model` with raw outputs (logits, values).
        algorithm: One of `maml_tf.algorithms.names()`. Defaults to `"maml"`.
        task: `"classification"` (the default) or `"regression"`.
        loss: Function `(y, outputs)` of a scalar or of examples' values, which
            are averaged; or a loss of Keras: its name, function or object.
            Defaults to cross-entropy or the mean squared error.
        metric: As `loss`, or a name of a metric. Defaults to accuracy or the
            mean squared error.
        adapts: The weights that adapt: one of `adapted_weights.SELECTIONS`, a
            predicate over variables, or None for the algorithm's default.
        steps: Inner steps of `adapt`. Defaults to the algorithm's in training.
        preparation: Keras model from raw inputs to the network's, or None.
        target_mean: For regression, the number that was subtracted from the
            targets to standardise them; a number or `[targets]`.
        target_deviation: For regression, the number by which the targets were
            then divided; a number or `[targets]`.
        scaling: For regression. `"all"`: all targets are standardised alike.
            `"window"`: each by the window that is its raw input; episodes hold
            what `functional.windows.targets` makes, `target_deviation` is that
            of a window of zeros.
        new_outputs: How a head for other classes begins. `"drawn"`: the trained
            outputs, further ones drawn like them, see `head.copy_weights`;
            `"zero"`: see `head.renew`.
        about: Dict of facts about the training, kept in `learner.json`.
        **options: The algorithm's own options, such as `inner_learning_rate`;
            see `maml_tf.algorithms.create`.

    Attributes:
        model: The Keras model; training changes its weights.
        algorithm: The algorithm, one of `maml_tf.algorithms`.
        outputs: Number of outputs of the network in training, such as the
            number of ways.
        about, scaling: As given.
        members: For an ensemble, the weights of each member, the best first:
            lists of arrays, the model's variables and the algorithm's own. The
            model has those of the first. Empty otherwise.

    Raises:
        InputError: An argument cannot be used.
    """

    def __init__(
        self,
        model: keras.Model,
        algorithm: str = "maml",
        *,
        task: str = "classification",
        loss: Callable | str | None = None,
        metric: Callable | str | None = None,
        adapts: str | Callable | None = None,
        steps: int | None = None,
        preparation: keras.Model | None = None,
        target_mean: ArrayLike = 0.0,
        target_deviation: ArrayLike = 1.0,
        scaling: str = "all",
        new_outputs: str = "drawn",
        about: dict | None = None,
        **options: Any,
    ) -> None:
        usual_loss, usual_metric = units.measures(task, scaling, loss)
        options = ALGORITHMS.with_present_names(options)
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
        if isinstance(loss, str):
            self._description["loss"] = loss
        if scaling != "all":
            self._description["scaling"] = scaling
        self.outputs = number_of_outputs(model)
        if task == "classification":
            check_logits(model)
        else:
            one = scaling == "window"
            check_units(self.outputs, target_mean, target_deviation, one)
        loss = as_loss(loss or usual_loss, model)
        if metric is None and is_binary(loss):
            metric = losses.binary_accuracy
        self._has_own_loss = loss is not usual_loss
        self._losses = (loss, as_metric(metric or usual_metric, loss, model))
        self.about = dict(about or {})
        self.scaling = scaling
        self.model = model
        self.preparation = preparation
        self.algorithm = self._algorithm(model)
        self.members: list[list[np.ndarray]] = []

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
        if adapts is not None:
            options["adapts"] = adapts
        return algorithms.create(
            self._description["algorithm"],
            model,
            *self._losses,
            **{**self._description["options"], **options},
        )

    def with_outputs(self, outputs: int, **options: Any) -> Algorithm:
        """Returns the algorithm for tasks of another number of classes.

        If the model has learned outputs of this number, the algorithm uses the
        model and its weights. Otherwise its network is a copy with another
        head.

        Args:
            outputs: Number of outputs of the network, such as the number of
                ways.
            **options: Options of the algorithm, in place of the learner's.

        Returns:
            One of `maml_tf.algorithms`.

        Raises:
            InputError: The network cannot be given another head; or more
                outputs are wanted than were trained and the head does not
                adapt (BOIL), so new ones could not be told apart.
        """
        renews = self._description["new_outputs"] == "zero"
        if not renews and outputs == self.outputs:
            if not options:
                return self.algorithm
            algorithm = self._algorithm(self.model, **options)
            return copy_learned(self.algorithm, algorithm)
        if outputs > self.outputs:
            check_head_adapts(self.algorithm, self.name, self.outputs, outputs)
        model = head.with_outputs(self.model, outputs)
        self._give_head(self.model, model)
        algorithm = self._algorithm(model, **options)
        copy_learned(self.algorithm, algorithm)
        if adapted(algorithm) != adapted(self.algorithm):
            raise InputError(
                "adapts: this function chooses other weights if the model has"
                f" {outputs} outputs; let it go by variable.path."
            )
        return algorithm

    def renew_head(self, algorithm: Algorithm) -> None:
        """Copies what was learned until now to an algorithm of another way.

        Args:
            algorithm: One that `with_outputs` returned.
        """
        if algorithm.model is not self.model:
            self._give_head(self.model, algorithm.model)
        copy_learned(self.algorithm, algorithm)

    def meta_train(
        self,
        episodes: Iterable | Callable,
        iterations: int,
        *,
        tasks: int = 4,
        optimizer: keras.optimizers.Optimizer | str | None = None,
        workdir: str | PathLike | None = None,
        seed: int = 0,
        **options: Any,
    ) -> Training:
        """Meta-trains the model; an ensemble goes on from its first member.

        Args:
            episodes: A generator, `tf.data.Dataset` or `keras.utils.PyDataset`
                of `(support_x, support_y, query_x, query_y)`, or a function
                `number -> Episode` of TensorFlow or of NumPy; inputs as the
                network takes them, labels from 0. A training that is resumed
                takes a generator's episodes from its start. A `PyDataset`
                begins again at its end.
            iterations: Number of meta-updates.
            tasks: Number of episodes in each update. Defaults to 4.
            optimizer: Any Keras optimizer, or its name. Defaults to Adam with
                a learning rate of 1e-3.
            workdir: Folder for checkpoints, logs and the learner, which
                `maml_tf.load` finds there; the same call resumes from it. None
                keeps nothing.
            seed: Seed of dropout and minibatches within tasks. Defaults to 0.
            **options: Options of `maml_tf.meta_train`.

        Returns:
            A `maml_tf.Training`.

        Raises:
            InputError: An argument cannot be used.
            DivergenceError: The loss or a weight became NaN or infinite; the
                model has its last good weights again.
        """
        episodes = given_episodes.as_function(
            episodes, self.model, *self._losses, self.task, epochs=True
        )
        self.members = []
        step = OuterStep(
            self.algorithm,
            episodes,
            keras.optimizers.get(optimizer or keras.optimizers.Adam(1e-3)),
            tasks=tasks,
            seed=seed,
        )
        with given_episodes.own_error(episodes):
            if options.pop("check", False):
                step.check_meta_gradient()
            if workdir and workers_of(self.model).is_chief:
                # Models and losses that no file can hold are trained too.
                unsaved = InputError, NotImplementedError, TypeError
                with contextlib.suppress(*unsaved):
                    self.save(workdir, checkpoints=True)
            return meta_train(step, iterations, workdir or None, **options)

    def meta_test(self, episodes: Iterable | Callable, **options: Any) -> Curve:
        """Adapts to many tasks; see `maml_tf.meta_test`.

        Args:
            episodes: As in `meta_train`; a source that ends must have as many
                episodes as there are tasks.
            **options: Options of `maml_tf.meta_test`; `steps` defaults to the
                learner's.

        Returns:
            A `maml_tf.Curve`.

        Raises:
            InputError: An argument cannot be used.
        """
        episodes = given_episodes.as_function(
            episodes, self.model, *self._losses, self.task
        )
        with given_episodes.own_error(episodes):
            return meta_test(
                averaged(self, self.algorithm),
                episodes,
                **{"steps": self.steps, **options},
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
        if the learner does.

        Args:
            support_x: Raw examples: uint8 images of any size, strings, or
                numbers; see `maml_tf.raw_inputs.batches`.
            support_y: Their labels `[examples]`, all strings or all numbers;
                or their values in their own units, `[examples, targets]`.
            steps: Number of inner gradient steps. Defaults to `self.steps`.
            validation_data: A pair `(x, y)` that is measured after each step
                and not learned from.

        Returns:
            An `AdaptedModel`.

        Raises:
            InputError: An argument cannot be used.
            DivergenceError: Predictions became NaN or infinite.
        """
        return adapt(self, support_x, support_y, steps, validation_data)

    def prepare(self, x: Any, argument: str = "x") -> Any:
        """Turns raw inputs into the network's.

        Args:
            x: Raw inputs as `maml_tf.raw_inputs.batches` takes them.
            argument: Name of `x` in messages.

        Returns:
            A tensor `[examples, ...]`.

        Raises:
            InputError: `x` cannot be used.
        """
        parts = raw_inputs.batches(self.preparation or self.model, x, argument)
        if self.preparation is not None:
            parts = [self.preparation(part) for part in parts]
        return tf.nest.map_structure(lambda *t: tf.concat(t, 0), *parts)

    def to_units(self) -> keras.layers.Layer:
        """Makes the layer from the network's outputs to a user's units.

        Returns:
            A layer that gives probabilities of classes, or values in their own
            units; see `units.restored`.
        """
        return units.layer(self)

    def save(
        self, folder: str | PathLike, *, checkpoints: bool = False
    ) -> None:
        """Writes the learner: its network, its preparation and how it adapts.

        Loading these files never runs code from them.

        Args:
            folder: The folder, made if missing; a learner's files in it are
                replaced, each as a whole.
            checkpoints: Whether `load` takes the weights of the training in
                this folder, if there is one, rather than the present ones.

        Raises:
            InputError: The loss, `adapts` or another option is a function or
                object; no file can hold it. (A loss may be a name. A metric
                may be any: the loaded learner has the task's own.)
        """
        if self._has_own_loss and "loss" not in self._description:
            raise files.cannot_be_saved("loss")
        description = {**self._description, "about": self.about}
        if not checkpoints and (older := files.checkpoints(folder)):
            description["checkpoints"] = older
        files.write(
            folder, self.model, self.preparation, description, self.members
        )
        write_learned(folder, self.algorithm)
