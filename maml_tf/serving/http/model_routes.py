"""TensorFlow Serving's paths: status, metadata and predictions."""

from typing import Any

from fastapi import APIRouter, Request, Response

from maml_tf.serving.http import requests
from maml_tf.serving.http.context import Context, as_value
from maml_tf.serving.http.models import Model
from maml_tf.serving.http.refusals import bad


def predict(model: Model, body: bytes) -> dict[str, Any]:
    """Answers a request for a prediction.

    Args:
        model: The model.
        body: The request's bytes.

    Returns:
        The answer's JSON object.

    Raises:
        Refusal: The request cannot be used.
    """
    request = requests.request(requests.parse(body))
    names = model.names(request.signature)
    inputs = model.arrays(request.signature, requests.columns(request, names))
    return requests.answer(request, model.call(request.signature, inputs))


def model_router(context: Context) -> APIRouter:
    """Makes the routes below `/v1/models` that all models have.

    Args:
        context: The server's `Context`.
    """
    router = APIRouter(prefix="/v1/models")

    @router.get("")
    async def models() -> Response:
        listed = [model.description for model in context.models.values()]
        return as_value({"models": listed})

    @router.get("/{model}")
    @router.get("/{model}/versions/{version}")
    async def status(model: str, version: str | None = None) -> Response:
        found = context.model(model, version)
        return as_value(
            {
                "model_version_status": [
                    {
                        "version": str(found.version),
                        "state": "AVAILABLE",
                        "status": {"error_code": "OK", "error_message": ""},
                    }
                ]
            }
        )

    @router.get("/{model}/metadata")
    @router.get("/{model}/versions/{version}/metadata")
    async def metadata(model: str, version: str | None = None) -> Response:
        found = context.model(model, version)
        return as_value(
            {
                "model_spec": {
                    "name": found.name,
                    "signature_name": "",
                    "version": str(found.version),
                },
                "metadata": {"signature_def": found.metadata},
            }
        )

    @router.get("/{model}/labels/{label:path}")
    @router.post("/{model}/labels/{label:path}")
    async def labels(model: str, label: str) -> Response:
        raise bad(
            f"label: versions of {model[:60]} have no labels; give"
            " /versions/NUMBER or nothing."
        )

    @router.post("/{model}:{verb}")
    @router.post("/{model}/versions/{version}:{verb}")
    async def prediction(
        request: Request, model: str, verb: str, version: str | None = None
    ) -> Response:
        found = context.model(model, version)
        if verb != "predict":
            raise bad(
                f"{verb[:60]}: the signatures are for predict; ask with"
                f" /v1/models/{found.name}:predict."
            )
        return await context.answer(request, lambda body: predict(found, body))

    return router
