"""What would take too much memory is refused: new work while slow clients hold too many bytes, a body that is too large."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.support.clients import ask, hello
from tests.support.gateway import Gateway
from tests.support.neutral import Answer, Block
from tests.support.scripted import Hang, ScriptedProvider, body, sse
from tests.support.wire import BODIES, EVENTS

MB = 1_000_000


def test_new_requests_are_refused_while_slow_clients_hold_too_many_bytes(tmp_path: Path) -> None:
    long = b"".join(EVENTS["chat"](Answer([Block("text", "word " * 100_000)], "stop", None)))
    with ScriptedProvider() as provider:
        config = {
            "server": {"buffered_limit": "1kB"},
            "providers": {"c": {"dialect": "chat", "base_url": provider.base_url("chat")}},
        }
        lane = provider.lane(sse(long, Hang()))
        with Gateway(config, tmp_path) as gateway:
            port = int(gateway.url.rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port)) as slow:
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                request = b'{"model":"c/%s","stream":true,"messages":[{"role":"user","content":"hi"}]}' % lane.model.encode()
                slow.sendall(
                    b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: %d\r\n\r\n" % len(request)
                    + request
                )
                lane.arrived()
                gateway.wait_for_metric("penstock_buffered_bytes", lambda value: value > 1000)
                refused = ask("chat", gateway.base_url("chat"), hello("chat", "demo/fast"), stream=False).failed
                assert refused.status == 503
            gateway.wait_for_metric("penstock_buffered_bytes", lambda value: value == 0)
            assert ask("chat", gateway.base_url("chat"), hello("chat", "demo/fast"), stream=False).ok.said()
            assert gateway.metrics()['penstock_guard_trips_total{chain="server",operator="buffered_limit"}'] == 1


def test_an_answer_that_is_larger_than_its_provider_may_send_is_refused_by_name(tmp_path: Path) -> None:
    with ScriptedProvider() as provider:
        served = {"dialect": "chat", "base_url": provider.base_url("chat"), "body_limit": "4kB"}
        lanes = [provider.lane(body(BODIES["chat"](Answer([Block("text", "x" * size)], "stop", None)))) for size in (1000, 5000)]
        with Gateway({"providers": {"c": served}}, tmp_path) as gateway:
            small, large = (
                ask("chat", gateway.base_url("chat"), hello("chat", f"c/{each.model}"), stream=False) for each in lanes
            )
            assert small.ok.said() == "x" * 1000
            assert (large.failed.status, "body_limit: 4000 bytes" in large.failed.message) == (502, True)
            gateway.wait_for_metric('penstock_guard_trips_total{chain="default",operator="body_limit"}', lambda value: value == 1)
