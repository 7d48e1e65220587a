"""What a real gateway's traces tell of a failover, a trip, a cut, a client that left, a wait, a hit: each stage's marks."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.bench.wires import PATHS
from tests.support.clients import DIALECTS, hello
from tests.support.gateway import Gateway
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import Gate, Hang, Lane, Reset, Script, ScriptedProvider, Send, Wait, body, sse
from tests.support.wire import BODIES, EVENTS

WHOLE = Answer([Block("text", "The whole answer.")], "stop", Usage(input=1, output=4, total=5))
PIECES = list(EVENTS["chat"](WHOLE))
DONE = b"".join(PIECES)
PATIENCE = 10.0

CONFIG: dict[str, Any] = {
    "models": [
        {"name": "cached*", "chain": "kept", "candidates": ["b/*"]},
        {"name": "shared*", "chain": "shared", "candidates": ["b/*"]},
        {"name": "resumed*", "chain": "resumed", "candidates": ["a/*", {"use": "b/*", "continues": True}]},
        {"name": "*", "candidates": ["a/*", "b/*"]},
    ],
    "chains": {
        "default": {
            "candidates": [],
            "attempt": [{"first_event_timeout": {"seconds": 0.5}}, {"idle_timeout": {"seconds": 0.5}}],
            "request": [{"heartbeat": {"seconds": 0.1}}],
        },
        "kept": {"candidates": [], "request": [{"cache": {"seconds": 60}}]},
        "shared": {"candidates": [], "request": ["share"]},
        "resumed": {"candidates": [], "attempt": [], "answer": ["failover", "resume"]},
    },
}


class Bench(NamedTuple):
    gateway: Gateway
    a: ScriptedProvider
    b: ScriptedProvider

    def ask(self, model: str, id: str, *, stream: bool = True, client: str = "chat") -> tuple[int, bytes]:
        request = urllib.request.Request(
            f"{self.gateway.url}{PATHS[client]}",
            json.dumps(
                {**hello(client, model), "stream": stream, **({"max_tokens": 64} if client == "messages" else {})}
            ).encode(),
            {"x-request-id": id, "content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.gateway.url}/debug/{path}", timeout=PATIENCE) as answer:
            return json.loads(answer.read())

    def trace(self, id: str, ready: Callable[[Any], bool] = lambda trace: "outcome" in trace) -> Any:
        """The trace, as soon as it is ready."""
        until = time.monotonic() + PATIENCE
        while not ready(trace := self.get(f"traces/{id}")):
            assert time.monotonic() < until, trace
        return trace

    def line(self, id: str) -> Any:
        """What the log says of a request."""
        self.gateway.wait_for_log(f'"{id}"')
        return next(line for line in map(json.loads, self.gateway.stderr.splitlines()) if line.get("id") == id)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ScriptedProvider() as a, ScriptedProvider(lambda received: sse(DONE)) as b:
        provider = {"dialect": "chat", "api_key": "k"}
        providers = {
            "a": {**provider, "base_url": a.base_url("chat")},
            "b": {**provider, "base_url": b.base_url("chat")},
            "claude": {"dialect": "messages", "base_url": a.base_url("messages"), "api_key": "k"},
            "narrow": {**provider, "base_url": a.base_url("chat"), "max_in_flight": 1},
        }
        with Gateway({**CONFIG, "providers": providers}, tmp_path_factory.mktemp("traces")) as gateway:
            yield Bench(gateway, a, b)


def kinds(trace: Any, stage: str, attempt: int | None = None) -> list[str]:
    """The kinds of a row's marks, repetitions left out."""
    (row,) = [each for each in trace["stages"] if (each["stage"], each.get("attempt")) == (stage, attempt)]
    found = [mark[1] for mark in row["marks"]]
    return [kind for place, kind in enumerate(found) if not place or found[place - 1] != kind]


def marks(trace: Any, stage: str, attempt: int | None = None) -> list[list[Any]]:
    (row,) = [each for each in trace["stages"] if (each["stage"], each.get("attempt")) == (stage, attempt)]
    return list(row["marks"])


