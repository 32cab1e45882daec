"""Paths of a user's adapted weights: adapt, predict, forget."""

from typing import Any

from fastapi import APIRouter, Request, Response

from maml_tf.serving.http import requests
from maml_tf.serving.http.context import Context, as_value
from maml_tf.serving.http.models import (
    ADAPT,
    ADAPT_WITH_STEPS,
    PREDICT_ADAPTED,
    Model,
)
from maml_tf.serving.http.refusals import bad
from maml_tf.serving.http.users import Users, check_name

_SUPPORT, _QUERY = ("support_x", "support_y"), "query_x"


def adapt(model: Model, users: Users, user: str, body: bytes) -> dict[str, Any]:
    """Adapts a model to a user's examples and keeps the weights.

    Args:
        model: The model.
        users: The users' weights.
        user: The user's name.
        body: The request's bytes: `inputs` of a support set, and `steps` if
            they are not the model's own.

    Returns:
        A JSON object.

    Raises:
        Refusal: The request cannot be used, or there is no room.
    """
    request = _columns(body)
    has_steps = isinstance(request.values, dict) and "steps" in request.values
    signature = ADAPT_WITH_STEPS if has_steps else ADAPT
    values = requests.columns(request, model.names(signature))
    weights = model.call(signature, model.arrays(signature, values))
    size = users.keep(model.name, model.fingerprint, user, weights)
    return {"model": model.name, "user": user, "bytes": size}


def predict(
    model: Model, users: Users, user: str, body: bytes
) -> dict[str, Any]:
    """Predicts with a user's weights.

    Args:
        model: The model.
        users: The users' weights.
        user: The user's name.
        body: The request's bytes: `inputs` or `instances` of queries.

    Returns:
        The answer's JSON object.

    Raises:
        Refusal: The request cannot be used, or no weights are kept.
    """
    request = requests.request(_without_signature(body))
    values = requests.columns(request, [_QUERY])
    inputs = model.arrays(PREDICT_ADAPTED, values, only=[_QUERY])
    inputs |= users.weights(model.name, model.fingerprint, user)
    return requests.answer(request, model.call(PREDICT_ADAPTED, inputs))


def user_router(context: Context) -> APIRouter:
    """Makes the routes below `/v1/models/MODEL/users`.

    Args:
        context: The server's `Context`.
    """
    router = APIRouter(prefix="/v1/models/{model}/users")

    @router.post("/{user}:adapt")
    async def user_adapt(request: Request, model: str, user: str) -> Response:
        found = _adapting(context, model)
        check_name(user)
        return await context.answer(
            request, lambda body: adapt(found, context.users, user, body)
        )

    @router.post("/{user}:predict")
    async def user_predict(request: Request, model: str, user: str) -> Response:
        found = _adapting(context, model)
        check_name(user)
        return await context.answer(
            request, lambda body: predict(found, context.users, user, body)
        )

    @router.delete("/{user}")
    async def user_forget(model: str, user: str) -> Response:
        found = context.model(model)
        check_name(user)
        await context.work.do(context.users.forget, found.name, user)
        return as_value({"model": found.name, "user": user})

    return router


def _adapting(context, name):
    model = context.model(name)
    if not model.adapts:
        raise bad(
            f"model: {name} does not adapt; models that maml-tf export wrote"
            " do."
        )
    return model


def _columns(body):
    request = requests.request(_without_signature(body))
    if request.rows:
        raise bad(
            "instances: a support set is given as 'inputs' with"
            f" {' and '.join(_SUPPORT)}."
        )
    return request


def _without_signature(body):
    value = requests.parse(body)
    if "signature_name" in value:
        raise bad("signature_name: the path says it here; leave it out.")
    return value
