"""Requests that are not answered: a status and a sentence."""

from collections.abc import Mapping

# HTTP's numbers; TensorFlow Serving gives the same for its own errors.
BAD_REQUEST = 400
FORBIDDEN = 403
NOT_FOUND = 404
BODY_TOO_SLOW = 408
CONFLICT = 409
TOO_LARGE = 413
BROKEN = 500
BUSY = 503
TOO_SLOW = 504


class Refusal(Exception):
    """A request that is refused.

    Args:
        status: HTTP's number.
        sentence: The reason, and what would do.
        headers: Headers of the answer.
    """

    def __init__(
        self,
        status: int,
        sentence: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = dict(headers or {})


def bad(sentence: str) -> Refusal:
    """Returns the refusal of a request that cannot be used, status 400."""
    return Refusal(BAD_REQUEST, sentence)


def too_large(sentence: str) -> Refusal:
    """Returns the refusal of a request beyond a limit, status 413."""
    return Refusal(TOO_LARGE, sentence)


def busy(sentence: str, seconds: int = 1) -> Refusal:
    """Returns the refusal of a request that may come again, status 503.

    Args:
        sentence: The reason.
        seconds: When it may come again.
    """
    return Refusal(BUSY, sentence, {"Retry-After": str(seconds)})
