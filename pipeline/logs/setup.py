"""Where the log goes: every logger of the process into one handler, which keeps the last lines and has them written."""

from __future__ import annotations

import errno
import logging
import os
import select
import sys
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TextIO

import orjson

from pipeline.config import LogsConfig
from pipeline.logs.format import Fields, Format, as_json, as_text, fields
from pipeline.logs.lines import Direct, Lines

KEPT: Final = 1000
"""Lines that /debug/logs can tell."""
_TOGETHER: Final = 50
"""Lines that are kept as one piece: memory that is used again at once stays in the caches, a thousand lines do not."""


class Logs(logging.Handler):
    """The handler of all loggers.

    Args:
        form: makes a line.
        write: writes some lines; it may block.
        threaded: whether a thread writes.
    """

    def __init__(self, form: Format, write: Callable[[bytes], None], *, threaded: bool = True) -> None:
        super().__init__()
        self.form = form
        lines: type[Lines[bytes]] = Lines if threaded else Direct
        self.lines = lines(self._line, write)
        self._last: list[bytes] = []
        """The last lines, as JSON: a quarter of the room that their fields take."""
        self._before: deque[bytes] = deque(maxlen=KEPT // _TOGETHER)
        """Those before them, ``_TOGETHER`` in a piece."""

    def createLock(self) -> None:
        """Nothing here needs one: what is kept is written and read under that of the queue (``Lines.forming``)."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it and have it written. Never raises: what cannot be said is not worth a request."""
        try:
            told = fields(record)
        except Exception:
            self.lines.dropped += 1
        else:
            self.say(told)

    def say(self, told: Fields) -> None:
        """A whole line of our own making, past the machinery of loggers, which costs more than the line. Never raises."""
        # Made here, though a thread could: while it waits, what it is made of takes more room. A copy: what the library gives
        # keeps the room in which it was written, some kilobytes.
        try:
            line = memoryview(as_json(told)).tobytes()
        except Exception:
            self.lines.dropped += 1
        else:
            self.lines.put(line)

    def _line(self, line: bytes) -> bytes:
        last = self._last
        last.append(line)
        if len(last) >= _TOGETHER:
            self._before.append(b"".join(last))
            last.clear()
        return line if self.form is as_json else self.form(orjson.loads(line))

    def use(self, config: LogsConfig, stream: TextIO) -> None:
        """Another configuration is in force."""
        self.form = _form(config.format, stream)
        logging.getLogger("penstock").setLevel(config.level.upper())

    def close(self) -> None:
        """Write what waits."""
        self.lines.close()
        super().close()

    def tail(self, limit: int, level: int) -> list[dict[str, Any]]:
        """The last lines of this level or above, newest last."""
        with self.lines.forming:
            lines = [*b"".join(self._before).splitlines(), *self._last, *list(self.lines.waiting)[-KEPT:]]
        known = logging.getLevelNamesMapping()
        told: list[dict[str, Any]] = [orjson.loads(line) for line in lines[-KEPT:]]
        # A level of somebody's own has no name: it is shown.
        chosen = [line for line in told if known.get(line["level"].upper(), logging.CRITICAL) >= level]
        return chosen[-limit:]


def start(config: LogsConfig, stream: TextIO | None = None, *, threaded: bool = True) -> Logs:
    """Log to ``stream`` (stderr) from now on, in place of whatever was set up before. To be closed at the end.

    Args:
        config: the section ``logs``.
        stream: by default stderr.
        threaded: whether a thread may write, so that nobody waits; else each line is written at once.

    What other libraries say is logged from warnings on, so that nobody's log of requests is drowned in theirs.
    """
    stream = stream or sys.stderr
    write = _write if threaded else _offer
    handler = Logs(_form(config.format, stream), partial(write, stream), threaded=threaded)
    handler.use(config, stream)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # Nobody asks for these, and each costs a line time.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    return handler


def _form(name: str, stream: TextIO) -> Format:
    terminal = stream.isatty()
    if name == "json" or (name == "auto" and not terminal):
        return as_json
    return partial(as_text, coloured=terminal and "NO_COLOR" not in os.environ)


def _write(stream: TextIO, data: bytes) -> None:
    while data:
        data = data[os.write(stream.fileno(), data) :]


def _offer(stream: TextIO, data: bytes) -> None:
    """Write what there is room for at once: whoever has no thread for it must not wait for a reader that does not read.

    Raises:
        BlockingIOError: there was no room for all of it; the rest is lost.
    """
    room = select.poll()
    room.register(stream.fileno(), select.POLLOUT)
    while data:
        if not room.poll(0):
            raise BlockingIOError(errno.EAGAIN, "nobody reads the log")
        # So much fits wherever anything fits.
        data = data[os.write(stream.fileno(), data[: select.PIPE_BUF]) :]
