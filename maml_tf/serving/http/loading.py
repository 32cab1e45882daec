"""The models of a server: SavedModels as they are, others exported first."""

import pathlib
import tempfile
from collections.abc import Sequence

from maml_tf.errors import InputError
from maml_tf.learner.loading import load
from maml_tf.serving.http.limits import Limits
from maml_tf.serving.http.models import Model
from maml_tf.serving.http.saved_models import Place, place
from maml_tf.serving.saved_model import export


def load_models(
    given: Sequence[str], limits: Limits, batch_norm: str = "inductive"
) -> dict[str, Model]:
    """Loads models to be served.

    Args:
        given: Values of `--model`, see `maml_tf.serving.http.saved_models`.
        limits: The server's limits.
        batch_norm: As in `maml_tf.export`, for those that are exported here.

    Returns:
        `Model` by name, each called once.

    Raises:
        InputError: One cannot be loaded, or two have the same name.
    """
    places = [place(text) for text in given]
    names = [place.name for place in places]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"model: two are called {name}; write NAME=FOLDER to give one"
                " another name."
            )
    models = {place.name: _load(place, limits, batch_norm) for place in places}
    for model in models.values():
        model.warm_up()
    return models


def _load(place: Place, limits: Limits, batch_norm: str) -> Model:
    if place.saved is not None:
        return Model(place, place.saved, limits)
    try:
        learner = load(place.given)
    except InputError as error:
        # The sentence names the flag of other commands.
        sentence = str(error).removeprefix("workdir: ")
        raise InputError(f"model: {sentence}") from error
    # Once it is loaded, nothing is read from the folder.
    with tempfile.TemporaryDirectory(prefix="maml-tf-serve-") as folder:
        saved = export(
            learner,
            pathlib.Path(folder, place.name),
            batch_norm=batch_norm,
            max_classes=limits.max_classes,
        )
        return Model(place, saved, limits)