def test_a_stream_that_goes_well_is_seen_at_every_stage(bench: Bench) -> None:
    lane = bench.a.lane(sse(DONE, sizes=[len(piece) for piece in PIECES]))
    status, said = bench.ask(lane.model, "well")
    assert (status, said) == (200, DONE)
    trace = bench.trace("well")
    assert (trace["outcome"], trace["status"], trace["candidate"]) == ("ok", 200, f"a/{lane.model}")
    assert (trace["model"], trace["asked"], trace["chain"], trace["dialect"]) == ("*", lane.model, "default", "chat")
    assert (trace["bytes_out"], trace["usage"]) == (len(DONE), {"input": 1, "output": 4})
    assert 0 < trace["parsed"] < min(trace["first_event"], trace["first_write"])
    assert max(trace["first_event"], trace["first_write"]) < trace["seconds"]
    (attempt,) = trace["attempts"]
    assert (attempt["outcome"], attempt["phase"], attempt["candidate"]) == ("ok", "semantic", f"a/{lane.model}")
    assert attempt["began"] < attempt["opened"] < attempt["ended"]
    # The answer is over with its end; the provider's connection goes back to the pool a moment later.
    assert kinds(trace, "wire", 1) in (["subscribe", "head", "bytes", *last] for last in ([], ["completed"]))
    assert kinds(trace, "decoded", 1)[:2] == ["subscribe", "opened"]
    assert kinds(trace, "decoded", 1)[-2:] == ["end", "completed"]
    assert "text" in kinds(trace, "decoded", 1)
    assert kinds(trace, "attempt", 1) == ["subscribe", "completed"]
    assert kinds(trace, "answer")[-2:] == ["end", "completed"]
    assert kinds(trace, "client") == ["subscribe", "opened", "bytes", "completed"]
    for stage, number in (("wire", 1), ("decoded", 1), ("answer", None), ("client", None)):
        assert sum(mark[2] for mark in marks(trace, stage, number)) == len(DONE), stage
    assert bench.line("well")["outcome"] == "ok"


@pytest.mark.parametrize("client", DIALECTS)
def test_what_was_held_back_until_the_first_word_stands_before_it(bench: Bench, client: str) -> None:
    pieces, gate, rest = list(EVENTS["messages"](WHOLE)), Gate(), Gate()
    first = next(place for place, piece in enumerate(pieces) if b"content_block_delta" in piece)
    setup, word, others = b"".join(pieces[:first]), pieces[first], b"".join(pieces[first + 1 :])
    lane = bench.a.lane(sse(setup, Wait(gate), Send(word), Wait(rest), Send(others)))
    id = f"held-{client}"
    asking = threading.Thread(target=bench.ask, args=(f"claude/{lane.model}", id), kwargs={"client": client})
    asking.start()
    lane.arrived()
    bench.trace(id, lambda trace: "bytes" in str(trace.get("stages")))
    gate.open()
    bench.trace(id, lambda trace: "text" in str(trace["stages"]))
    rest.open()
    asking.join(PATIENCE)
    trace = bench.trace(id)
    order = [kind for kind in kinds(trace, "answer") if kind in ("opened", "text", "end")]
    assert order == ["opened", "text", "end"]
    assert [kind for kind in kinds(trace, "client") if kind != "subscribe"][:2] == ["opened", "bytes"]


def test_a_whole_answer_is_seen_too(bench: Bench) -> None:
    lane = bench.a.lane(body(BODIES["chat"](WHOLE)))
    status, said = bench.ask(lane.model, "body", stream=False)
    trace = bench.trace("body")
    assert (status, trace["outcome"], trace["bytes_out"], trace["stream"]) == (200, "ok", len(said), False)
    assert kinds(trace, "wire", 1)[:3] == ["subscribe", "head", "bytes"]
    assert kinds(trace, "decoded", 1) == kinds(trace, "answer")
    assert kinds(trace, "answer")[1:2] + kinds(trace, "answer")[-2:] == ["opened", "end", "completed"]
    assert kinds(trace, "client") == ["subscribe", "bytes", "completed"]
    for stage, number in (("wire", 1), ("decoded", 1), ("answer", None), ("client", None)):
        assert sum(mark[2] for mark in marks(trace, stage, number)) == len(said), stage


def test_a_failover_tells_both_attempts_and_why(bench: Bench) -> None:
    lane = bench.a.lane(Script(before=[Reset()]))
    assert bench.ask(lane.model, "over") == (200, DONE)
    trace = bench.trace("over")
    first, second = trace["attempts"]
    assert (first["candidate"], first["outcome"], first["phase"]) == (f"a/{lane.model}", "error", "setup")
    assert (first["reason"], first["status"]) == ("unreachable", 502)
    assert (second["candidate"], second["outcome"], second["number"]) == (f"b/{lane.model}", "ok", 2)
    assert kinds(trace, "wire", 1) == ["subscribe", "error"]
    assert kinds(trace, "decoded", 1) == ["subscribe", "error"]
    assert kinds(trace, "attempt", 1) == ["subscribe", "error"]
    assert kinds(trace, "attempt", 2) == ["subscribe", "completed"]
    line = bench.line("over")
    assert (line["attempts"], line["level"]) == (2, "info")
    assert [tried.get("reason") for tried in line["tried"]] == ["unreachable", None]


