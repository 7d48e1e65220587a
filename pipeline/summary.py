"""What is known of a request: one record, of which the metrics, the trace and the log each tell their part."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from pipeline.endings import stream_end
from pipeline.events import UNKNOWN, Usage
from pipeline.wording import said

if TYPE_CHECKING:
    from pipeline.errors import GatewayError
    from pipeline.exchange import Exchange
    from pipeline.request import Sent

Kind = tuple[str, str, str, str, str, bool]
"""What requests that ended alike have in common: dialect, model, label of the candidate that answered ("": none), outcome, how
the answer ended, and whether it was a stream."""


class Summary:
    """A request as it ended, or as it stands.

    No more than what its exchange knows anyway: what is done once a request finds nothing in the processor's caches. What can be
    made of it is made when somebody reads, or for many requests at once.

    Args:
        exchange: of the request.
        outcome: ``ok``, ``client_left``, or the error's reason; "" while it is under way.
        status: of the response; None where none was begun, or nobody knows.
        error: what it ended with.
    """

    __slots__ = (
        "answered_by",
        "asked",
        "at",
        "attempts",
        "began",
        "bytes_in",
        "caller",
        "error",
        "first_event",
        "first_write",
        "id",
        "kind",
        "over",
        "parsed",
        "queued",
        "sent",
        "spoken",
        "status",
        "usage",
    )

    def __init__(
        self, exchange: Exchange, outcome: str = "", status: int | None = None, error: GatewayError | None = None
    ) -> None:
        opened = exchange.opened
        label = ""
        self.answered_by = ""
        """The name of the candidate, which a client may have written: its label stands in ``kind``."""
        self.spoken = ""
        """The provider's dialect."""
        self.sent: Sent | None = None
        """The attempt that answered."""
        if opened is not None:
            label, self.answered_by, self.spoken, self.sent = opened.label, opened.candidate, opened.dialect, opened.sent
        end = stream_end(outcome, exchange.error)
        self.kind: Kind = (exchange.dialect.name, exchange.label, label, outcome, end, exchange.stream)
        self.id = exchange.id
        self.at = time.time()
        """Unix seconds of this moment. All other times are on the exchange's clock (monotonic seconds)."""
        self.over = time.monotonic()
        """The same moment."""
        self.began = exchange.began
        self.parsed = exchange.parsed_at
        self.first_event = exchange.first_event_at
        self.first_write = exchange.first_write_at
        self.queued = exchange.waited
        self.asked = exchange.model
        """The model's name as the client wrote it."""
        self.caller: str | None = exchange.caller
        self.bytes_in = len(exchange.raw)
        self.attempts = exchange.attempts
        """How many were made."""
        self.usage: Usage = exchange.usage
        self.status = 200 if status is None and self.first_write is not None else status
        """Of the response; None: none was begun."""
        self.error: tuple[str, str] | None = None if error is None else (error.reason, said(error))
        """(reason, message)."""

    @property
    def outcome(self) -> str:
        """``ok``, ``client_left``, or the error's reason; "" while it is under way."""
        return self.kind[3]

    @classmethod
    def of(cls, **known: Any) -> Summary:
        """One of a request that was never understood, or is told by somebody else: what is not ``known`` of it is nothing."""
        summary: Summary = object.__new__(cls)
        for name, value in {**_NOTHING, **known}.items():
            setattr(summary, name, value)
        return summary

    def plain(self) -> tuple[Any, ...]:
        """In plain values, for ``of_plain``: all but the attempt that answered, and what its trace has, too (id, beginning)."""
        usage = self.usage
        return (
            self.kind,
            self.at,
            self.over,
            self.parsed,
            self.first_event,
            self.first_write,
            self.queued,
            self.asked,
            self.caller,
            self.bytes_in,
            self.attempts,
            self.status,
            self.error,
            self.answered_by,
            self.spoken,
            (usage.input, usage.output, usage.total, usage.cache_read, usage.cache_write, usage.reasoning),
        )

    @classmethod
    def of_plain(cls, id: str, began: float, values: tuple[Any, ...]) -> Summary:
        """What ``plain`` told."""
        *others, tokens = values
        return cls.of(id=id, began=began, usage=Usage(*tokens), **dict(zip(PLAIN, others, strict=True)))


PLAIN: Final = (
    *("kind", "at", "over", "parsed", "first_event", "first_write", "queued", "asked"),
    *("caller", "bytes_in", "attempts", "status", "error", "answered_by", "spoken"),
)
"""The order of ``plain``; behind them stands the usage."""

_NOTHING: Final[dict[str, Any]] = {
    **dict.fromkeys(Summary.__slots__),
    "kind": ("", "other", "", "", "", False),
    **dict.fromkeys(("asked", "answered_by", "spoken"), ""),
    **dict.fromkeys(("at", "began", "over", "queued"), 0.0),
    **dict.fromkeys(("bytes_in", "attempts"), 0),
    "usage": UNKNOWN,
}
