"""A recorded request as a marble case of a chain: what its candidates did, drawn, and what came of it, for ``penstock check``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain as chained
from itertools import cycle
from pathlib import Path
from typing import Any, Final

from operators.clock import EARLY
from pipeline.cases import Came, came, faults
from pipeline.config import CaseConfig, Config, ConfigError, Place, parse
from pipeline.config.places import written
from pipeline.config.units import show_time
from pipeline.effective import chains
from pipeline.policies import FAILURES
from pipeline.replay.compare import answered, outcome
from pipeline.replay.recording import Attempt, Recording, ReplayError, Row
from pipeline.replay.run import Replay

# A column is the shortest of these for which a drawing is not longer than that.
_COLUMNS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0)
_LONGEST: Final = 100

# h is a heartbeat and s a sign of life.
_LETTERS: Final = "abcdefgijklmnopqrtuvwxyz"
_CONTENT: Final = ("text", "reasoning", "tool", "refusal")
_SIGNS: Final = ("head", "opened", "other", "beat")

_UNKNOWN: Final = 503
"""The status of an error whose own is not known."""

# Steps whose options may hold what belongs into no file but the configuration.
_CLOSED: Final = ("inject", "redact")


def save(replay: Replay, config: Config, path: Path) -> str:
    """Write the request as a case of the chain that it was replayed through. Returns a sentence that says where and how.

    Raises:
        ReplayError: it cannot be drawn so that the same comes of it, or the file cannot be written.
    """
    case, result = _case(replay, config)
    text = "".join(f"{line}\n" for line in _lines(replay, config, case, result))
    if _positions(config, replay.chain) is not None:
        _check(text, path)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReplayError(f"{path} cannot be written: {(error.strerror or 'unknown').lower()}.") from None
    said = f"saved: {path}, a case of the chain {replay.chain}; a character is {show_time(case.column)}"
    return f"{said}\n{_less(replay, result)}".rstrip()


def _case(replay: Replay, config: Config) -> tuple[CaseConfig, Came]:
    """The finest drawing from which the same comes, as far as a drawing can tell."""
    if replay.replayed.outcome in ("", "client_left"):
        raise ReplayError("this request cannot be saved as a marble case: a case needs an end, and here only its client left.")
    bound = chains(config)[replay.chain]
    reasons = []
    for column in _COLUMNS:
        if max(replay.recorded.ended, replay.replayed.ended) / column > _LONGEST and column != _COLUMNS[-1]:
            continue
        case = _drawn(replay, config, column)
        result = came(replay.chain, bound, case)
        fault = _otherwise(replay.replayed, result)
        if not fault:
            return case, result
        reasons.append(f"with a character of {show_time(column)} {fault}")
    raise ReplayError(f"this request cannot be saved as a marble case: {reasons[0]}.")


def _otherwise(replayed: Recording, result: Came) -> str:
    """Why a drawing does not say what the replay says; "" where it does."""
    if "(" in result.expect.partition("   ")[2]:
        return f"what comes is not in whole columns: {result.expect}"
    ended = result.expect[-1:].replace(")", result.expect[-2:-1])
    # A drawn error knows its status only; a guard is itself.
    guard = next((trip.operator for trip in replayed.trips if abs(trip.at - replayed.ended) <= EARLY), "")
    if ended not in "|#" or (ended == "|") is not (replayed.outcome == "ok") or (guard and guard not in result.errors):
        told = f"with {' / '.join(result.errors)}" if result.errors else "well" if ended == "|" else "not at all"
        return f"it ends {told}, and not as here ({outcome(replayed)})"
    return ""


def _less(replay: Replay, result: Came) -> str:
    """What a drawing cannot say, where that shows: an error has a status in it, but neither a reason nor a Retry-After."""
    less = []
    asked = {label: len(tries) for label, tries in result.subscriptions.items()}
    other = [label for label, count in asked.items() if count != len(replay.replayed.of(label))]
    if other:
        less.append(f"{' and '.join(other)} is asked another number of times")
    if result.errors and replay.replayed.outcome not in result.errors:
        less.append(f"the error is {result.errors[-1]} and not {replay.replayed.outcome}")
    return f"In the case {', and '.join(less)}: of an error a drawing knows only the status." if less else ""


def _drawn(replay: Replay, config: Config, column: float) -> CaseConfig:
    recorded = replay.recorded
    asked = dict.fromkeys(attempt.candidate for attempt in chained(recorded.attempts, replay.replayed.attempts))
    source = {candidate: tuple(_try(run, attempt, column) for run, attempt in _tries(replay, candidate)) for candidate in asked}
    failure, failures = _failures(replay, source)
    model = next((model for model in config.models if model.name == recorded.model), None)
    continues = tuple(each.use for each in model.candidates if each.continues and each.use in source) if model else ()
    return CaseConfig(
        name=f"{recorded.id}: {recorded.asked}, {answered(replay.replayed) or 'nobody'}, {outcome(replay.replayed)}",
        source=source,
        expect="-",
        error="",
        subscriptions={},
        continues=continues,
        failure=failure,
        failures=failures,
        column=column,
        values={},
        where=Place("", 0, 0),
    )


def _tries(replay: Replay, candidate: str) -> Iterator[tuple[Recording, Attempt]]:
    """What a candidate did; of one that was not asked what the replay assumed."""
    run = replay.recorded if replay.recorded.of(candidate) else replay.replayed
    return ((run, attempt) for attempt in run.of(candidate))


def _failures(replay: Replay, source: Mapping[str, Sequence[str]]) -> tuple[int, Mapping[str, tuple[int, ...]]]:
    """The status of every drawn error; where they differ, those of each candidate, a try each."""
    statuses = {candidate: tuple(map(_status, (attempt for _, attempt in _tries(replay, candidate)))) for candidate in source}
    drawn = {candidate: statuses[candidate] for candidate, tries in source.items() if any("#" in each for each in tries)}
    first = next((status for candidate in drawn for status in drawn[candidate] if status), _UNKNOWN)
    told = {candidate: tuple(status or first for status in each) for candidate, each in drawn.items()}
    return first, {candidate: each for candidate, each in told.items() if {*each} != {first}}


def _status(attempt: Attempt) -> int:
    """The status of the error that it ended with; 0 where it has none that a case can have."""
    status = attempt.status if attempt.outcome == "error" else None
    return status if status is not None and status in FAILURES else 0


def _try(run: Recording, attempt: Attempt, column: float) -> str:
    """One attempt: a letter a column in which something was said, and its own end. Who was let go says nothing more."""
    rows = [row for stage in ("wire", "decoded") if (row := run.row(stage, attempt.number)) is not None]
    signs: dict[int, str] = {}
    letters = cycle(_LETTERS)
    for mark in chained.from_iterable(row.marks for row in reversed(rows)):
        at = _column(mark.at - attempt.began, column)
        if mark.kind in _CONTENT and signs.get(at, "s") == "s":
            signs[at] = next(letters)
        elif mark.kind in _SIGNS:
            signs.setdefault(at, "s")
    if any(sign != "s" for sign in signs.values()):
        # What was held back up to the first word would come with it, in one column.
        signs = {at: sign for at, sign in signs.items() if sign != "s"}
    end = _end(run, attempt, rows)
    line = ""
    for at, sign in sorted(signs.items()):
        line += "-" * (at - len(line)) + sign
    if end is None:
        return line or "-"
    at, sign = _column(end[0] - attempt.began, column), end[1]
    if at < len(line):
        return f"{line[:-1]}({line[-1]}{sign})"
    return line + "-" * (at - len(line)) + sign


def _end(run: Recording, attempt: Attempt, rows: Sequence[Row]) -> tuple[float, str] | None:
    """When its provider ended it, and how; None: it did not."""
    marks = [mark for row in rows for mark in row.marks if mark.kind in ("error", "completed", "dispose", "end")]
    if attempt.outcome == "ok":
        return max((mark.at for mark in marks if mark.kind in ("completed", "end")), default=attempt.ended or attempt.began), "|"
    by_a_guard = any(trip.attempt == attempt.number for trip in run.trips)
    last = next((mark for mark in reversed(marks) if mark.kind != "end"), None)
    if last is None or last.kind == "dispose" or by_a_guard:
        return None
    return last.at, "#" if last.kind == "error" or attempt.outcome == "error" else "|"


def _column(seconds: float, column: float) -> int:
    return max(round(seconds / column), 0)


def _lines(replay: Replay, config: Config, case: CaseConfig, result: Came) -> Iterator[str]:
    recorded = replay.recorded
    when = datetime.fromtimestamp(recorded.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    yield f"# {recorded.id}, recorded {when}, as a marble case. A character is {show_time(case.column)};"
    yield "# letters stand for texts, which are not recorded."
    less = _less(replay, result)
    if less:
        yield f"# {less}"
    positions = _positions(config, replay.chain)
    if positions is None:
        yield f"# It belongs to the `tests:` of the chain {replay.chain}, whose steps are left out here: they may hold secrets."
    else:
        yield f"# It belongs to the `tests:` of the chain {replay.chain}, which stands here as it was."
    yield "chains:"
    yield f"  {json.dumps(replay.chain)}:"
    for position, steps in (positions or {}).items():
        yield f"    {position}: {json.dumps(steps, ensure_ascii=False, default=str)}"
    yield "    tests:"
    yield f"      - name: {json.dumps(case.name, ensure_ascii=False)}"
    yield f"        column: {show_time(case.column)}"
    yield "        source:"
    for candidate, drawings in case.source.items():
        yield f"          {json.dumps(candidate)}: {json.dumps(_alone(drawings))}"
    if case.continues:
        yield f"        continues: {json.dumps(case.continues)}"
    yield f"        failure: {case.failure}"
    if case.failures:
        yield f"        failures: {json.dumps({label: _alone(each) for label, each in case.failures.items()})}"
    yield f"        expect: {json.dumps(result.expect)}"
    if result.errors:
        yield f"        error: {json.dumps(result.errors[0])}"
    tried = {label: drawings for label, drawings in result.subscriptions.items() if not any(" " in each for each in drawings)}
    if tried:
        yield "        subscriptions:"
        yield from (f"          {json.dumps(label)}: {json.dumps(_alone(drawings))}" for label, drawings in tried.items())


def _alone(tries: Sequence[Any]) -> Any:
    """What is said of each try; of one alone as people write it."""
    return tries[0] if len(tries) == 1 else tries


def _positions(config: Config, name: str) -> Mapping[str, Any] | None:
    """What the file says of the chain, to be written again; None where it may not."""
    positions = config.chains[name].positions if name in config.chains else {}
    told: dict[str, list[Any]] = {}
    for position, each in positions.items():
        for step in each:
            called = written(step.name)
            if called in _CLOSED or ":" in called:
                return None
            options = {**step.options, **({"as": step.label} if step.label != step.name else {})}
            told.setdefault(position, []).append({called: options} if options else called)
        told.setdefault(position, [])
    return told


def _check(text: str, path: Path) -> None:
    """What is written passes ``penstock check`` by itself. Raises ConfigError where it does not: a fault of ours."""
    found = parse(text, str(path), os.environ)
    tests = {name: chain.tests for name, chain in found.chains.items()}
    problems = list(faults(chains(found), tests))
    if problems:
        raise ConfigError([replace(problem, place=Place(str(path), 0, 0)) for problem in problems])