def test_a_refusal_of_a_provider_is_told_without_its_words(bench: Bench) -> None:
    words = {"error": {"message": "You said XYZZY", "code": "teapot", "type": "x"}}
    lane = bench.a.lane(body(words, 503))
    assert bench.ask(lane.model, "refused")[0] == 200
    trace = bench.trace("refused")
    assert trace["attempts"][0]["message"] == "The service is overloaded (status 503, code teapot)."
    assert "XYZZY" not in json.dumps(trace) + json.dumps(bench.line("refused"))


def test_a_guard_that_trips_is_told_with_its_attempt(bench: Bench) -> None:
    lane = bench.a.lane(Script(before=[Hang()]))
    assert bench.ask(lane.model, "trip")[1].endswith(DONE)
    trace = bench.trace("trip")
    (trip,) = trace["trips"]
    assert (trip["operator"], trip["stage"], trip["attempt"]) == ("first_event_timeout", "attempt", 1)
    assert trip["message"] == "first_event_timeout: 0.5 s are over"
    assert [attempt["outcome"] for attempt in trace["attempts"]] == ["error", "ok"]
    assert trace["attempts"][0]["reason"] == "timeout"
    assert kinds(trace, "wire", 1) == ["subscribe", "dispose"]
    assert kinds(trace, "attempt", 1) == ["subscribe", "error"]
    # The line was kept open meanwhile.
    assert "beat" in kinds(trace, "answer")


def test_a_cut_is_an_error_inside_an_answer_that_was_opened(bench: Bench) -> None:
    half = b"".join(PIECES[:3])
    lane = bench.a.lane(sse(half))
    status, said = bench.ask(lane.model, "cut")
    assert (status, said.startswith(half)) == (200, True)
    trace = bench.trace("cut")
    assert (trace["outcome"], trace["status"], trace["error"]["reason"]) == ("cut", 200, "cut")
    (attempt,) = trace["attempts"]
    assert (attempt["outcome"], attempt["reason"], attempt["phase"]) == ("error", "cut", "semantic")
    assert kinds(trace, "answer")[-1] == kinds(trace, "client")[-1] == "error"
    assert kinds(trace, "wire", 1)[-1] == "completed"
    assert bench.get("errors/cut") == trace
    assert "cut" in [each["id"] for each in bench.get("errors")["errors"]]
    line = bench.line("cut")
    assert (line["level"], line["outcome"], line["cause"]) == ("warning", "cut", "The provider ended the stream early.")


def test_a_stall_after_the_commit_is_a_trip_and_the_end(bench: Bench) -> None:
    lane = bench.a.lane(sse(b"".join(PIECES[:3]), Hang()))
    bench.ask(lane.model, "stall")
    trace = bench.trace("stall")
    assert [trip["operator"] for trip in trace["trips"]] == ["idle_timeout"]
    assert (trace["outcome"], trace["attempts"][0]["phase"]) == ("timeout", "semantic")


