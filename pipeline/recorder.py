"""Begins and ends the record of each request: its trace, and its line in the log."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from operators.tap import quietly
from pipeline.bodies import Bodies
from pipeline.config import TracesConfig
from pipeline.errors import GatewayError
from pipeline.events import UNKNOWN
from pipeline.exchange import Exchange
from pipeline.logs import Lines, iso
from pipeline.redaction import Redactor
from pipeline.resolve import Route
from pipeline.summary import Summary
from pipeline.traces import Ring, Trace
from pipeline.traces.attempt import micros
from pipeline.traces.file import RotatingFile
from pipeline.traces.record import counted
from pipeline.wording import said

if TYPE_CHECKING:
    from pipeline.telemetry.otel import Telemetry

log = logging.getLogger("penstock")

_LEVELS: Final = {logging.INFO: "info", logging.WARNING: "warning"}


class Recorder:
    """What is known of the requests of one process.

    Args:
        config: the section ``traces``.
        digest: of the configuration in force.
        redactor: hides secrets where texts are shown.
        worker: number of the process.
    """

    def __init__(self, config: TracesConfig, digest: str = "", redactor: Redactor | None = None, worker: int = 0) -> None:
        self.ring = Ring(config.keep)
        self.worker = worker
        self.telemetry: Telemetry | None = None
        """Makes spans of requests; None: nobody wants them, and it costs nothing."""
        self.say: Callable[[dict[str, Any]], None] = _say
        """Writes a whole line into the log. ``Logs.say`` costs less than a logger."""
        self._file: RotatingFile | None = None
        self._lines: Lines[Trace] | None = None
        self._dropped = 0
        """Of earlier files."""
        self._of_file: tuple[Any, ...] = (None, config.file_size, config.files)
        self.use(config, digest, redactor or Redactor())

    def use(self, config: TracesConfig, digest: str, redactor: Redactor) -> None:
        """Another configuration is in force; requests under way are recorded as they began."""
        self.ring.resize(config.keep)
        self._digest = digest
        self._redactor = redactor
        self._bodies = config.bodies
        of_file = (config.file, config.file_size, config.files)
        if of_file != self._of_file:
            # Beside the event loop: a slow disk may take its time for what waits.
            if self._lines is not None:
                threading.Thread(target=_close, args=(self._lines, self._file), daemon=True).start()
                self._dropped += self._lines.dropped
            self._of_file, self._lines, self._file = of_file, None, None
            if config.file is not None:
                self._file = RotatingFile(_own(Path(config.file), self.worker), config.file_size, config.files)
                self._lines = Lines(self._line, self._file.write)

    @property
    def dropped(self) -> int:
        """Traces that could not be written to the file."""
        return self._dropped + (0 if self._lines is None else self._lines.dropped)

    def close(self) -> None:
        """Write what waits to be written, and let go of the file."""
        _close(self._lines, self._file)
        self._lines = self._file = None

    def begin(self, exchange: Exchange, route: Route) -> None:
        """A request is about to be answered."""
        if not self.ring.keep and self.telemetry is None:
            return
        trace = self._trace(exchange.id, exchange.dialect.name, exchange.began, route.chain)
        if self._bodies:
            trace.bodies = Bodies(exchange.raw)
        exchange.trace = trace
        self.ring.begin(trace)
        if self.telemetry is not None:
            self.telemetry.begin(exchange)

    def _trace(self, id: str, dialect: str, began: float, chain: str = "") -> Trace:
        at = time.time() - (time.monotonic() - began)
        return Trace(id, at, began, dialect, self.worker, self._digest, chain=chain)

    def end(self, exchange: Exchange, summary: Summary, error: GatewayError | None = None) -> None:
        """It ended, whatever its end.

        Args:
            summary: what is known of it now.
            error: what it ended with.
        """
        trace = exchange.trace
        if trace is not None:
            try:
                trace.end(summary)
            finally:
                # Whatever became of its notes, it is not under way any more.
                self._keep(trace)
            if self.telemetry is not None and exchange.span is not None and exchange.span.sampled:
                quietly(self.telemetry.end, exchange.span, self.told(trace, stages=False))
        level = _level(error)
        if log.isEnabledFor(level):
            self.say(_line_of(summary, trace, level))

    def refused(
        self,
        id: str,
        dialect: str,
        began: float,
        outcome: str,
        status: int | None,
        error: GatewayError | None,
        caller: str | None,
    ) -> None:
        """A request was refused, or its client left, before it was known what it asks for (TR-O3).

        ``caller``: None: a stranger, who must not be able to push others' traces out.
        """
        summary = Summary.of(
            kind=(dialect, "other", "", outcome, outcome, False),
            id=id,
            at=time.time(),
            over=time.monotonic(),
            began=began,
            caller=caller,
            status=status,
            error=None if error is None else (error.reason, said(error)),
        )
        if caller is not None and self.ring.keep:
            trace = self._trace(id, dialect, began)
            trace.end(summary)
            self._keep(trace)
        level = _level(error)
        if log.isEnabledFor(level):
            line: dict[str, Any] = {"ts": iso(summary.at), "level": _LEVELS[level], "event": "request", "id": id}
            line |= {"outcome": outcome, "status": status, "dialect": dialect, "caller": caller or None}
            line |= {"seconds": micros(summary.over - began), "cause": summary.error and summary.error[1]}
            self.say({name: value for name, value in line.items() if value is not None})

    def _keep(self, trace: Trace) -> None:
        self.ring.end(trace)
        if self._lines is not None:
            # Here, because it is read in another thread.
            trace.settle()
            self._lines.put(trace)

    def told(self, trace: Trace, *, stages: bool = True) -> dict[str, Any]:
        """The JSON form of a trace as it may be shown: whatever a client wrote goes through the redactor."""
        told = trace.to_json(stages=stages)
        for place in (told, *told["attempts"]):
            for name in ("asked", "candidate"):
                if name in place:
                    place[name] = self._redactor.text(place[name])
        if trace.bodies is not None and stages:
            told["request"], told["answer"] = trace.bodies.told(self._redactor)
        return told

    def _line(self, trace: Trace) -> bytes:
        return orjson.dumps(self.told(trace), option=orjson.OPT_APPEND_NEWLINE)


def _close(lines: Lines[Trace] | None, file: RotatingFile | None) -> None:
    if lines is not None:
        lines.close()
    if file is not None:
        file.close()


def _own(path: Path, worker: int) -> Path:
    """Workers do not write into one file: each but the first has one of its own."""
    return path.with_name(f"{path.stem}.w{worker}{path.suffix}") if worker else path


def _level(error: GatewayError | None) -> int:
    """What a person must know: that somebody got no answer, and it was not their own doing."""
    return logging.WARNING if error is not None and error.status >= 500 else logging.INFO


def _line_of(summary: Summary, trace: Trace | None, level: int) -> dict[str, Any]:
    """What the log says of a request: nothing of what was said, and no name that a client made up."""
    dialect, model, candidate, outcome, _, stream = summary.kind
    began, first, status = summary.began, summary.first_event, summary.status
    line: dict[str, Any] = {
        "ts": iso(summary.at),
        "level": _LEVELS[level],
        "event": "request",
        "id": summary.id,
        "outcome": outcome,
        "status": status,
        "dialect": dialect,
        "model": model,
        "candidate": candidate,
        "caller": summary.caller,
        "stream": stream,
        "attempts": summary.attempts,
        "seconds": micros(summary.over - began),
        "first_event": None if first is None else micros(first - began),
    }
    if not summary.caller:
        del line["caller"]
    if not candidate:
        del line["candidate"]
    if status is None or first is None:
        line = {name: value for name, value in line.items() if value is not None}
    if summary.queued:
        line["queued"] = micros(summary.queued)
    if summary.usage is not UNKNOWN:
        line["usage"] = counted(summary.usage)
    if trace is not None and (outcome != "ok" or len(trace.attempts) > 1):
        line["tried"] = [
            {"candidate": each.label, "outcome": each.outcome, **({"reason": each.reason} if each.reason else {})}
            for each in trace.attempts
        ]
    if summary.error is not None:
        line["cause"] = summary.error[1]
    return line


def _say(line: dict[str, Any]) -> None:
    log.log(logging.getLevelNamesMapping()[line["level"].upper()], line["event"], extra={"fields": line})
