"""What a worker asks of the others, over real sockets, with the hub in the middle."""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.metrics import Metrics
from pipeline.workers.channel import Channel
from pipeline.workers.colleagues import PATIENCE, Colleagues, Linked, Unanswered
from pipeline.workers.frames import Frame, Kind, frame
from pipeline.workers.hub import Hub


class Supervisor:
    """Only its middle: sockets, and the hub."""

    def __init__(self, workers: int) -> None:
        self.selector = selectors.DefaultSelector()
        self.hub = Hub(lambda id, data: self.channels[id].send(data), list, time.monotonic)
        self.links: list[socket.socket] = []
        self.channels: dict[int, Channel] = {}
        for id in range(workers):
            ours, theirs = socket.socketpair()
            self.links.append(theirs)
            self.channels[id] = Channel(ours, self.selector, self._hears(id))
        self._over = False
        self._ended: list[int] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _hears(self, id: int) -> Callable[[Frame], None]:
        def hear(said: Frame) -> None:
            if said.kind == Kind.READY:
                self.hub.joined(id)
            self.hub.received(id, said)

        return hear

    def _run(self) -> None:
        while not self._over:
            for key, events in self.selector.select(0.02):
                key.data(events)
            self.hub.expire()
            while self._ended:
                # As when its process is gone: what it said at last is heard before it is counted among the dead.
                id = self._ended.pop()
                self.channels[id].close()
                self.hub.left(id)

    def ended(self, id: int) -> None:
        self._ended.append(id)

    def close(self) -> None:
        self._over = True
        self._thread.join()
        for channel in self.channels.values():
            channel.close()
        self.selector.close()


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    each = Supervisor(3)
    yield each
    each.close()


def nothing(*_: Any) -> None:
    """Of no interest here."""


async def linked(supervisor: Supervisor, metrics: Callable[[], Metrics] = lambda: Metrics("1")) -> list[Linked]:
    workers = [Linked(metrics(), nothing) for _ in supervisor.links]
    for number, (worker, link) in enumerate(zip(workers, supervisor.links, strict=True)):
        worker.answers["number"] = lambda number=number, **given: [number, given]
        await worker.connect(link, nothing)
        worker.ready()
    while len(list(supervisor.hub.ready)) < len(workers):
        await asyncio.sleep(0.01)
    return workers


def test_all_answer_the_one_who_asks_first(supervisor: Supervisor) -> None:
    async def run() -> None:
        workers = await linked(supervisor)
        said = await workers[1].gather("number", least=2)
        assert said[0] == [1, {"least": 2}]
        assert sorted(said) == [[n, {"least": 2}] for n in range(3)]
        for worker in workers:
            await worker.farewell()

    asyncio.run(run())


def test_who_cannot_answer_and_who_is_silent_is_left_out(supervisor: Supervisor, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        workers = await linked(supervisor)
        workers[2].answers["number"] = lambda **given: 1 / 0
        assert sorted(await workers[0].gather("number")) == [[0, {}], [1, {}]]
        assert "could not be answered" in caplog.text
        supervisor.channels[1].send = nothing  # type: ignore[method-assign, assignment]
        before = time.monotonic()
        assert await workers[0].gather("number") == [[0, {}]]
        assert time.monotonic() - before < PATIENCE + 1
        with pytest.raises(KeyError):
            await workers[0].gather("unheard of")
        for worker in workers:
            await worker.farewell()

    asyncio.run(run())


def test_what_all_have_counted_is_one_and_what_is_told_at_last_is_kept(supervisor: Supervisor) -> None:
    async def requests(worker: Colleagues) -> float:
        found = {family["name"]: family["members"] async for family in worker.families()}
        return float(sum(value for _, value in found["penstock_requests"]))

    async def run() -> None:
        metrics = [Metrics("1"), Metrics("1"), Metrics("1")]
        given = iter(metrics)
        workers = await linked(supervisor, lambda: next(given))
        for number, each in enumerate(metrics):
            for _ in range(10**number):
                each.refused("chat", "too_large")
        assert await requests(workers[0]) == 111
        metrics[2].refused("chat", "too_large")
        await workers[2].farewell()
        supervisor.ended(2)
        while 2 in supervisor.hub.ready:
            await asyncio.sleep(0.01)
        assert await requests(workers[1]) == 112
        for worker in workers[:2]:
            await worker.farewell()

    asyncio.run(run())


def test_without_the_supervisor_nothing_is_told_and_the_worker_is_to_end() -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        orphaned = asyncio.Event()
        worker = Linked(Metrics("1"), orphaned.set)
        await worker.connect(theirs, nothing)
        asking = asyncio.ensure_future(anext(worker.families()))
        await asyncio.sleep(0)
        ours.close()
        await orphaned.wait()
        with pytest.raises(Unanswered):
            await asking
        await worker.farewell()

    asyncio.run(run())


def test_who_is_alone_asks_only_itself() -> None:
    async def run() -> None:
        alone = Colleagues(Metrics("1"))
        alone.answers["number"] = lambda **given: given
        assert await alone.gather("number", a=1) == [{"a": 1}]
        assert "penstock_requests" in [family["name"] async for family in alone.families()]

    asyncio.run(run())


def test_only_so_much_waits_for_a_worker_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.workers.channel.HELD", 1_000_000)
    ours, theirs = socket.socketpair()
    with selectors.DefaultSelector() as selector, theirs:
        channel = Channel(ours, selector, nothing)
        sent = frame(Kind.ANSWER, 1, b"x" * 100_000)
        for _ in range(100):
            channel.send(sent)
        theirs.setblocking(False)
        came = 0
        while True:
            for key, events in selector.select(0):
                key.data(events)
            try:
                came += len(theirs.recv(2**20))
            except BlockingIOError:
                break
        assert came % len(sent) == 0
        assert 1_000_000 - len(sent) < came < 3_000_000
        channel.close()
