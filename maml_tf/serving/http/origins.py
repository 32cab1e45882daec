"""Pages of other sites, whose requests a browser would send along."""

from starlette.types import ASGIApp, Receive, Scope, Send

_SITE = (b"sec-fetch-site", b"cross-site")


class OwnPages:
    """An application that answers no page of another site.

    A server on loopback is reached by every page that its user's browser shows.
    Browsers say where a request comes from; other clients do not.

    Args:
        app: The application.
        refusal: The answer to such a page.
    """

    def __init__(self, app: ASGIApp, refusal: ASGIApp) -> None:
        self._app, self._refusal = app, refusal

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answers a request, as ASGI wants it.

        Args:
            scope: The request's head.
            receive: Function that receives its body.
            send: Function that sends the answer.
        """
        is_read = scope.get("method") in ("GET", "HEAD")
        is_foreign = not is_read and _SITE in scope.get("headers", ())
        app = self._refusal if is_foreign else self._app
        await app(scope, receive, send)
