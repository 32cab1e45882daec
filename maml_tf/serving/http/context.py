"""The state that all requests to a server share."""

import dataclasses
from collections.abc import Callable
from typing import Any

from fastapi import Request, Response

from maml_tf.serving.http.bodies import Bodies
from maml_tf.serving.http.models import Model, dumps
from maml_tf.serving.http.refusals import NOT_FOUND, Refusal, bad
from maml_tf.serving.http.users import Users
from maml_tf.serving.http.work import Work


@dataclasses.dataclass(frozen=True)
class Context:
    """The models of a server, and the rest of its state.

    Attributes:
        models: `Model` by name.
        users: The users' weights.
        work: The threads that compute.
        bodies: The reader of bodies.
    """

    models: dict[str, Model]
    users: Users
    work: Work
    bodies: Bodies

    def model(self, name: str, version: str | None = None) -> Model:
        """Returns a model.

        Args:
            name: Its name.
            version: Its version, as the path says; None for the one there is.

        Raises:
            Refusal: It is not served.
        """
        if ":" in name:
            raise bad(f"path: {name[:60]!r} cannot be asked in this way.")
        model = self.models.get(name)
        if model is None:
            raise Refusal(
                NOT_FOUND,
                f"model: {name[:60]!r} is not served here;"
                f" {', '.join(self.models)} can be asked.",
            )
        if version is None:
            return model
        if not (version.isascii() and version.isdecimal()):
            raise bad(f"version: {version[:60]!r} is no number.")
        if version.lstrip("0") != str(model.version):
            raise Refusal(
                NOT_FOUND,
                f"version: {version[:60]} of {name} is not served here;"
                f" {model.version} is.",
            )
        return model

    async def answer(self, request: Request, function: Callable) -> Response:
        """Answers a request that has a body.

        Args:
            request: The request.
            function: Function of the body's bytes that returns a JSON value.
                It runs in a thread.
        """

        def compute(body: bytes) -> bytes:
            return dumps(function(body))

        async with self.bodies.read(request) as body:
            return as_json(await self.work.do(compute, body))


def as_json(content: bytes) -> Response:
    """Returns the answer with a JSON text.

    Args:
        content: The text.
    """
    return Response(content, media_type="application/json")


def as_value(value: Any) -> Response:
    """Returns the answer with a JSON value.

    Args:
        value: The value.
    """
    return as_json(dumps(value))
