"""Addresses on this machine at which nothing listens."""

import contextlib
import socket


def free_addresses(number: int) -> list[str]:
    """Returns addresses `localhost:port` whose ports are free now.

    Args:
        number: How many, each with a port of its own.
    """
    with contextlib.ExitStack() as open_until_all_are_found:
        listeners = [
            open_until_all_are_found.enter_context(socket.socket())
            for _ in range(number)
        ]
        for listener in listeners:
            listener.bind(("localhost", 0))
        return [f"localhost:{each.getsockname()[1]}" for each in listeners]
