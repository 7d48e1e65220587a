"""The supervisor's end of its socket to one worker: it never blocks, and holds only so much for a worker that does not read."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from typing import Final

from pipeline.workers.frames import LONGEST, Broken, Frame, Frames

HELD: Final = 2 * LONGEST
"""Bytes that wait for one worker."""
_READ: Final = 256 * 1024


class Channel:
    """One worker's socket in the supervisor's loop.

    Args:
        ours: the supervisor's end.
        selector: of the supervisor's loop; its keys' data are called when their sockets are ready.
        received: called with each frame.
    """

    def __init__(self, ours: socket.socket, selector: selectors.BaseSelector, received: Callable[[Frame], None]) -> None:
        ours.setblocking(False)
        self._socket = ours
        self._selector = selector
        self._received = received
        self._frames = Frames()
        self._held = bytearray()
        self._open = True
        selector.register(ours, selectors.EVENT_READ, self._ready)

    def send(self, data: bytes) -> None:
        """Send it when the worker reads; nothing, where too much waits for that already or it has hung up."""
        if not self._open or len(self._held) + len(data) > HELD:
            return
        self._held += data
        self._write()

    def close(self) -> None:
        """Take what the worker still said, and let go of the socket. For a worker that has ended."""
        self._read()
        self._shut()
        self._socket.close()

    def abandon(self) -> None:
        """Close the inherited copy in a new process, which has nothing to do with this worker."""
        self._socket.close()

    def _ready(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._write()
        if events & selectors.EVENT_READ and self._open:
            self._read()

    def _read(self) -> None:
        while self._open:
            try:
                data = self._socket.recv(_READ)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                # It hangs up when it ends.
                self._shut()
                return
            try:
                for frame in self._frames.feed(data):
                    self._received(frame)
            except Broken:
                self._shut()

    def _write(self) -> None:
        try:
            del self._held[: self._socket.send(self._held)]
        except BlockingIOError:
            pass
        except OSError:
            # It is gone; what it said before is still there to be read.
            self._held.clear()
        if self._open:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._held else 0)
            self._selector.modify(self._socket, wanted, self._ready)

    def _shut(self) -> None:
        if self._open:
            self._open = False
            self._selector.unregister(self._socket)
