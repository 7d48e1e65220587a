"""The ring: found by id, newest first, bounded, and a burst of good requests does not push the failures out."""

from __future__ import annotations

import pytest

from pipeline.traces import Ring, Trace


def trace(id: str) -> Trace:
    return Trace(id, 0.0, 0.0, "chat")


def end(ring: Ring, id: str, outcome: str = "ok") -> Trace:
    made = trace(id)
    ring.begin(made)
    made.end(1.0, outcome, 200)
    ring.end(made)
    return made


def ids(traces: list[Trace]) -> list[str]:
    return [trace.id for trace in traces]


def test_under_way_and_ended_are_found_by_id() -> None:
    ring, made = Ring(2), trace("a")
    ring.begin(made)
    assert (ring.find("a"), list(ring.active), ring.newest(9)) == (made, [made], [])
    made.end(1.0, "ok", 200)
    ring.end(made)
    assert (ring.find("a"), list(ring.active), ring.newest(9)) == (made, [], [made])
    assert ring.find("b") is None


def test_of_requests_with_one_id_the_newest_is_found_whichever_ended_last() -> None:
    ring = Ring(2)
    old, new = Trace("a", 0.0, 0.0, "chat"), Trace("a", 1.0, 1.0, "chat")
    for each in (old, new):
        ring.begin(each)
    for each in (new, old):
        each.end(2.0, "ok", 200)
        ring.end(each)
    assert ring.find("a") is new


def test_newest_first_and_bounded() -> None:
    ring = Ring(3)
    for id in "abcde":
        end(ring, id)
    assert ids(ring.newest(9)) == ["e", "d", "c"]
    assert ids(ring.newest(2)) == ["e", "d"]
    assert (ring.find("b"), len(ring)) == (None, 3)


def test_failures_outlive_the_good_ones() -> None:
    ring = Ring(4)
    end(ring, "bad", "timeout")
    for number in range(20):
        end(ring, str(number))
    assert ids(ring.errors(9)) == ["bad"]
    found = ring.find("bad")
    assert found is not None
    assert found.failed
    assert len(ring) == 5


def test_failures_are_bounded_and_those_that_left_are_none() -> None:
    ring = Ring(8)
    for number in range(100):
        end(ring, str(number), "timeout" if number % 2 else "client_left")
    assert len(ring) == 8 + 2
    assert ids(ring.errors(9)) == ["99", "97", "95", "93", "91", "89"]
    assert ids(ring.errors(1)) == ["99"]


def test_an_id_that_comes_twice_finds_the_newest_one() -> None:
    ring = Ring(2)
    end(ring, "same")
    newest = end(ring, "same")
    end(ring, "other")
    assert ring.find("same") is newest
    end(ring, "last")
    assert ring.find("same") is None


@pytest.mark.parametrize("keep", [0, 1])
def test_another_size_takes_effect_at_once(keep: int) -> None:
    ring = Ring(5)
    for id in "abcde":
        end(ring, id)
    ring.resize(keep)
    assert ids(ring.newest(9)) == ["e"][:keep]
    end(ring, "f", "timeout")
    assert len(ring) == keep
    ring.resize(3)
    end(ring, "g")
    assert ids(ring.newest(9)) == ["g", "f"][: keep + 1]
