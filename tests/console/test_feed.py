"""The live feed without a browser: only what is new, bounded, for admins, and gone when its viewer is."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aiohttp import web

from operators.clock import Clock
from pipeline.server import news
from pipeline.server.auth import Keyring
from pipeline.server.http import Door
from pipeline.server.live import LONGEST, SILENT, Feed
from pipeline.server.runtime import Runtime
from pipeline.traces.row import CODES
from tests.console.stands import KEYS, OPEN, Several, Stand, nothing, runtime_of, trace_of


def answer(request: dict[str, Any]) -> tuple[int, list[str]]:
    """From which mark on the answer's row is told, and the kinds of its marks."""
    row = next(row for row in request["stages"] if row["stage"] == "answer")
    return row["from"], [mark[1] for mark in row["marks"]]


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_only_new_marks_are_told_and_facts_when_they_changed(stand: Stand) -> None:
    one, other = stand.begin("one"), stand.begin("other")
    stand.mark(one, times=3)
    told = {request["id"]: request for request in stand.look()}
    assert set(told) == {"one", "other"}
    assert answer(told["one"]) == (0, ["text"] * 3)
    assert told["one"]["model"] == "m"
    assert stand.look() == []
    stand.mark(one, "tool", times=2)
    (request,) = stand.look()
    assert set(request) == {"id", "at", "stages"}
    # The last mark that was told might have grown, so it is told again.
    assert answer(request) == (2, ["text", "tool", "tool"])
    other.first_event_at = time.monotonic()
    (request,) = stand.look()
    assert request["id"] == "other"
    assert request["first_event"] >= 0
    assert [each["id"] for each in stand.look("another")] != []


def test_an_end_is_told_once_and_so_is_what_began_and_ended_between_two_looks(stand: Stand) -> None:
    followed = stand.begin("followed")
    stand.look()
    stand.mark(followed)
    stand.end(followed)
    stand.end(stand.begin("short"), "timeout")
    told = {request["id"]: request for request in stand.look()}
    assert {id: request["outcome"] for id, request in told.items()} == {"followed": "ok", "short": "timeout"}
    assert answer(told["followed"])[1] == ["text", "completed"]
    assert stand.look() == []


def test_stages_and_one_request_can_be_chosen(stand: Stand) -> None:
    one = stand.begin("one")
    stand.begin("other")
    stand.mark(one)
    trace_of(one).client.add(time.monotonic(), CODES["bytes"], 10)
    stages = {row["stage"] for request in stand.look("a", stages=["answer"]) for row in request["stages"]}
    assert stages == {"answer"}
    (request,) = stand.look("b", id="one")
    assert {row["stage"] for row in request["stages"]} == {"answer", "client"}
    stand.end(one)
    (request,) = stand.look("b", id="one")
    assert request["outcome"] == "ok"
    assert stand.look("b", id="one") == []
    assert stand.look("c", id="unknown") == []


def test_a_row_that_was_merged_is_told_from_its_beginning(stand: Stand) -> None:
    one = stand.begin("one")
    stand.mark(one, times=100)
    stand.look()
    stand.mark(one, times=400)
    (request,) = stand.look()
    assert request["stages"][0]["epoch"] > 0
    assert request["stages"][0]["from"] == 0
    assert sum(mark[3] for mark in request["stages"][0]["marks"]) == 500


def test_a_look_is_bounded_and_the_next_ones_tell_the_rest(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "MOST_FOLLOWED", 60)
    flying = [stand.begin(f"flying-{number}") for number in range(80)]
    for number in range(news.HISTORY + 50):
        ended = stand.begin(f"ended-{number}")
        stand.mark(ended, times=200)
        stand.end(ended)
    for exchange in flying:
        stand.mark(exchange, times=200)
    told: list[str] = []
    looks = 0
    while found := stand.desk.look("me"):
        marks = sum(len(row["marks"]) for request in found["requests"] for row in request["stages"])
        assert marks <= news.ROOM + 200
        assert found["left_out"] == 20
        told += [request["id"] for request in found["requests"]]
        looks += 1
        if not found["requests"]:
            break
    assert looks > 3
    assert len(told) == len(set(told)) == 60 + news.HISTORY
    assert f"ended-{news.HISTORY + 49}" in told[:20]
    assert "ended-0" not in told


