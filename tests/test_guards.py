"""What guards a stream guards it also where the client asked for none (DI-257)."""

from __future__ import annotations

from pathlib import Path

from tests.support.clients import ask, hello
from tests.support.gateway import Gateway
from tests.support.scripted import Hang, ScriptedProvider, sse


def test_an_event_without_end_is_stopped_when_a_body_was_asked_for(tmp_path: Path) -> None:
    endless = b'data: {"id":"' + b"x" * 2_000_000
    with ScriptedProvider() as provider:
        lane = provider.lane(sse(endless, Hang()))
        providers = {"c": {"dialect": "chat", "base_url": provider.base_url("chat")}}
        with Gateway({"providers": providers}, tmp_path) as gateway:
            failed = ask("chat", gateway.base_url("chat"), hello("chat", f"c/{lane.model}"), stream=False).failed
    assert failed.status == 502
    assert "buffer_limit" in failed.message or failed.code == "bad_gateway"
    lane.requests[0].left()
