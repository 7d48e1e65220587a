"""What goes wrong out there, made to go wrong here: at the item that was named, as often as was asked for, and it heals."""

from __future__ import annotations

from typing import Any

import pytest

from operators import CATALOG, GuardError, Injected, NoScheduler, Operator, StepError, Stream, catalog, fault
from operators.drill import Kind, Times
from operators.testing import Marbles
from tests.operators.items import Fault
from tests.operators.observers import FirstOnly, Heard

BREAKING: list[Kind] = ["error", "cut", "stall"]


def test_an_error_comes_behind_so_many_items_and_the_source_is_let_go(t: Marbles) -> None:
    source = t.cold("                             -a-b-c-|")
    t.check(source.pipe(fault("error", after=2)), "-a-(b#)", error=Injected)
    t.subs(source, "                               ^  !")


def test_a_cut_completes_behind_so_many_items_and_the_source_is_let_go(t: Marbles) -> None:
    source = t.cold("                           -a-b-c-|")
    t.check(source.pipe(fault("cut", after=2)), "-a-(b|)")
    t.subs(source, "                             ^  !")


def test_a_stall_is_silent_without_an_end_and_lets_go_of_the_source(t: Marbles) -> None:
    source = t.cold("                             -a-b-c-|")
    t.check(source.pipe(fault("stall", after=2)), "-a-b-----------", until="^             !")
    t.subs(source, "                               ^  !")


def test_garbage_takes_the_place_of_one_item(t: Marbles) -> None:
    source = t.cold("                                                          -a-b-c-d-|")
    t.check(source.pipe(fault("garbage", after=2, garbage=lambda item: item * 2)), "-a-b-x-d-|", values={"x": "cc"})
    t.subs(source, "                                                            ^        !")


def test_a_delay_holds_one_item_back_and_what_follows_keeps_its_place(t: Marbles) -> None:
    source = t.cold("                                         -a-b-c-----d-|")
    t.check(source.pipe(fault("delay", after=1, seconds=4)), "-a-----(bc)d-|")
    t.subs(source, "                                           ^            !")


@pytest.mark.parametrize("end", "|#")
def test_a_delay_holds_the_end_back_as_well(t: Marbles, end: str) -> None:
    source = t.cold(f"                              -a-b{end}")
    t.check(source.pipe(fault("delay", seconds=4)), f"-----(ab{end})")
    t.subs(source, "                                ^   !")


def test_a_delay_begins_when_its_item_comes(t: Marbles) -> None:
    t.check(t.cold("------a-|").pipe(fault("delay", seconds=3)), "---------(a|)")


@pytest.mark.parametrize("kind", BREAKING)
def test_with_nothing_to_pass_the_source_is_not_subscribed_to(t: Marbles, kind: Kind) -> None:
    source = t.cold("-a-b|")
    result, until = {"error": ("#", None), "cut": ("|", None), "stall": ("---", "^     !")}[kind]
    t.check(source.pipe(fault(kind)), result, error=Injected, until=until)
    t.subs(source)


@pytest.mark.parametrize("kind", ["error", "cut", "stall", "garbage"])
@pytest.mark.parametrize("drawing", ["-a|", "-a#", "|", "#"])
def test_who_ends_before_that_is_not_hit(t: Marbles, kind: Kind, drawing: str) -> None:
    told: list[str] = []
    t.check(t.cold(drawing).pipe(fault(kind, after=2, on_fault=told.append)), drawing)
    assert told == []


@pytest.mark.parametrize("drawing", ["-a|", "-a#", "|", "#"])
def test_who_ends_before_that_is_not_late(t: Marbles, drawing: str) -> None:
    t.check(t.cold(drawing).pipe(fault("delay", after=1, seconds=5)), drawing)


def test_the_error_says_that_it_is_a_drill_and_carries_its_status(t: Marbles) -> None:
    heard = Heard()
    t.cold("-a|").pipe(fault("error", status=503)).subscribe(heard, scheduler=t.scheduler)
    t.cold("-a|").pipe(fault("error")).subscribe(heard, scheduler=t.scheduler)
    with_status, without = heard.all
    assert issubclass(Injected, GuardError)
    assert type(with_status) is type(without) is Injected
    assert (with_status.operator, with_status.status, without.status) == ("fault", 503, None)
    assert str(with_status) == "fault: failed on purpose with status 503; this is a drill"
    assert str(without) == "fault: failed on purpose; this is a drill"
    assert with_status.retryable
    assert with_status.again


@pytest.mark.parametrize("status", [None, 429])
def test_somebody_else_may_make_the_error(t: Marbles, status: int | None) -> None:
    asked: list[Any] = []
    mine = Fault()

    def failure(status: int | None) -> Exception:
        asked.append(status)
        return mine

    t.check(t.cold("-a-b|").pipe(fault("error", 1, status=status, failure=failure)), "-(a#)", error=mine)
    assert asked == [status]