def test_who_does_not_ask_any_more_is_forgotten(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    stand.look("one")
    stand.look("two")
    assert len(stand.desk) == 2
    monkeypatch.setattr(news, "FORGOTTEN", 0.0)
    stand.look("two")
    assert len(stand.desk) == 1


def test_a_request_that_is_gone_without_an_end_is_told_as_gone(stand: Stand) -> None:
    one = stand.begin("one")
    stand.look()
    stand.runtime.exchanges.discard(one)
    assert stand.desk.look("me")["gone"] == ["one"]


async def looked(feed: Feed) -> dict[str, Any]:
    """What one look of it tells; nothing where there is nothing new."""
    data = await feed.look()
    return {} if data is None else cast(dict[str, Any], json.loads(data))


def test_all_workers_are_told_of_and_what_a_dead_one_had_in_flight_is_gone() -> None:
    stands = [Stand(), Stand()]
    stands[0].begin("here")
    stands[1].begin("there")
    for stand, state in zip(stands, ("closed", "open"), strict=True):
        circuit = stand.runtime.assembly.circuits.of("demo/demo")
        if state == "open":
            for _ in range(5):
                ticket = circuit.begin()
                assert ticket is not None
                ticket.fail(ValueError("no"))
    runtime = stands[0].runtime
    runtime.colleagues = several = Several(stands)
    feed = Feed(runtime, nothing)

    async def looks() -> None:
        first = await looked(feed)
        assert first["first"] is True
        assert {request["id"] for request in first["requests"]} == {"here", "there"}
        assert first["candidates"]["demo/demo"]["states"] == {"closed": 1, "open": 1}
        several.stands.pop()
        gone = [id for _ in range(SILENT) for id in (await looked(feed)).get("gone", [])]
        assert gone == ["there"]

    asyncio.run(looks())


def test_what_was_told_as_gone_is_not_told_again_when_its_worker_dies() -> None:
    stands = [Stand(), Stand()]
    runtime = stands[0].runtime
    runtime.colleagues = several = Several(stands)
    one = stands[1].begin("one")
    feed = Feed(runtime, nothing)

    async def gone() -> list[str]:
        return cast(list[str], (await looked(feed)).get("gone", []))

    async def looks() -> None:
        assert await gone() == []
        stands[1].runtime.exchanges.discard(one)
        assert await gone() == ["one"]
        several.stands.pop()
        assert [id for _ in range(SILENT) for id in await gone()] == []

    asyncio.run(looks())


def test_what_an_answer_told_that_came_too_late_is_told_again() -> None:
    stands = [Stand(), Stand()]
    ends, goes_on, old = (stands[1].begin(id) for id in ("ends", "goes on", "old"))
    runtime = stands[0].runtime
    runtime.colleagues = several = Several(stands)
    feed = Feed(runtime, nothing)

    async def looks() -> None:
        assert {request["id"] for request in (await looked(feed))["requests"]} == {"ends", "goes on", "old"}
        several.late = [stands[1]]
        stands[1].end(old)
        for number in range(news.HISTORY):
            stands[1].end(stands[1].begin(str(number)))
        stands[1].end(ends)
        stands[1].mark(goes_on, times=3)
        await looked(feed)
        several.late = []
        message = await looked(feed)
        told = {request["id"]: request for request in message["requests"]}
        assert told["ends"]["outcome"] == "ok"
        assert answer(told["goes on"]) == (0, ["text"] * 3)
        # What ended too long ago to be told is at least not in flight any more.
        assert message["gone"] == ["old"]
        while more := (await looked(feed)).get("requests"):
            assert not {request["id"] for request in more} & {"ends", "goes on", "old"}

    asyncio.run(looks())


@pytest.mark.parametrize(("others", "pause"), [(0, 0.5), (3, 2.0), (1000, LONGEST)])
def test_the_more_viewers_there_are_the_less_often_each_looks(others: int, pause: float) -> None:
    stands = [Stand(), Stand()]

    class Slow(Several):
        """Its second worker takes 25 ms for a look."""

        async def gather(self, question: str, **arguments: Any) -> list[Any]:
            first, second = await super().gather(question, **arguments)
            return [{**first, "spent": 0.0}, {**second, "spent": 0.025}]

    stands[0].runtime.colleagues = Slow(stands)
    for stand in stands:
        for number in range(others):
            stand.look(str(number))
    feed = Feed(stands[0].runtime, nothing)
    asyncio.run(feed.look())
    # What joining the answers took is real time, and little of it.
    assert pause <= feed.pause <= min(pause * 1.5, LONGEST)


def test_a_stage_that_does_not_exist_is_answered_with_those_that_do() -> None:
    async def run(query: str) -> str:
        async with served(OPEN) as (_, port):
            reader, writer = await asked(port, f"/debug/live?stages={query}", "connection: close")
            text = (await reader.read()).decode()
            writer.close()
            return cast(str, json.loads(text.partition("\r\n\r\n")[2])["error"]["message"])

    names = "Expected some of wire, decoded, attempt, answer, client."
    assert asyncio.run(run("anser")) == f"There is no stage 'anser'; did you mean 'answer'? {names}"
    assert asyncio.run(run("xyz")) == f"There is no stage 'xyz'. {names}"


@asynccontextmanager
async def served(text: str) -> AsyncIterator[tuple[Runtime, int]]:
    runtime = runtime_of(text, Clock(asyncio.get_running_loop()))
    server = web.Server(Door(runtime).handle, handler_cancellation=True, access_log=None)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield runtime, listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await server.shutdown(1)


async def asked(port: int, path: str, *headers: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"GET {path} HTTP/1.1", f"host: 127.0.0.1:{port}", *headers]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    return reader, writer


async def status(port: int, path: str, *headers: str) -> int:
    reader, writer = await asked(port, path, *headers)
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])


