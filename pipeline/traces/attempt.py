"""One request to one candidate, as a trace tells it."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pipeline.traces.log import place

Outcome = Literal["ok", "error", "let_go"]


class Failure(NamedTuple):
    """What an attempt ended with: its reason and the text that a client may read, never an exception's own."""

    reason: str
    status: int
    message: str
    retry_after: float | None


class Attempt:
    """One request to one candidate.

    Args:
        number: from 1 in the order of asking.
        candidate: ``provider/model``, as configured.
        began: seconds, on the trace's clock, as all times here.
    """

    __slots__ = (
        "began",
        "candidate",
        "committed",
        "dialect",
        "ended",
        "failure",
        "guarded",
        "label",
        "number",
        "opened",
        "outcome",
        "place",
        "sent",
        "shared",
        "superseded",
        "tried",
        "whole",
    )

    def __init__(self, number: int, candidate: str, began: float) -> None:
        self.number = number
        self.place = place("wire", number)
        """Under which its first stage is noted (``log.place``)."""
        self.candidate = candidate
        self.began = began
        self.label = ""
        """The candidate as configured: what a client wrote is no part of it."""
        self.dialect = ""
        self.tried = False
        """Whether its candidate was asked: it may stand in a queue all the time."""
        self.guarded: float | None = None
        """When the guards around it began, where they are noted."""
        self.sent: int | None = None
        """The number under which its request went out (``Exchange.send``); None: it never did."""
        self.opened: float | None = None
        self.ended: float | None = None
        self.outcome: Outcome | None = None
        self.failure: Failure | None = None
        """What it ended with."""
        self.committed = False
        """Whether it said anything of an answer."""
        self.whole = False
        """Whether it said that its answer is complete."""
        self.shared = False
        """Whether it was made for several requests at once."""
        self.superseded = False
        """Whether the guards around it went on with another try of the same candidate, and have nothing to say of this one."""

    @property
    def reason(self) -> str | None:
        """Why it failed, in a word."""
        return None if self.failure is None else self.failure.reason

    def end(self, at: float, outcome: Outcome) -> bool:
        """It ended, unless that was said already: what happens behind a complete answer changes nothing. False: nothing changed.

        Who only let it go is corrected by a guard that says why it did.
        """
        corrects = outcome == "error" and self.outcome == "let_go" and not self.whole
        if self.outcome is not None and not corrects:
            return False
        self.ended = at
        self.outcome = outcome
        return True

    def fail(self, at: float, reason: str, status: int, message: str, retry_after: float | None) -> None:
        """It ended with an error."""
        if self.end(at, "error"):
            self.failure = Failure(reason, status, message, retry_after)

    def to_json(self, began: float) -> dict[str, Any]:
        """As in a trace's ``attempts``; what is not known is left out."""
        ended, failure = self.outcome is not None, self.failure
        return present(
            number=self.number,
            candidate=self.candidate,
            dialect=self.dialect or None,
            sent=self.sent,
            began=elapsed(self.began, began),
            opened=elapsed(self.opened, began),
            ended=elapsed(self.ended, began),
            outcome=self.outcome,
            reason=self.reason,
            phase=("semantic" if self.committed else "setup") if ended else None,
            status=failure and failure.status,
            message=failure and failure.message,
            retry_after=failure and failure.retry_after,
            shared=self.shared or None,
        )


def present(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def elapsed(at: float | None, began: float) -> float | None:
    """Seconds since ``began``, to the microsecond."""
    return None if at is None else micros(at - began)


def micros(seconds: float) -> float:
    """To the microsecond. ``round`` takes ten times as long.

    >>> micros(0.1234567)
    0.123457
    """
    return int(seconds * 1e6 + 0.5) / 1e6
