"""Addresses at which nothing listens."""

import socket


def free_addresses(number):
    """Returns addresses of this machine whose ports are free now."""
    listeners = [socket.socket() for _ in range(number)]
    for listener in listeners:
        listener.bind(("localhost", 0))
    addresses = [f"localhost:{each.getsockname()[1]}" for each in listeners]
    for listener in listeners:
        listener.close()
    return addresses
