"""Steps of chains whose options are words of the gateway: the library knows no system text, no header and no provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from random import random
from typing import Any, NamedTuple

from reactivex import Observable
from reactivex.abc import SchedulerBase

from operators import inject as rescoped
from operators import mirror as mirrored
from operators.options import Count, Percent, Seconds
from operators.stream import Operator
from pipeline.config.headers import fault_of
from pipeline.dialects.amend import with_system
from pipeline.events import Batch, Event, Finish, Refusal, Text, ToolArguments, ToolStart
from pipeline.exchange import Exchange


def inject(system: str | None = None, headers: dict[str, str] | None = None) -> Operator[Batch, Batch]:
    """Add a system text before the client's own, or headers of the provider's request.

    Args:
        system: stands before whatever system text the client gave, in the client's own dialect.
        headers: every provider request carries them, in place of the provider's own of the same names.

    Raises:
        ValueError: neither is given, or a header cannot be sent.
        StepError (as ``on_error``): the request cannot be written anew.

    After dispose: the source is let go.
    """
    if not system and not headers:
        raise ValueError("inject: give a system text, or headers, or both")
    for name, value in (headers or {}).items():
        fault = fault_of(name, value)
        if fault is not None:
            raise ValueError(f"inject: headers must not {fault}")
    own = {name.lower(): value for name, value in (headers or {}).items()}
    return rescoped(partial(_amended, system, own))


def _amended(system: str | None, headers: Mapping[str, str], scheduler: SchedulerBase | None) -> SchedulerBase | None:
    if not isinstance(scheduler, Exchange):
        return scheduler
    body = with_system(scheduler.dialect.name, scheduler.body, system) if system else None
    return scheduler.amended(body, headers)


Shadow = tuple[Observable[Any], SchedulerBase | None]


def mirror(
    to: str,
    percent: Percent = 1,
    most: Count = 8,
    longest: Seconds = 300.0,
    *,
    candidate: Callable[[str], Observable[Any]],
    random: Callable[[], float] = random,
    on_mirrored: Callable[[str, str], None] | None = None,
) -> Operator[Batch, Batch]:
    """Ask another candidate the same, for a share of the requests, without any effect on the client; count what differs.

    Args:
        to: ``provider/model``.
        percent: the share of the requests, more than 0 and at most 100.
        most: how many at the same time; over it there is none.
        longest: seconds until both answers have to be over.
        candidate: gives the attempt at ``provider/model``.
        random: 0 <= x < 1.
        on_mirrored: probe, called with (``to``, outcome): ``same``, ``text_differs``, ``tools_differ``, ``finish_differs``,
            or what ``operators.mirror`` says of answers that cannot be compared.

    Raises:
        ValueError: a number is out of its range, or there is no such candidate.

    After dispose: the client's answer and the copy are let go.
    """
    other = candidate(to)

    def shadow(scheduler: SchedulerBase | None) -> Shadow | None:
        return (other, scheduler.fork()) if isinstance(scheduler, Exchange) else None

    def compared(word: str, mine: Any, theirs: Any) -> None:
        if on_mirrored is not None:
            on_mirrored(to, word)

    return mirrored(percent, most, longest, shadow=shadow, summary=Gist, compare=_difference, random=random, on_compared=compared)


class Gist:
    """What two answers to one request have in common when they are the same."""

    __slots__ = ("finish", "text", "tools")

    def __init__(self) -> None:
        self.text: list[str] = []
        self.tools: list[str] = []
        self.finish = ""

    def note(self, batch: Batch) -> None:
        """What one batch adds."""
        for event in batch.events:
            self._note(event)

    def _note(self, event: Event) -> None:
        if isinstance(event, Text | Refusal):
            self.text.append(event.text)
        elif isinstance(event, ToolStart):
            self.tools.append(event.name)
        elif isinstance(event, ToolArguments):
            self.tools.append(event.text)
        elif isinstance(event, Finish):
            self.finish = event.reason

    def said(self) -> Said:
        """All of it, whatever its pieces were."""
        return Said("".join(self.text), "".join(self.tools), self.finish)


class Said(NamedTuple):
    """An answer in three words."""

    text: str
    tools: str
    finish: str


def _difference(mine: Gist, other: Gist) -> str:
    one, two = mine.said(), other.said()
    if one.text != two.text:
        return "text_differs"
    if one.tools != two.tools:
        return "tools_differ"
    return "same" if one.finish == two.finish else "finish_differs"
