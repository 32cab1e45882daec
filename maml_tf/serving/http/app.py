"""The web application: its routes, and the form of its errors."""

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from maml_tf.serving.http.context import Context, as_json, as_value
from maml_tf.serving.http.metrics import TEXT_TYPE, Metrics
from maml_tf.serving.http.model_routes import model_router
from maml_tf.serving.http.models import dumps
from maml_tf.serving.http.origins import OwnPages
from maml_tf.serving.http.page import Page
from maml_tf.serving.http.refusals import (
    BAD_REQUEST,
    BROKEN,
    FORBIDDEN,
    Refusal,
)
from maml_tf.serving.http.user_routes import user_router
from maml_tf.serving.http.watch import Watched


def make_app(context: Context, page: Page | None = None) -> ASGIApp:
    """Makes the application.

    Args:
        context: The server's `Context`.
        page: The files of the page; None for those that come with the package.
    """
    page = page or Page()
    metrics = Metrics(lambda: context.work.number, context.users.totals)
    # The documentation of FastAPI would load scripts from another host.
    app = FastAPI(
        title="maml_tf",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.include_router(user_router(context))
    app.include_router(model_router(context))

    @app.get("/")
    async def index() -> Response:
        return page.file()

    @app.get("/page/{file:path}")
    async def page_file(file: str) -> Response:
        return page.file(file)

    @app.get("/healthz")
    async def healthz() -> Response:
        return as_value({"status": "ok"})

    @app.get("/metrics")
    def metrics_text() -> Response:  # In a thread: it asks the users' file.
        return Response(metrics.text(), media_type=TEXT_TYPE)

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> Response:
        return _error(refusal.status, refusal.sentence, refusal.headers)

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        path = request.url.path
        if path.startswith("/v1/"):
            # TensorFlow Serving's sentence and status.
            sentence = f"Malformed request: {request.method} {path[:200]}"
            return _error(BAD_REQUEST, sentence)
        return _error(error.status_code, f"path: {error.detail}.")

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        return _error(
            BROKEN, "server: it failed at this request; its log says why."
        )

    own = OwnPages(
        app, _error(FORBIDDEN, "origin: pages of other sites may not ask.")
    )
    return Watched(own, metrics, context.models)


def _error(status, sentence, headers=None):
    answer = as_json(dumps({"error": sentence}))
    answer.status_code = status
    answer.headers.update(headers or {})
    return answer