def test_a_failure_that_raises_is_a_step_error(t: Marbles) -> None:
    def failure(status: int | None) -> Exception:
        raise ZeroDivisionError

    source = t.cold("                                               -a-b|")
    t.check(source.pipe(fault("error", after=1, failure=failure)), "-(a#)", error=StepError)
    t.subs(source, "                                                 ^!")


@pytest.mark.parametrize(("item", "kind"), [(b"data: {}\n\n", bytes), (bytearray(b"x"), bytes), ("text", str)])
def test_garbage_of_bytes_and_texts_is_known(t: Marbles, item: Any, kind: type) -> None:
    heard: list[Any] = []
    t.cold("(ab|)", values={"a": item}).pipe(fault("garbage")).subscribe(heard.append, scheduler=t.scheduler)
    t.advance(1)
    garbage, second = heard
    assert type(garbage) is kind
    assert garbage != item
    assert second == "b"


def test_what_cannot_be_garbage_passes_and_the_next_item_is_meant(t: Marbles) -> None:
    """A head before the text, say; it does not count as having happened."""
    told: list[tuple[float, Kind]] = []

    def garbage(item: str) -> str:
        return item if item.isupper() else "x"

    operator: Operator[Any, Any] = fault("garbage", garbage=garbage, times=2, on_fault=lambda kind: told.append((t.second, kind)))
    t.check(t.cold("-A-B-|").pipe(operator), "-A-B-|")
    assert told == []
    t.check(t.cold("-A-Bcd|").pipe(operator), "-A-Bxd|")
    assert told == [(4, "garbage")]
    t.check(t.cold("-a-B|").pipe(operator), "-x-B|")
    t.check(t.cold("-a-B|").pipe(operator), "-a-B|")


def test_a_function_that_cannot_make_garbage_has_happened_too(t: Marbles) -> None:
    def garbage(item: Any) -> Any:
        raise LookupError(item)

    told: list[Kind] = []
    operator: Operator[Any, Any] = fault("garbage", garbage=garbage, times=1, on_fault=told.append)
    t.check(t.cold("-a-b|").pipe(operator), "-#", error=StepError)
    t.check(t.cold("-a-b|").pipe(operator), "-a-b|")
    assert told == ["garbage"]


def test_garbage_of_anything_else_has_to_be_supplied(t: Marbles) -> None:
    heard = Heard()
    source = t.cold("-a|", values={"a": 7})
    source.pipe(fault("garbage")).subscribe(heard, scheduler=t.scheduler)
    t.advance(3)
    (error,) = heard.all
    assert type(error) is StepError
    assert str(error.__cause__) == "fault: what is garbage in place of a int? Supply the resource garbage"
    assert source.subscriptions == [(0, 1)]


@pytest.mark.parametrize(
    ("percent", "rolls", "hit"), [(5, 0.0499, True), (5, 0.05, False), (100, 0.999999, True), (0.1, 0.0, True)]
)
def test_a_share_of_the_subscriptions_is_meant(t: Marbles, percent: float, rolls: float, hit: bool) -> None:
    t.check(t.cold("-a|").pipe(fault("cut", percent=percent, random=lambda: rolls)), "|" if hit else "-a|")


def test_chance_is_asked_once_for_each_subscription(t: Marbles) -> None:
    rolls = iter([0.9, 0.1, 0.9])
    result = t.cold("-a-b|").pipe(fault("cut", after=1, percent=50, random=lambda: next(rolls)))
    t.check(result, "-a-b|")
    t.check(result, "-(a|)")
    t.check(result, "-a-b|")


def test_who_is_not_meant_costs_nothing(t: Marbles) -> None:
    below = FirstOnly()
    observers: list[Any] = []
    source: Stream[Any] = Stream(lambda observer, scheduler: observers.append(observer))
    below.connect(source.pipe(fault("cut", after=1, percent=50, random=lambda: 0.5)), Heard(), t.scheduler)
    assert observers == [below]


@pytest.mark.parametrize(
    ("options", "hit", "healed"),
    [
        ({"kind": "error"}, "#", "-a-b|"),
        ({"kind": "cut", "after": 1}, "-(a|)", "-a-b|"),
        ({"kind": "garbage"}, "-x-b|", "-a-b|"),
        ({"kind": "delay", "seconds": 1}, "--ab|", "-a-b|"),
    ],
)
def test_a_fault_heals_after_so_many_times(t: Marbles, options: dict[str, Any], hit: str, healed: str) -> None:
    operator: Operator[Any, Any] = fault(**options, times=2, garbage=lambda item: "x")
    for drawing in (hit, hit, healed, healed):
        t.check(t.cold("-a-b|").pipe(operator), drawing, error=Injected)


