"""The ring: found by id, newest first, bounded, and a burst of good requests does not push the failures out."""

from __future__ import annotations

import pytest

from pipeline.summary import Summary
from pipeline.traces import Ring, Trace
from pipeline.traces.kept import found


def trace(id: str, began: float = 0.0) -> Trace:
    return Trace(id, began, began, "chat")


def summary(outcome: str, over: float) -> Summary:
    return Summary.of(kind=("chat", "m", "a/x", outcome, outcome, True), over=over)


def end(ring: Ring, id: str, outcome: str = "ok", at: float = 0.0) -> None:
    made = trace(id, at)
    ring.begin(made)
    made.end(summary(outcome, at + 1.0))
    ring.end(made)


def began(found: Trace | None) -> float:
    assert found is not None
    return found.began


def newest(ring: Ring) -> list[Trace]:
    return [found(each) for each in ring.backwards()]


def errors(ring: Ring) -> list[Trace]:
    return [found(each) for each in ring.backwards(failed=True)]


def ids(traces: list[Trace]) -> list[str]:
    return [trace.id for trace in traces]


def test_under_way_and_ended_are_found_by_id() -> None:
    ring, made = Ring(2), trace("a")
    ring.begin(made)
    assert (ring.find("a"), list(ring.active), newest(ring)) == (made, [made], [])
    made.end(summary("ok", 1.0))
    ring.end(made)
    assert (began(ring.find("a")), list(ring.active), ids(newest(ring))) == (0.0, [], ["a"])
    assert ring.find("b") is None


def test_of_requests_with_one_id_the_newest_is_found_whichever_ended_last() -> None:
    ring = Ring(2)
    old, new = Trace("a", 0.0, 0.0, "chat"), Trace("a", 1.0, 1.0, "chat")
    for each in (old, new):
        ring.begin(each)
    for each in (new, old):
        each.end(summary("ok", 2.0))
        ring.end(each)
    assert began(ring.find("a")) == new.began


def test_newest_first_and_bounded() -> None:
    ring = Ring(3)
    for id in "abcde":
        end(ring, id)
    assert ids(newest(ring)) == ["e", "d", "c"]
    assert ids(newest(ring)[:2]) == ["e", "d"]
    assert (ring.find("b"), len(ring)) == (None, 3)


def test_failures_outlive_the_good_ones() -> None:
    ring = Ring(4)
    end(ring, "bad", "timeout")
    for number in range(20):
        end(ring, str(number))
    assert ids(errors(ring)) == ["bad"]
    found = ring.find("bad")
    assert found is not None
    assert found.failed
    assert len(ring) == 5


def test_failures_are_bounded_and_those_that_left_are_none() -> None:
    ring = Ring(8)
    for number in range(100):
        end(ring, str(number), "timeout" if number % 2 else "client_left")
    assert len(ring) == 8 + 2
    assert ids(errors(ring)) == ["99", "97", "95", "93", "91", "89"]
    assert ids(errors(ring)[:1]) == ["99"]


def test_an_id_that_comes_twice_finds_the_newest_one() -> None:
    ring = Ring(2)
    end(ring, "same", at=1.0)
    end(ring, "same", at=2.0)
    end(ring, "other", at=3.0)
    assert began(ring.find("same")) == 2.0
    end(ring, "last", at=4.0)
    assert ring.find("same") is None


def test_what_was_too_many_before_does_not_come_back_with_more_room() -> None:
    ring = Ring(16)
    for number in range(31):
        end(ring, str(number))
    ring.resize(40)
    assert ids(newest(ring)) == [str(number) for number in range(30, 14, -1)]


def test_an_id_that_stands_in_another_trace_is_not_taken_for_its_own() -> None:
    ring = Ring(4)
    for at, id in enumerate(("req_12", "req_1", "xreq_1", "req_2")):
        end(ring, id, at=float(at))
    assert began(ring.find("req_1")) == 1.0
    assert (ring.find("req_"), ring.find("ok"), ring.find("\udc80")) == (None, None, None)


def test_who_looks_again_is_told_what_ended_meanwhile_as_far_as_it_is_held() -> None:
    ring = Ring(3)
    for id in "ab":
        end(ring, id)
    assert ids(ring.since(0, 9)) == ["a", "b"]
    seen = ring.ends
    assert ring.since(seen, 9) == []
    for id in "cdef":
        end(ring, id)
    assert (ids(ring.since(seen, 9)), ids(ring.since(seen, 2))) == (["d", "e", "f"], ["e", "f"])


def test_where_nothing_is_kept_nothing_is_held() -> None:
    ring = Ring(0)
    end(ring, "a", "timeout")
    assert (len(ring), newest(ring), ring.since(0, 9)) == (0, [], [])


@pytest.mark.parametrize("keep", [0, 1])
def test_another_size_takes_effect_at_once(keep: int) -> None:
    ring = Ring(5)
    for id in "abcde":
        end(ring, id)
    ring.resize(keep)
    assert ids(newest(ring)) == ["e"][:keep]
    end(ring, "f", "timeout")
    assert len(ring) == keep
    ring.resize(3)
    end(ring, "g")
    assert ids(newest(ring)) == ["g", "f"][: keep + 1]
