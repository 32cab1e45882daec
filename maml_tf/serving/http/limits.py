"""Limits of a server: how much a request may ask for."""

import dataclasses
import math

from maml_tf.errors import check_above_zero, check_at_least_one, refusal

MEGABYTE = 2**20


@dataclasses.dataclass(frozen=True)
class Limits:
    """The limits, which are also the flags of `maml-tf serve`.

    Args:
        max_body: Largest body of a request, in megabytes.
        max_examples: Most examples of a support set, and most queries.
        max_classes: Most classes of a request.
        max_pixels: Most pixels of one picture, its height times its width.
        max_steps: Most gradient steps of a request.
        max_requests: Most requests that are computed or wait for it. One more
            is answered with status 503.
        request_timeout: Seconds until a request is given up.
        body_timeout: Seconds in which a request's body must have arrived.
        max_users: Most users whose weights are kept, over all models.
        max_users_size: Most bytes of all users' weights, in megabytes.

    Raises:
        InputError: A limit is not a number above zero.
    """

    max_body: int = 16
    max_examples: int = 100
    max_classes: int = 50
    max_pixels: int = 1_000_000
    max_steps: int = 100
    max_requests: int = 32
    request_timeout: float = 30.0
    body_timeout: float = 10.0
    max_users: int = 10_000
    max_users_size: int = 4_096

    def __post_init__(self) -> None:
        values = dataclasses.asdict(self)
        seconds = {
            name: values.pop(name)
            for name in ("request_timeout", "body_timeout")
        }
        steps = values.pop("max_steps")
        if steps < 0:
            raise refusal("max_steps", steps, "it must be 0 or more")
        check_at_least_one(**values)
        check_above_zero(**seconds)
        for name, value in seconds.items():
            if not math.isfinite(value):
                raise refusal(name, value, "it must be a finite number")

    @property
    def body_bytes(self) -> int:
        """Largest body of a request in bytes."""
        return self.max_body * MEGABYTE

    @property
    def users_bytes(self) -> int:
        """Most bytes of all users' weights."""
        return self.max_users_size * MEGABYTE
