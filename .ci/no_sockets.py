"""Put on PYTHONPATH as sitecustomize.py: any attempt to reach a network fails."""

import socket


class NoNetworkError(OSError):
    """A socket to a network was asked for."""


def _refuse(*_: object, **__: object) -> None:
    raise NoNetworkError("the network is cut for this test")


socket.socket.connect = _refuse  # type: ignore[assignment, method-assign]
socket.socket.connect_ex = _refuse  # type: ignore[assignment, method-assign]
socket.getaddrinfo = _refuse  # type: ignore[assignment]
