"""Steps of chains whose options are words of the gateway: the library knows no system text, no header and no provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from hashlib import blake2b
from random import random
from typing import Any

from reactivex import Observable
from reactivex.abc import SchedulerBase

from operators import inject as rescoped
from operators import mirror as mirrored
from operators.options import Count, Percent, Seconds
from operators.signature import checked
from operators.slots import Slots
from operators.stream import Operator
from pipeline.config.headers import fault_of
from pipeline.dialects.amend import with_system
from pipeline.events import Batch, Event, Finish, Refusal, Text, ToolArguments, ToolStart
from pipeline.exchange import Exchange


@checked
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


@checked
def mirror(
    to: str,
    percent: Percent = 1,
    most: Count = 8,
    longest: Seconds = 300.0,
    *,
    candidate: Callable[[str], Observable[Any]],
    make: Callable[[int], Slots] = Slots,
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
        make: makes the slots of ``most``, or finds those that others use already.
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

    return mirrored(
        percent,
        most,
        longest,
        shadow=shadow,
        summary=Gist,
        compare=_difference,
        make=make,
        random=random,
        on_compared=compared,
    )


class Gist:
    """What two answers to one request have in common when they are the same; of no size, however long they are."""

    __slots__ = ("finish", "text", "tools")

    def __init__(self) -> None:
        self.text = blake2b(digest_size=32)
        self.tools = blake2b(digest_size=32)
        self.finish = ""

    def note(self, batch: Batch) -> None:
        """What one batch adds."""
        for event in batch.events:
            self._note(event)

    def _note(self, event: Event) -> None:
        if isinstance(event, Text | Refusal):
            self.text.update(_bytes(event.text))
        elif isinstance(event, ToolStart):
            self.tools.update(_bytes(event.name))
        elif isinstance(event, ToolArguments):
            self.tools.update(_bytes(event.text))
        elif isinstance(event, Finish):
            self.finish = event.reason


def _bytes(text: str) -> bytes:
    """Whatever a provider writes can be compared, also what is no character."""
    return text.encode(errors="surrogatepass")


def _difference(mine: Gist, other: Gist) -> str:
    if mine.text.digest() != other.text.digest():
        return "text_differs"
    if mine.tools.digest() != other.tools.digest():
        return "tools_differ"
    return "same" if mine.finish == other.finish else "finish_differs"