def test_only_an_admin_may_look_and_what_is_asked_for_must_exist() -> None:
    async def run() -> None:
        async with served(f"{OPEN}\n{KEYS}") as (_, port):
            for key, expected in (("", 401), ("authorization: Bearer alice-key", 403), ("x-api-key: root-key", 200)):
                for path in ("/debug/live", "/debug/chains"):
                    assert await status(port, path, *filter(None, [key])) == expected
            for query in ("stages=answer,anser", "stage=answer", "id=a%2Fb", "id="):
                assert await status(port, f"/debug/live?{query}", "x-api-key: root-key") == 400
            assert await status(port, "/debug/chains?id=1", "x-api-key: root-key") == 400
        async with served(OPEN) as (_, port):
            assert await status(port, "/debug/live") == 200
            assert await status(port, "/debug/live", "origin: https://evil.example") == 403

    asyncio.run(run())


async def until(right: Any) -> float:
    """Wait until it is so; how long that took, in seconds."""
    began = time.monotonic()
    while not right():
        assert time.monotonic() - began < 10
        await asyncio.sleep(0.001)
    return time.monotonic() - began


@pytest.mark.parametrize("end", ["the viewer leaves", "the gateway stops", "other keys are in force"])
def test_the_feed_ends_with_its_viewer_with_the_gateway_and_with_the_keys(end: str) -> None:
    async def run() -> None:
        async with served(OPEN) as (runtime, port):
            desk = cast(Any, runtime.colleagues.answers["live"]).__self__
            reader, writer = await asked(port, "/debug/live", "connection: close")
            await reader.readuntil(b"data: ")
            assert len(desk) == 1
            if end == "the viewer leaves":
                writer.close()
                assert await until(lambda: len(desk) == 0) < 0.2
                return
            if end == "the gateway stops":
                runtime.draining = True
            else:
                runtime.keyring = Keyring(())
            await until(lambda: len(desk) == 0)
            assert (await reader.read()).endswith(b"0\r\n\r\n")
            writer.close()

    asyncio.run(run())
