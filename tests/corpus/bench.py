"""What one worker works with: a provider that plays recordings, and the real gateway in front of it."""

from __future__ import annotations

import http.client
import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.corpus.recordings import Recording
from tests.support.clients import DIALECTS, KEY, Outcome, ask, hello, overhear
from tests.support.gateway import Gateway
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import Received, Script, ScriptedProvider, body, sse
from tests.support.wire import BODIES, EVENTS

PATHS: Final = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
PLAIN: Final = Answer([Block("text", "Well received.")], "stop", Usage(9, 3, 12, 0, 0, 0))
"""Answers the requests that are tested for themselves."""
ECHO: Final = "echo-"
"""Prefix of the names that answer ``PLAIN``."""


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, byte for byte."""

    status: int
    headers: Mapping[str, str]
    raw: bytes


@dataclass
class Bench:
    """One provider and one gateway. The name of a model tells the provider's dialect, and the provider what to play."""

    provider: ScriptedProvider
    gateway: Gateway
    known: Mapping[str, Recording]
    received: dict[str, Received]
    _originals: dict[str, Outcome] = field(default_factory=dict)

    def post(self, dialect: str, request: Mapping[str, Any]) -> Reply:
        """Send these JSON bytes to the gateway, without an SDK, and take the bytes that come back."""
        connection = http.client.HTTPConnection("127.0.0.1", int(self.gateway.url.rpartition(":")[2]), timeout=30)
        try:
            headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
            connection.request("POST", PATHS[dialect], json.dumps(request), headers)
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def ask(self, client: str, recording: Recording) -> Outcome:
        """The recording through the gateway, read by the client's official SDK."""
        request = hello(client, model(recording.dialect, recording.name))
        return ask(client, self.gateway.base_url(client), request, stream=recording.stream)

    def original(self, recording: Recording) -> Outcome:
        """The recording without the gateway, read by the provider's official SDK."""
        if recording.name not in self._originals:
            base = self.provider.base_url(recording.dialect)
            request = hello(recording.dialect, model(recording.dialect, recording.name))
            outcome = ask(recording.dialect, base, request, stream=recording.stream)
            broken = outcome.failure is not None and outcome.failure.kind == "broken"
            if recording.stream and (broken or (recording.dialect == "responses" and outcome.answer is not None)):
                outcome = overhear(recording.dialect, base, request)
            self._originals[recording.name] = outcome
        return self._originals[recording.name]


@contextmanager
def bench(known: Mapping[str, Recording]) -> Iterator[Bench]:
    """Start both, and let go of both."""
    received: dict[str, Received] = {}

    def answer(request: Received) -> Script:
        name = request.body["model"].partition(">")[2]
        received[name] = request
        if name.startswith(ECHO):
            dialect = next(name for name, path in PATHS.items() if path == request.path)
            if request.body.get("stream"):
                return sse(b"".join(EVENTS[dialect](PLAIN)))
            return body(BODIES[dialect](PLAIN))
        return known[name].script

    with tempfile.TemporaryDirectory() as folder, ScriptedProvider(answer) as provider, warnings.catch_warnings():
        # The SDKs warn of what providers send beside their types; that is what this is about.
        warnings.simplefilter("ignore")
        with Gateway(config(provider), Path(folder)) as gateway:
            yield Bench(provider, gateway, known, received)


def model(dialect: str, name: str) -> str:
    """What a client calls the recording (or the echo) of this name behind a provider of this dialect."""
    return f"{dialect}>{name}"


def config(provider: ScriptedProvider) -> dict[str, Any]:
    """A provider of each dialect, all of them the same server."""
    return {
        "providers": {
            dialect: {"dialect": dialect, "base_url": provider.base_url(dialect), "api_key": "provider-key"}
            for dialect in DIALECTS
        },
        "models": [{"name": f"{model(dialect, '')}*", "candidates": [f"{dialect}/*"], "chain": "once"} for dialect in DIALECTS],
        # One recording's failure must not keep the next from its provider.
        "chains": {"once": {"candidates": [], "attempt": []}},
    }
