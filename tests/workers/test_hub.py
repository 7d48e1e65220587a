"""Who is asked, who answers, and whose numbers count, without a process or a socket."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipeline.snapshot import Family, Snapshot, read, written
from pipeline.workers.frames import Frame, Frames, Kind
from pipeline.workers.hub import PATIENCE, Hub


class Bench:
    """A hub, and what it sent."""

    def __init__(self, *workers: int) -> None:
        self.now = 100.0
        self.sent: list[tuple[int, Frame]] = []
        self.hub = Hub(self._send, lambda: counted(restarts=1), lambda: self.now)
        for worker in workers:
            self.hub.joined(worker)

    def _send(self, worker: int, data: bytes) -> None:
        self.sent.extend((worker, each) for each in Frames().feed(data))

    def take(self) -> list[tuple[int, Frame]]:
        sent, self.sent = self.sent, []
        return sent

    def say(self, worker: int, kind: Kind, serial: int = 0, payload: bytes = b"") -> None:
        self.hub.received(worker, Frame(kind, serial, payload))

    def scrape(self, asker: int, **answers: dict[str, Any]) -> dict[str, Any]:
        """What a worker learns when the workers in ``answers`` (w1, w2) answer; the others are silent."""
        self.say(asker, Kind.COUNT, 9)
        for worker, asked in self.take():
            if f"w{worker}" in answers:
                self.say(worker, Kind.COUNTED, asked.serial, written(counted(**answers[f"w{worker}"])))
        self.now += PATIENCE
        self.hub.expire()
        [(to, told)] = self.take()
        assert (to, told.kind, told.serial) == (asker, Kind.COUNTED, 9)
        return {family["name"]: family["members"][0][1] for family in read(told.payload)}


def counted(**numbers: Any) -> Snapshot:
    return [
        Family(
            name=name,
            help="",
            kind="gauge" if name == "open" else "counter",
            labels=(),
            rule="sum",
            bounds=(),
            members=[((), value)],
        )
        for name, value in numbers.items()
    ]


@pytest.fixture
def bench() -> Bench:
    return Bench(1, 2, 3)


def test_a_question_goes_to_all_others_and_each_answer_comes_back_at_once(bench: Bench) -> None:
    bench.say(2, Kind.ASK, 7, b'["traces",{}]')
    asked = bench.take()
    assert [(to, each.kind, each.payload) for to, each in asked] == [(n, Kind.ASK, b'["traces",{}]') for n in (1, 3)]
    bench.say(3, Kind.ANSWER, asked[1][1].serial, b"33")
    assert bench.take() == [(2, Frame(Kind.ANSWER, 7, b"33"))]
    bench.say(3, Kind.ANSWER, asked[1][1].serial, b"again")
    assert bench.take() == []
    bench.say(1, Kind.ANSWER, asked[0][1].serial, b"11")
    assert bench.take() == [(2, Frame(Kind.ANSWER, 7, b"11")), (2, Frame(Kind.ANSWERED, 7, b""))]
    assert bench.hub.due is None


def test_who_dies_and_who_is_silent_is_left_out(bench: Bench) -> None:
    bench.say(2, Kind.ASK, 7, b"[]")
    bench.take()
    bench.hub.left(1)
    assert bench.take() == []
    bench.now += PATIENCE
    bench.hub.expire()
    assert bench.take() == [(2, Frame(Kind.ANSWERED, 7, b""))]


def test_who_is_alone_among_the_ready_is_answered_at_once() -> None:
    bench = Bench(1)
    bench.say(1, Kind.ASK, 7, b"[]")
    assert bench.take() == [(1, Frame(Kind.ANSWERED, 7, b""))]


def test_nothing_is_kept_of_who_asked_and_died(bench: Bench) -> None:
    bench.say(2, Kind.ASK, 7, b"[]")
    asked = bench.take()
    bench.hub.left(2)
    bench.say(1, Kind.ANSWER, asked[0][1].serial, b"1")
    assert (bench.take(), bench.hub.due) == ([], None)


def test_numbers_are_summed_over_all(bench: Bench) -> None:
    told = bench.scrape(2, w1={"hits": 1, "open": 1}, w2={"hits": 2, "open": 2}, w3={"hits": 4, "open": 4})
    assert told == {"hits": 7, "open": 7, "restarts": 1}


def test_of_who_does_not_answer_the_last_numbers_count(bench: Bench) -> None:
    bench.say(1, Kind.COUNTED, 0, written(counted(hits=10)))
    assert bench.scrape(2, w2={"hits": 2}, w3={"hits": 4})["hits"] == 16


def test_of_the_dead_counters_stay_and_gauges_do_not(bench: Bench) -> None:
    assert bench.scrape(2, w1={"hits": 1, "open": 1}, w2={"hits": 2, "open": 2}, w3={"hits": 4, "open": 4})["hits"] == 7
    bench.hub.left(1)
    bench.hub.left(3)
    assert bench.scrape(2, w2={"hits": 2, "open": 2}) == {"hits": 7, "open": 2, "restarts": 1}


def test_who_answers_a_scrape_and_dies_before_its_end_counts_once(bench: Bench) -> None:
    bench.say(2, Kind.COUNT, 9)
    asked = dict(bench.take())
    bench.say(1, Kind.COUNTED, asked[1].serial, written(counted(hits=5)))
    bench.hub.left(1)
    bench.say(2, Kind.COUNTED, asked[2].serial, written(counted(hits=1)))
    bench.hub.left(3)
    [(_, told)] = bench.take()
    assert {each["name"]: each["members"][0][1] for each in read(told.payload)}["hits"] == 6


def test_a_worker_that_was_never_ready_is_no_part_of_anything(bench: Bench) -> None:
    bench.hub.left(99)
    bench.say(99, Kind.COUNTED, 0, orjson.dumps(counted(hits=5)[0]))
    assert bench.scrape(2, w1={"hits": 1}, w2={"hits": 1}, w3={"hits": 1})["hits"] == 3