def test_a_client_that_left_lets_everything_go(bench: Bench) -> None:
    lane = bench.a.lane(sse(b"".join(PIECES[:3]), Hang()))
    sent = json.dumps({"model": lane.model, "stream": True, "messages": [{"role": "user", "content": "hello"}]}).encode()
    port = int(bench.gateway.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nx-request-id: left\r\ncontent-length: %d\r\n\r\n"
        client.sendall(head % len(sent) + sent)
        assert client.recv(10)
        # Under way it is told as far as it has come.
        trace = bench.trace("left", lambda trace: "candidate" in trace)
        assert "outcome" not in trace
        (active,) = [entry for entry in bench.get("active")["active"] if entry["id"] == "left"]
        assert (active["phase"], active["candidate"], active["last_event"]) == ("streaming", "a/*", "text")
    lane.last.left()
    trace = bench.trace("left")
    assert (trace["outcome"], trace["status"], trace["attempts"][0]["outcome"]) == ("client_left", 200, "let_go")
    assert kinds(trace, "wire", 1)[-1] == kinds(trace, "answer")[-1] == kinds(trace, "client")[-1] == "dispose"
    assert "left" not in [each["id"] for each in bench.get("errors")["errors"]]
    assert [entry for entry in bench.get("active")["active"] if entry["id"] == "left"] == []


def test_a_wait_in_the_queue_is_told_apart(bench: Bench) -> None:
    gate = Gate()
    lane = bench.a.lane(Script([Wait(gate), Send(DONE)], headers={"content-type": "text/event-stream"}), sse(DONE))
    threads = [threading.Thread(target=bench.ask, args=(f"narrow/{lane.model}", id)) for id in ("first", "second")]
    threads[0].start()
    lane.arrived()
    threads[1].start()
    until = time.monotonic() + PATIENCE
    while not [entry for entry in bench.get("active")["active"] if (entry["id"], entry["phase"]) == ("second", "queued")]:
        assert time.monotonic() < until
    # AP-27
    assert [bench.get(path)["queue"] for path in ("stats", "active", "health")] == [{"in_use": 1, "limit": 1, "waiting": 1}] * 3
    gate.open()
    for thread in threads:
        thread.join(PATIENCE)
    trace = bench.trace("second")
    assert trace["queued"] > 0
    assert bench.line("second")["queued"] == trace["queued"]
    # The attempt was asked for before it stood in the queue, and sent after it.
    assert marks(trace, "wire", 1)[0][0] - marks(trace, "attempt", 1)[0][0] >= trace["queued"] - 0.01


def test_a_hit_of_the_cache_has_no_attempt_and_a_note(bench: Bench) -> None:
    model = bench.b.lane(sse(DONE), name="cached").model
    assert bench.ask(model, "miss")[1] == bench.ask(model, "hit")[1]
    miss, hit = bench.trace("miss"), bench.trace("hit")
    assert (len(miss["attempts"]), len(hit["attempts"])) == (1, 0)
    assert [(note["operator"], note["message"]) for note in hit["notes"]] == [("cache", "hit")]
    assert kinds(hit, "answer")[-2:] == ["end", "completed"]


def test_an_answer_for_several_is_told_as_a_shared_one(bench: Bench) -> None:
    model = bench.b.lane(sse(DONE), name="shared").model
    bench.ask(model, "together")
    (attempt,) = bench.trace("together")["attempts"]
    assert (attempt["shared"], attempt["outcome"]) == (True, "ok")


def test_a_continuation_is_noted_with_both_candidates(bench: Bench) -> None:
    lane: Lane = bench.a.lane(sse(b"".join(PIECES[:3])), name="resumed")
    bench.ask(lane.model, "resumed")
    trace = bench.trace("resumed")
    assert [(note["operator"], note["message"]) for note in trace["notes"]] == [
        ("resume", "b/* goes on where a/* broke off (cut)")
    ]
    assert [(attempt["candidate"][0], attempt["outcome"]) for attempt in trace["attempts"]] == [("a", "error"), ("b", "ok")]
    assert trace["outcome"] == "ok"


def test_a_request_that_makes_no_sense_is_kept_with_its_reason(bench: Bench) -> None:
    assert bench.ask("", "empty")[0] == 400
    trace = bench.trace("empty")
    assert (trace["outcome"], trace["status"], trace["attempts"], trace["stages"]) == ("bad_request", 400, [], [])
    assert trace["error"]["message"] == "The request is not valid (param model)."


def test_two_attempts_at_once_keep_their_own_rows(tmp_path: Path) -> None:
    with ScriptedProvider(lambda received: Script(before=[Hang()])) as a, ScriptedProvider(lambda received: sse(DONE)) as b:
        config = {
            "providers": {name: {"dialect": "chat", "base_url": each.base_url("chat")} for name, each in (("a", a), ("b", b))},
            "models": [{"name": "*", "candidates": ["a/*", "b/*"]}],
            "chains": {"default": {"answer": [{"hedge": {"delay": 0.1}}]}},
        }
        with Gateway(config, tmp_path) as gateway:
            bench = Bench(gateway, a, b)
            assert bench.ask("any", "race")[1] == DONE
            trace = bench.trace("race")
    slow, fast = trace["attempts"]
    assert (slow["candidate"], slow["outcome"], fast["candidate"], fast["outcome"]) == ("a/any", "let_go", "b/any", "ok")
    assert slow["began"] < fast["began"] < slow["ended"]
    assert kinds(trace, "wire", 1) == ["subscribe", "dispose"]
    assert kinds(trace, "wire", 2)[:3] == ["subscribe", "head", "bytes"]