@pytest.mark.parametrize("kind", ["cut", "garbage", "delay"])
def test_of_many_at_once_only_so_many_are_hit(t: Marbles, kind: Kind) -> None:
    """They are all meant when they begin; the turn is the one's who comes to its item first."""
    told: list[str] = []
    operator: Operator[Any, Any] = fault(
        kind, after=1, times=1, seconds=9 if kind == "delay" else None, garbage=lambda item: "x", on_fault=told.append
    )
    slow, quick = Heard(), Heard()
    t.cold("---a-b|").pipe(operator).subscribe(slow, scheduler=t.scheduler)
    t.cold("-a-b--|").pipe(operator).subscribe(quick, scheduler=t.scheduler)
    t.advance(30)
    assert slow.all == ["a", "b", "|"]
    assert quick.all == {"cut": ["a", "|"], "garbage": ["a", "x", "|"], "delay": ["a", "b", "|"]}[kind]
    assert told == [kind]


def test_a_stream_that_ends_before_its_fault_does_not_use_it_up(t: Marbles) -> None:
    operator: Operator[Any, Any] = fault("cut", after=2, times=1)
    t.check(t.cold("-a|").pipe(operator), "  -a|")
    t.check(t.cold("-a-b-c|").pipe(operator), "-a-(b|)")
    t.check(t.cold("-a-b-c|").pipe(operator), "-a-b-c|")


def test_what_is_made_twice_counts_twice(t: Marbles) -> None:
    for _ in range(2):
        t.check(t.cold("-a|").pipe(fault("cut", times=1)), "|")


@pytest.mark.parametrize("kind", ["error", "cut", "stall", "garbage", "delay"])
def test_the_probe_hears_of_it_once_and_cannot_hurt(t: Marbles, kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    told: list[Any] = []

    def probe(kind: Kind) -> None:
        told.append((t.second, kind))
        raise ZeroDivisionError

    operator: Operator[Any, Any] = fault(
        kind, after=1, seconds=1 if kind == "delay" else None, garbage=lambda item: "x", on_fault=probe
    )
    result = {"error": "-(a#)", "cut": "-(a|)", "stall": "-a-----", "garbage": "-a-x-c|", "delay": "-a--bc|"}[kind]
    t.check(t.cold("-a-b-c|").pipe(operator), result, error=Injected)
    assert told == [(3 if kind in ("garbage", "delay") else 1, kind)]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "explode"}, "kind must be one of 'delay', 'stall', 'cut', 'garbage', 'error', not 'explode'"),
        ({"kind": "cut", "status": 503}, "status goes with kind error only, not with cut"),
        ({"kind": "delay", "seconds": 1, "status": 503}, "status goes with kind error only, not with delay"),
        ({"kind": "stall", "seconds": 1}, "seconds goes with kind delay only, not with stall"),
        ({"kind": "delay"}, "kind delay needs seconds"),
        ({"kind": "delay", "seconds": 0}, "seconds must be more than 0, not 0"),
        ({"kind": "error", "status": 0}, "status must be more than 0, not 0"),
        ({"kind": "cut", "after": -1}, "after must be at least 0, not -1"),
        ({"kind": "cut", "percent": 0}, "percent must be more than 0 and at most 100, not 0"),
        ({"kind": "cut", "percent": 101}, "percent must be more than 0 and at most 100, not 101"),
        ({"kind": "cut", "times": 0}, "times must be more than 0, not 0"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^fault: {message}$"):
        fault(**options)


@pytest.mark.parametrize(
    "written",
    [
        {"kind": "error", "status": 503, "percent": 5},
        {"kind": "cut", "after": 40},
        {"kind": "stall", "after": 20},
        {"kind": "garbage", "after": 3},
        {"kind": "delay", "seconds": 2.0, "times": 3},
    ],
)
def test_what_people_write_is_understood(written: dict[str, Any]) -> None:
    assert catalog.validate("fault", written) == []
    assert callable(catalog.build("fault", written, {}))
    assert CATALOG["fault"] is fault


def test_only_a_delay_needs_time() -> None:
    heard = Heard()
    source: Stream[Any] = Stream(lambda observer, scheduler: observer.on_next("a"))
    source.pipe(fault("delay", seconds=1, percent=1, random=lambda: 0.9)).subscribe(heard)
    source.pipe(fault("cut", after=1)).subscribe(heard)
    assert [type(heard.all[0]), *heard.all[1:]] == [NoScheduler, "a", "|"]


def test_operators_that_have_the_same_count_strike_no_more_often_than_one_of_them_would(t: Marbles) -> None:
    times = Times(1)
    for stream, drawing in ((t.cold("-a-b|"), "-(a|)"), (t.cold("-a-b|"), "-a-b|")):
        t.check(stream.pipe(fault("cut", after=1, times=1, make=lambda _: times)), drawing)
    assert times.left == 0


def test_a_random_number_that_is_none_is_an_error_of_the_step(t: Marbles) -> None:
    caught: list[Any] = []
    source = t.cold("-a|")
    source.pipe(fault("cut", percent=50, random=lambda: 1 // 0)).subscribe(on_error=caught.append, scheduler=t.scheduler)
    assert [(type(error), type(error.__cause__)) for error in caught] == [(StepError, ZeroDivisionError)]
    assert source.subscriptions == []
