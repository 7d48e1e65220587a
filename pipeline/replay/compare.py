"""What two runs of one request have in common and what not: a small table, and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.replay.axis import shown
from pipeline.replay.recording import Attempt, Recording

# Times that are nearer than this, in seconds, or than this share of the longer one, are the same: real clocks jitter.
_SAME: Final = 0.05
_SHARE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the table; ``differs``: in a way that matters."""

    name: str
    recorded: str
    replayed: str
    differs: bool


def facts(recorded: Recording, replayed: Recording) -> list[Fact]:
    """Who answered, when it began, how and when it ended, with how many attempts, and which guards acted."""
    return [
        Fact(
            "answered by",
            answered(recorded) or "nobody",
            answered(replayed) or "nobody",
            answered(recorded) != answered(replayed),
        ),
        Fact(
            "first event",
            _at(recorded.first_event),
            _at(replayed.first_event),
            not _near(recorded.first_event, replayed.first_event),
        ),
        Fact("ended", outcome(recorded), outcome(replayed), recorded.outcome != replayed.outcome),
        Fact("after", _at(recorded.seconds), _at(replayed.seconds), not _near(recorded.seconds, replayed.seconds)),
        Fact("attempts", _attempts(recorded), _attempts(replayed), _asked(recorded) != _asked(replayed)),
        Fact("guards", _guards(recorded), _guards(replayed), not _acted_alike(recorded, replayed)),
    ]


def sentences(recorded: Recording, replayed: Recording) -> list[str]:
    """In plain words what would have been otherwise; none where nothing would."""
    return [
        *_who(recorded, replayed),
        *_first(recorded, replayed),
        *_ended(recorded, replayed),
        *_tries(recorded, replayed),
        *_acts(recorded, replayed),
    ]


def same(recorded: Recording, replayed: Recording) -> bool:
    """Whether the client would have seen the same: who answered, how it ended, and about when."""
    return not any(fact.differs for fact in facts(recorded, replayed))


def answered(recording: Recording) -> str:
    """The candidate whose words the client saw; "" where it saw none."""
    return recording.candidate if recording.first_event is not None else ""


def outcome(recording: Recording) -> str:
    """How it ended, in words."""
    if recording.outcome == "ok":
        return "well"
    if recording.outcome == "client_left":
        return "the client left"
    if not recording.outcome:
        return "not yet"
    return f"error: {recording.outcome}" + (" (in-band)" if recording.first_event is not None else "")


def _who(recorded: Recording, replayed: Recording) -> Iterator[str]:
    before, after = answered(recorded), answered(replayed)
    if before == after:
        return
    if not after:
        yield f"Nobody would have answered; {before} did."
    elif not before:
        yield f"{after} would have answered; nobody did."
    else:
        yield f"{after} would have answered instead of {before}."


def _first(recorded: Recording, replayed: Recording) -> Iterator[str]:
    before, after = recorded.first_event, replayed.first_event
    if before is None or after is None or _near(before, after):
        return
    way = "earlier" if after < before else "later"
    yield f"The first event would have come {shown(abs(after - before))} {way}: after {shown(after)} instead of {shown(before)}."


def _ended(recorded: Recording, replayed: Recording) -> Iterator[str]:
    if recorded.outcome != replayed.outcome:
        yield f"It would have {_past(replayed)}; it {_past(recorded, was=True)}."
    elif not _near(recorded.seconds, replayed.seconds) and recorded.seconds is not None and replayed.seconds is not None:
        way = "earlier" if replayed.seconds < recorded.seconds else "later"
        difference = shown(abs(replayed.seconds - recorded.seconds))
        yield f"It would have ended {difference} {way}: after {shown(replayed.seconds)} instead of {shown(recorded.seconds)}."


def _past(recording: Recording, *, was: bool = False) -> str:
    at = f" after {shown(recording.seconds)}" if recording.seconds is not None else ""
    if recording.outcome == "ok":
        return f"ended well{at}"
    if recording.outcome == "client_left":
        return f"{'was' if was else 'been'} left by its client{at}"
    if not recording.outcome:
        return f"{'was' if was else 'been'} still under way{at}"
    place = ", in the middle of the answer" if recording.first_event is not None else ", before a word was said"
    return f"failed with {recording.outcome}{at}{place}"


def _tries(recorded: Recording, replayed: Recording) -> Iterator[str]:
    before, after = _counts(recorded), _counts(replayed)
    for candidate in dict.fromkeys([*before, *after]):
        was, would = before.get(candidate, 0), after.get(candidate, 0)
        if was == would:
            continue
        if not would:
            yield f"{candidate} would not have been asked."
        elif not was:
            yield f"{candidate} would have been asked{_times(would)}; it was not."
        else:
            yield f"{candidate} would have been asked {_number(would)} instead of {_number(was)}."
    if before == after and _asked(recorded) != _asked(replayed):
        yield f"The candidates would have been asked in another order: {_attempts(replayed)}."


def _acts(recorded: Recording, replayed: Recording) -> Iterator[str]:
    before, after = _acted(recorded), _acted(replayed)
    for operator in dict.fromkeys([*before, *after]):
        if operator not in after:
            yield f"{operator} would not have acted; it did after {_times_of(before[operator])}."
        elif operator not in before:
            yield f"{operator} would have acted after {_times_of(after[operator])}."
        elif not _all_near(before[operator], after[operator]):
            yield f"{operator} would have acted after {_times_of(after[operator])} instead of {_times_of(before[operator])}."


def _acted(recording: Recording) -> Mapping[str, Sequence[float]]:
    """Guard -> when it acted, in seconds."""
    found: dict[str, list[float]] = {}
    for trip in recording.trips:
        found.setdefault(trip.operator, []).append(trip.at)
    return found


def _acted_alike(recorded: Recording, replayed: Recording) -> bool:
    before, after = _acted(recorded), _acted(replayed)
    return before.keys() == after.keys() and all(_all_near(before[operator], after[operator]) for operator in before)


def _all_near(some: Sequence[float], others: Sequence[float]) -> bool:
    return len(some) == len(others) and all(map(_near, some, others))


def _times_of(times: Sequence[float]) -> str:
    return ", ".join(f"{round(time, 1):g} s" for time in times)


def _asked(recording: Recording) -> list[str]:
    return [attempt.candidate for attempt in recording.attempts]


def _counts(recording: Recording) -> dict[str, int]:
    asked = _asked(recording)
    return {candidate: asked.count(candidate) for candidate in dict.fromkeys(asked)}


def _attempts(recording: Recording) -> str:
    return "; ".join(map(_attempt, recording.attempts)) or "none"


def _attempt(attempt: Attempt) -> str:
    end = attempt.reason or {"ok": "complete", "let_go": "let go"}.get(attempt.outcome, "under way")
    return f"{attempt.candidate} ({end})"


def _guards(recording: Recording) -> str:
    return "; ".join(f"{operator} after {_times_of(times)}" for operator, times in _acted(recording).items()) or "none"


def _times(count: int) -> str:
    return "" if count == 1 else f" {_number(count)}"


def _number(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _at(seconds: float | None) -> str:
    return "none" if seconds is None else shown(seconds)


def _near(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= max(_SAME, _SHARE * max(one, other))
