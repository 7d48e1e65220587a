"""/debug and /sessions: who may look, what the answers hold, and what a look-up may not do."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import ask, hello
from tests.support.gateway import Gateway

ROOT_KEY = "the-key-of-root"
ALICE_KEY = "the-key-of-alice"
PATHS = ("stats", "active", "traces", "traces/x", "errors", "errors/x", "health", "logs")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway({"models": [{"name": "m", "candidates": ["demo/fast"]}]}, tmp_path_factory.mktemp("debug")) as one:
        yield one


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    keys = [{"name": "root", "key": ROOT_KEY, "admin": True}, {"name": "alice", "key": ALICE_KEY}]
    with Gateway({"server": {"keys": keys}}, tmp_path_factory.mktemp("keyed")) as one:
        yield one


def call(gateway: Gateway, path: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, Any]:
    request = urllib.request.Request(f"{gateway.url}{path}", method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def good(gateway: Gateway, path: str) -> Any:
    status, answer = call(gateway, path)
    assert status == 200, answer
    return answer


@pytest.mark.parametrize("path", [*(f"/debug/{path}" for path in PATHS), "/sessions"])
def test_tr_x4_where_there_are_keys_only_an_admins_opens(keyed: Gateway, path: str) -> None:
    assert call(keyed, path)[0] == 401
    assert call(keyed, path, headers={"x-api-key": "wrong"})[0] == 401
    status, refused = call(keyed, path, headers={"x-api-key": ALICE_KEY})
    assert (status, "not an admin key" in refused["error"]["message"]) == (403, True)
    assert call(keyed, path, headers={"authorization": f"Bearer {ROOT_KEY}"})[0] in (200, 404)


def test_the_cleanup_needs_the_admin_too(keyed: Gateway) -> None:
    assert call(keyed, "/sessions/cleanup", method="POST", headers={"x-api-key": ALICE_KEY})[0] == 403
    assert call(keyed, "/sessions/cleanup", method="POST", headers={"x-api-key": ROOT_KEY}) == (
        200,
        {"evicted": 0, "remaining": 0},
    )


@pytest.mark.parametrize("headers", [{"Host": "gateway.example"}, {"Origin": "https://evil.example"}])
def test_without_keys_a_page_in_a_browser_gets_nothing(gateway: Gateway, headers: dict[str, str]) -> None:
    assert call(gateway, "/debug/stats", headers=headers)[0] == 403


def test_tr_x5_nothing_is_removed_by_a_get(gateway: Gateway) -> None:
    assert call(gateway, "/sessions/cleanup")[0] == 405
    assert good(gateway, "/sessions")["sessions"] == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("traces?limit=0", "from 1 to 1000"),
        ("traces?limit=1001", "from 1 to 1000"),
        ("traces?limit=many", "'many'"),
        ("traces?limit=-1", "'-1'"),
        ("traces?limit=%D9%A3", "from 1 to 1000"),
        ("errors?limit=", "from 1 to 1000"),
        ("logs?limit=1e3", "from 1 to 1000"),
        ("traces?since=yesterday", "Unix seconds"),
        ("traces?since=nan", "Unix seconds"),
        ("traces?since=-5", "Unix seconds"),
        ("logs?level=loud", "debug, info, warning, error"),
        ("traces?dialect=klingon", "chat, responses, messages"),
        ("traces?limt=3", "did you mean 'limit'"),
        ("stats?limit=3", "not known here"),
    ],
)
def test_tr_x15_parameters_are_checked_and_the_error_says_what_is_right(gateway: Gateway, query: str, words: str) -> None:
    status, answer = call(gateway, f"/debug/{query}")
    assert status == 400
    assert words in answer["error"]["message"]


@pytest.mark.parametrize(
    "id", ["..%2f..%2fetc%2fpasswd", "../x", "a/b", "%00", "a%20b", "x" * 129, "%2e%2e", "req_%0d%0aSet-Cookie:x"]
)
def test_tr_x3_a_look_up_takes_an_id_and_never_a_path(gateway: Gateway, id: str) -> None:
    host = urllib.parse.urlsplit(gateway.url).netloc
    connection = http.client.HTTPConnection(host, timeout=10)
    # Not by urllib, which would clean the path up.
    connection.request("GET", f"/debug/traces/{id}")
    answer = connection.getresponse()
    said = answer.read().decode()
    connection.close()
    assert answer.status in (400, 404)
    assert "root:" not in said
    assert answer.getheader("Set-Cookie") is None


def test_what_is_not_there_is_said_to_be_not_there(gateway: Gateway) -> None:
    for path in ("traces/req_unknown", "errors/req_unknown"):
        status, answer = call(gateway, f"/debug/{path}")
        assert (status, "req_unknown" in answer["error"]["message"]) == (404, True)
    for path in ("/debug", "/debug/", "/debug/nothing", "/debug/logs/today", "/debug/traces/"):
        assert call(gateway, path)[0] == 404


def test_stats_sum_up_and_lists_tell_the_newest_first(tmp_path: Path) -> None:
    config = {"models": [{"name": "m", "candidates": ["demo/fast"]}, {"name": "bad", "candidates": ["demo/error"]}]}
    with Gateway(config, tmp_path) as gateway:
        for model in ("m", "m", "m", "bad"):
            ask("chat", gateway.base_url("chat"), hello("chat", model), stream=model == "m")
        ask("messages", gateway.base_url("messages"), hello("messages", "unknown"), stream=True)
        stats = good(gateway, "/debug/stats")
        requests, models = stats["requests"], stats["models"]
        assert (requests["total"], requests["errors"], requests["refused"], requests["active"]) == (4, 1, 1, 0)
        assert requests["error_rate"] == 0.4
        assert (models["m"]["total"], models["m"]["errors"], models["bad"]["errors"]) == (3, 0, 1)
        assert 0 < models["m"]["avg_first_event_seconds"] <= models["m"]["avg_seconds"] <= models["m"]["max_seconds"]
        assert stats["traces"] == {"dropped": 0, "keep": 1000, "kept": 5}
        assert good(gateway, "/debug/active") == {"queue": {"in_use": 0, "limit": 0, "waiting": 0}, "active": []}
        traces = good(gateway, "/debug/traces")["traces"]
        assert [trace["outcome"] for trace in traces[2:]] == ["ok", "ok", "ok"]
        assert "stages" not in traces[0]
        errors = good(gateway, "/debug/errors")["errors"]
        assert [trace["outcome"] for trace in errors] == ["model_not_found", traces[1]["outcome"]]
        assert models["bad"]["last_error_id"] == errors[1]["id"]
        assert [trace["id"] for trace in good(gateway, "/debug/traces?limit=2")["traces"]] == [each["id"] for each in traces[:2]]
        assert len(good(gateway, "/debug/traces?model=m&outcome=ok&dialect=chat")["traces"]) == 3
        assert good(gateway, f"/debug/traces?since={traces[2]['at']}")["traces"] == traces[:2]
        one = good(gateway, f"/debug/traces/{traces[4]['id']}")
        assert {stage["stage"] for stage in one["stages"]} == {"wire", "decoded", "attempt", "answer", "client"}
        assert call(gateway, f"/debug/errors/{traces[4]['id']}")[0] == 404
        assert good(gateway, f"/debug/errors/{errors[0]['id']}")["outcome"] == "model_not_found"


def test_of_several_requests_with_one_id_the_newest_is_found_whichever_worker_had_it(tmp_path: Path) -> None:
    with Gateway({"models": [{"name": "m", "candidates": ["demo/fast"]}]}, tmp_path, workers=2) as gateway:
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]}).encode()
        had: list[int] = []
        until = time.monotonic() + 20
        while len({*had[:-1]}) < 2:
            assert time.monotonic() < until, had
            request = urllib.request.Request(f"{gateway.url}/v1/chat/completions", body, {"x-request-id": "again"})
            with urllib.request.urlopen(request, timeout=10) as answer:
                answer.read()
            # The list has all of them, the newest first, as soon as its worker has put it there.
            while len(traces := good(gateway, "/debug/traces?limit=1000")["traces"]) == len(had):
                assert time.monotonic() < until
            newest = traces[0]
            assert {good(gateway, "/debug/traces/again")["at"] for _ in range(8)} == {newest["at"]}
            had.append(newest["worker"])


def test_health_tells_of_the_process(gateway: Gateway) -> None:
    health = good(gateway, "/debug/health")
    (worker,) = health["workers"]
    assert (health["status"], worker["pid"], worker["reachable"]) == ("ok", gateway.pid, True)
    assert 10_000_000 < health["rss_bytes"] < 1_000_000_000
    assert health["config"] == worker["config"]


def test_logs_are_the_last_lines_of_a_level(gateway: Gateway) -> None:
    for number in range(3):
        ask("chat", gateway.base_url("chat"), hello("chat", "m"), stream=bool(number % 2))
    lines = good(gateway, "/debug/logs?limit=2")["lines"]
    assert [line["event"] for line in lines] == ["request", "request"]
    assert lines[0]["ts"] <= lines[1]["ts"]
    assert good(gateway, "/debug/logs?level=error")["lines"] == []


def test_nothing_is_traced_where_nothing_is_kept_and_a_reload_changes_that(tmp_path: Path) -> None:
    with Gateway({"traces": {"keep": 0}}, tmp_path) as gateway:
        told = ask("chat", gateway.base_url("chat"), hello("chat", "demo/fast"), stream=True)
        assert told.ok.said()
        assert good(gateway, "/debug/traces") == {"traces": []}
        assert good(gateway, "/debug/stats")["requests"]["total"] == 1
        for keep in (3, 1):
            before = good(gateway, "/debug/stats")["config"]
            gateway.config_path.write_text(json.dumps({"traces": {"keep": keep}}))
            gateway.reload()
            gateway.wait_for_log(f'"the configuration is reloaded: {gateway.config_path}')
            until = time.monotonic() + 10
            while good(gateway, "/debug/stats")["config"] == before:
                assert time.monotonic() < until
            for _ in range(5):
                ask("chat", gateway.base_url("chat"), hello("chat", "demo/fast"), stream=True)
            assert len(good(gateway, "/debug/traces")["traces"]) == keep
