"""Lines on their way to a file or a terminal: whoever has one to write never waits, however slow the other side is."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

PAUSE: Final = 0.05
"""Seconds for which lines are gathered before they are written together."""
MOST: Final = 10_000
"""Lines that wait; for further ones the oldest are dropped and counted."""
LAST: Final = 2.0
"""Seconds that the lines which wait at the end may take."""
_AT_ONCE: Final = 64
"""Lines that are made before somebody who waits for them gets a turn."""

T = TypeVar("T")


class Lines(Generic[T]):
    """A bounded queue and one thread that empties it.

    Args:
        form: makes a line, with its line feed, of what was put here; called by the thread.
        write: writes some whole lines at once; it may block, and may raise OSError: then they are lost, and counted.
        most: lines that may wait.
        pause: seconds for which lines are gathered.
    """

    def __init__(
        self, form: Callable[[T], bytes], write: Callable[[bytes], None], *, most: int = MOST, pause: float = PAUSE
    ) -> None:
        self._form = form
        self._write = write
        self._most = most
        self._pause = pause
        self.waiting: deque[T] = deque()
        """Of what no line was made yet."""
        self.forming = threading.RLock()
        """Held while lines are made of what waits: who wants to see both sees each line once."""
        self._awake = False
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped = 0
        """Lines that had to make room in a full queue, or could not be written."""

    def put(self, said: T) -> None:
        """Have a line made of this and written soon."""
        if len(self.waiting) >= self._most:
            # The newest says more. (The thread may have made room meanwhile.)
            with contextlib.suppress(IndexError):
                self.waiting.popleft()
                self.dropped += 1
        self.waiting.append(said)
        # While the thread gathers lines it need not be told of another one: that is what a wake-up costs at most.
        if not self._awake:
            self._awake = True
            self._wake.set()
            if self._thread is None:
                # Not before there is anything to write: a process that forks first has no thread to lose.
                self._thread = threading.Thread(target=self._run, name="lines", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._wake.clear()
            self._closing.wait(self._pause)
            self._awake = False
            self._flush()

    def _flush(self) -> None:
        waiting = self.waiting
        batch = []
        while waiting:
            with self.forming:
                for _ in range(min(len(waiting), _AT_ONCE)):
                    try:
                        batch.append(self._form(waiting.popleft()))
                    except Exception:
                        self.dropped += 1
        if batch:
            try:
                self._write(b"".join(batch))
            except (OSError, ValueError):
                # There is nobody left to tell; the number is in /debug/stats.
                self.dropped += len(batch)

    def close(self) -> None:
        """Write what waits, for at most ``LAST`` seconds, and end the thread. Idempotent; lines that come later are lost."""
        self._closing.set()
        self._wake.set()
        thread = self._thread
        if thread is not None:
            thread.join(LAST)
            if thread.is_alive():
                return
        until = time.monotonic() + LAST
        while self.waiting and time.monotonic() < until:
            self._flush()


class Direct(Lines[T]):
    """Lines that are written at once, without a thread: for a process that forks."""

    def put(self, said: T) -> None:
        """Have a line made of this and write it."""
        self.waiting.append(said)
        self._flush()
