"""What a worker is given when it begins, and the sockets that all of them take connections from."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.config import Config
from pipeline.workers.meters import Meters

BACKLOG: Final = 1024


@dataclass(frozen=True, slots=True)
class Seat:
    """The place of one worker among several."""

    number: int
    """From 0; the one that takes the place of a dead worker has its number."""
    count: int
    """How many there are."""
    config: Config
    listening: Sequence[socket.socket]
    link: socket.socket
    """To the supervisor."""
    meters: Meters
    started: int
    """When the service was started; unix seconds."""


Work = Callable[[Seat], int]
"""Serves as one of several workers, in a process of its own; returns its exit status."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on all addresses of ``host``; port 0 picks a free one, the same for all of them.

    Workers inherit them, so that they take connections from one queue: whoever is free takes the next one, and what waits is not
    lost with a worker that is killed. (With SO_REUSEPORT each worker has a queue of its own: the kernel fills it whether its
    worker is busy or not, and resets what waits there when its worker dies. uvicorn and gunicorn share one queue as well. The
    price is that a new connection wakes all idle workers, and all but one find nothing. Of 200 at once two took 120 and 80.)

    Raises:
        OSError: the address cannot be listened on.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listening: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            if listening and not port:
                # The first address picked the port.
                address = (address[0], listening[0].getsockname()[1], *address[2:])
            listening.append(_listening(socket.socket(family, kind, protocol), address))
    except OSError:
        for each in listening:
            each.close()
        raise
    return listening


def _listening(each: socket.socket, address: tuple[object, ...]) -> socket.socket:
    try:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if each.family == socket.AF_INET6:
            each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        each.bind(address)
        each.listen(BACKLOG)
    except OSError as error:
        each.close()
        told = os.strerror(error.errno or 0).lower()
        raise OSError(error.errno, f"cannot listen on {address[0]}:{address[1]}: {told}") from None
    return each
