"""What must hold for one recording: its answer for each client dialect, its request for each provider dialect."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from tests.corpus.bench import ECHO, Bench, model
from tests.corpus.gist import lost
from tests.corpus.recordings import Recording
from tests.corpus.refusals import allowed
from tests.support.clients import DIALECTS, Failure, Outcome, hello
from tests.support.project import differences, project, unspeakable
from tests.support.typed import faults

State = Literal["passed", "refused", "failed"]
What = Literal["answer", "request"]
PAIRS: Final = tuple(f"{client}:{provider}" for client in DIALECTS for provider in DIALECTS)
BROKEN: Final = "broken"
DONE: Final = b"data: [DONE]"
TERMINAL: Final = re.compile(rb'"type": ?"(message_stop|response\.(completed|incomplete|failed))"')


@dataclass(frozen=True)
class Verdict:
    """``pair`` is ``client:provider``. ``reason`` says why it failed, or under which rule it was refused."""

    pair: str
    recording: str
    what: What
    state: State
    reason: str = ""


def check(bench: Bench, recording: Recording, pairs: frozenset[str]) -> Iterator[Verdict]:
    """Everything that this recording can show about these pairs."""
    for client in DIALECTS:
        pair = f"{client}:{recording.dialect}"
        if pair in pairs:
            reasons = _answer(bench, recording, client)
            yield Verdict(pair, recording.name, "answer", "failed" if reasons else "passed", "; ".join(reasons))
    if recording.request is None:
        return
    for provider in DIALECTS:
        pair = f"{recording.dialect}:{provider}"
        if pair in pairs:
            state, reason = _request(bench, recording, provider, recording.request)
            yield Verdict(pair, recording.name, "request", state, reason)


# -------------------------------------------------------------------------------------------------------------- answers


def _answer(bench: Bench, recording: Recording, client: str) -> list[str]:
    original = bench.original(recording)
    if recording.status >= 400:
        return _error(bench, recording, client, original.failed)
    if original.failure is not None or _cut(recording, original):
        return _failure(bench, recording, client, original)
    if client == recording.dialect:
        return _same_bytes(bench, recording)
    cannot = unspeakable(original.ok, client)
    outcome = bench.ask(client, recording)
    if cannot:
        return _clean(outcome.failure, f"an answer where {cannot} demands an error")
    if outcome.failure is not None:
        return [f"expected an answer, got {outcome.failure}"]
    expected = project(original.ok, recording.dialect, client, stream=recording.stream)
    return differences(expected, outcome.ok, sealed=True)


def _cut(recording: Recording, original: Outcome) -> bool:
    """Neither a reason to stop nor any other mark of an end. Without a reason but with [DONE] it is complete (DI-37, DI-178)."""
    return recording.stream and original.ok.stop is None and DONE not in recording.response


def _clean(failure: Failure | None, otherwise: str) -> list[str]:
    """An error that the SDK understands: no success, and nothing that breaks the SDK itself."""
    if failure is None:
        return [otherwise]
    return [f"the SDK broke: {failure.message}"] if failure.kind == BROKEN else []


def _failure(bench: Bench, recording: Recording, client: str, original: Outcome) -> list[str]:
    """A recording that failed in the middle: the same content, then an error.

    A provider that fails after its own finish reason has answered: that answer is whole, with that reason.
    """
    outcome = bench.ask(client, recording)
    if outcome.answer is not None and original.partial is not None and original.partial.stop:
        expected = project(original.partial, recording.dialect, client, stream=True)
        if original.partial.usage is None:
            # It may stand in the error itself.
            expected.usage = outcome.answer.usage
        return differences(expected, outcome.answer, sealed=True)
    reasons = _clean(outcome.failure, "a failed answer was handed on as a success")
    if outcome.said != original.said:
        reasons.append(f"content before the error: expected {original.said[-80:]!r}, got {outcome.said[-80:]!r}")
    return reasons


def _error(bench: Bench, recording: Recording, client: str, expected: Failure) -> list[str]:
    """An HTTP error keeps its status and so its class in every SDK. The provider's own words go on below 500 (DI-119).

    Not about a key: it is the gateway's key that the provider did not take, not the client's.
    """
    got = bench.ask(client, recording).failure
    if got is None:
        return ["an error was handed on as a success"]
    reasons = []
    if (got.kind, got.status) != (expected.kind, expected.status):
        reasons.append(f"expected {expected.kind} {expected.status}, got {got.kind} {got.status}")
    # Some providers wrap the error of another, whose words say more than their own.
    handed_on = got.message in recording.response.decode() or expected.message in got.message
    about_the_key = recording.status == 401 or b"Incorrect API key" in recording.response
    if handed_on != (recording.status < 500 and not about_the_key):
        reasons.append(f"the provider said {expected.message!r}, the client got {got.message!r}")
    return reasons


def frames(raw: bytes) -> list[bytes]:
    """The events of a stream, each with its own bytes; comments, and the blank lines between, are nobody's content."""
    whole = raw.replace(b"\r\n\r\n", b"\n\n").split(b"\n\n")
    stripped = (frame.strip(b"\r\n") for frame in whole)
    return [frame for frame in stripped if frame and not all(line.startswith(b":") for line in frame.splitlines())]


def _same_bytes(bench: Bench, recording: Recording) -> list[str]:
    request = hello(recording.dialect, model(recording.dialect, recording.name)) | {"stream": recording.stream}
    if recording.dialect == "messages":
        request["max_tokens"] = 64
    reply = bench.post(recording.dialect, request)
    if reply.status != 200:
        return [f"status {reply.status}: {reply.raw[:200]!r}"]
    if not recording.stream:
        return [] if reply.raw == recording.response else ["the body's bytes changed"]
    expected, got = frames(recording.response), frames(reply.raw)
    for number, (one, other) in enumerate(zip(expected, got, strict=False)):
        if one != other:
            return [f"event {number} changed: {one[:120]!r} became {other[:120]!r}"]
    if recording.dialect == "chat" and got[len(expected) :] == [DONE] and DONE not in expected:
        # F11: what lacks only its last mark is complete, and the client gets the mark.
        return []
    if len(got) < len(expected) and TERMINAL.search(got[-1]):
        # What a proxy adds behind the terminal event is no part of the answer.
        return []
    return [] if len(expected) == len(got) else [f"{len(expected)} events became {len(got)}; the last: {got[-1][:120]!r}"]


# ------------------------------------------------------------------------------------------------------------- requests


def _request(bench: Bench, recording: Recording, provider: str, request: dict[str, Any]) -> tuple[State, str]:
    name = f"{ECHO}{recording.name}"
    bench.received.pop(name, None)
    asked = request | {"model": model(provider, name)}
    reply = bench.post(recording.dialect, asked)
    received = bench.received.get(name)
    if reply.status == 400 and received is None and provider != recording.dialect:
        error = json.loads(reply.raw)["error"]
        rule = allowed(recording.dialect, provider, asked, error)
        return ("refused", rule) if rule else ("failed", f"refused without a rule: {error}")
    if reply.status != 200 or received is None:
        return "failed", f"status {reply.status}: {reply.raw[:300]!r}"
    if provider == recording.dialect:
        changed = [field for field in {*asked, *received.body} if asked.get(field, ...) != received.body.get(field, ...)]
        return ("failed", f"changed on the way: {sorted(changed)}") if changed else ("passed", "")
    if wrong := faults(provider, received.body):
        return "failed", f"the provider's typed model refuses: {wrong[:3]}"
    missing = lost(recording.dialect, request, provider, received.body)
    return ("failed", missing[0]) if missing else ("passed", "")
