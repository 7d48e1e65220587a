"""What every operator of one stream promises, whatever it does: the kit is run over the whole catalogue."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import reactivex
from reactivex import Observable
from reactivex import operators as stock

from operators import (
    CATALOG,
    Circuits,
    Elapsed,
    GuardError,
    Limits,
    Loads,
    NoScheduler,
    Operator,
    Overloaded,
    Sheet,
    Slots,
    StepError,
    Stream,
    TooLarge,
    TooSlow,
    admit,
    balance,
    breaker,
    buffer_limit,
    cache,
    edit,
    failover,
    fault,
    first_event_timeout,
    heartbeat,
    hedge,
    idle_timeout,
    inject,
    measure,
    mirror,
    output_limit,
    pace,
    rate_limit,
    redact,
    resume,
    retry,
    share,
    tap,
    through,
    total_timeout,
    trace,
    watch,
)
from operators.testing import Marbles
from tests.operators.observers import FirstOnly, Heard

Make = Callable[[], Operator[Any, Any]]


class Same:
    """A codec that changes nothing."""

    def feed(self, item: Any) -> list[Any]:
        return [item]

    def close(self) -> list[Any]:
        return []


class AtSecondItem:
    """A codec that fails at its second item."""

    def __init__(self) -> None:
        self.fed = 0

    def feed(self, item: Any) -> list[Any]:
        self.fed += 1
        if self.fed == 2:
            raise ZeroDivisionError
        return [item]

    def close(self) -> list[Any]:
        return []


class Forgetful:
    """A memory that remembers nothing and continues nothing."""

    def __init__(self, scheduler: Any) -> None:
        pass

    def note(self, item: Any) -> None:
        pass

    def continuation(self, error: Exception) -> None:
        return None

    def splice(self, item: Any) -> list[Any]:
        return [item]


class Overwhelmed(Forgetful):
    """A memory that fails at ``b``."""

    def note(self, item: Any) -> None:
        if item == "b":
            raise LookupError


def no_key(candidate: Any) -> str:
    if candidate == "b":
        raise LookupError
    return str(candidate)


def no(error: Exception) -> bool:
    raise LookupError


def no_keep(items: list[Any]) -> bool:
    raise LookupError


def of_one(answer: Operator[Any, Any]) -> Operator[Any, Any]:
    """``failover`` and ``hedge`` take attempts; with one attempt they are operators of one stream."""

    def operator(source: Observable[Any]) -> Stream[Any]:
        def subscribe(observer: Any, scheduler: Any) -> None:
            observer.on_next(source)
            observer.on_completed()

        return answer(Stream(subscribe))

    return operator


def no_tokens(item: Any) -> int | None:
    if item == "b":
        raise LookupError
    return 1


def over_at_once(observer: Any, scheduler: Any) -> None:
    observer.on_completed()


def unreadable(item: Any) -> Any:
    raise LookupError


# Every operator of the catalogue, with options under which it lets five quick items pass.
PASSING: dict[str, Make] = {
    "admit": lambda: admit(Slots(2)),
    "balance": lambda: balance(key=str),
    "breaker": lambda: breaker(circuits=Circuits(), key=str),
    "buffer_limit": lambda: buffer_limit(100),
    "failover": lambda: of_one(failover()),
    "fault": lambda: fault("delay", after=90, seconds=50),
    # It records, but replays nothing.
    "cache": lambda: cache(keep=lambda items: False),
    "edit": lambda: edit(lambda item: item),
    "first_event_timeout": lambda: first_event_timeout(50),
    "heartbeat": lambda: heartbeat(50, beat="h"),
    "hedge": lambda: of_one(hedge(delay=50)),
    "idle_timeout": lambda: idle_timeout(50),
    "measure": lambda: measure(Loads().of("a")),
    "inject": lambda: inject(lambda scope: scope),
    "mirror": lambda: mirror(100, shadow=lambda scope: Stream(over_at_once)),
    "output_limit": lambda: output_limit(100),
    "resume": lambda: resume(remember=Forgetful),
    "pace": lambda: pace(0.01, window=50, ends=True),
    "rate_limit": lambda: rate_limit(1000, 1000, limits=Limits(), cost=lambda item: 1),
    "redact": lambda: redact(["secret"]),
    "retry": lambda: retry(0),
    "share": lambda: share(),
    "tap": lambda: tap(object()),
    "through": lambda: through(Same),
    "total_timeout": lambda: total_timeout(50),
    "trace": lambda: trace("here", sheets=lambda scope: Sheet(lambda: 0.0)),
    "watch": lambda: watch(Circuits().of("a")),
}

# Operators that need time.
TIMED = [
    "admit",
    "cache",
    "fault",
    "first_event_timeout",
    "heartbeat",
    "hedge",
    "idle_timeout",
    "mirror",
    "pace",
    "rate_limit",
    "retry",
    "total_timeout",
]
TIMED = ["admit", "cache", "first_event_timeout", "heartbeat", "idle_timeout", "retry", "total_timeout"]

# How each of them fails by itself: the operator, a source that makes it fail, what comes, its error.
FAILING: dict[str, tuple[Make, str, str, type[Exception]]] = {
    "balance": (lambda: balance("ewma", key=no_key), "-ab-c-|", "------#", StepError),
    "breaker": (lambda: breaker(circuits=Circuits(), key=no_key), "-ab-c-|", "-a#", StepError),
    "buffer_limit": (lambda: buffer_limit(2), "-f-f-f-|", "-f-#", TooLarge),
    "fault": (lambda: fault("garbage", after=1, garbage=unreadable), "-a-b-c-|", "-a-#", StepError),
    "cache": (lambda: cache(keep=no_keep), "-a-b-|", "-a-b-#", StepError),
    "edit": (lambda: edit(no_key), "-a-b-c-|", "-a-#", StepError),
    "first_event_timeout": (lambda: first_event_timeout(3), "------a|", "---#", Elapsed),
    "idle_timeout": (lambda: idle_timeout(3), "-a------b|", "-a--#", Elapsed),
    "measure": (lambda: measure(Loads().of("a"), when=no), "-ab-#", "-ab-#", StepError),
    "output_limit": (lambda: output_limit(100, items=1), "-a-b-c-|", "-a-#", TooLarge),
    "resume": (lambda: resume(remember=Overwhelmed), "-a-b-c-|", "-a-#", StepError),
    "pace": (lambda: pace(1, window=3, ends=True), "-a------b|", "-a--#", TooSlow),
    "rate_limit": (lambda: rate_limit(tokens=9, limits=Limits(), cost=no_tokens), "-a-b-c-|", "-a-#", StepError),
    "through": (lambda: through(AtSecondItem), "-a-b-c-|", "-a-#", ZeroDivisionError),
    "total_timeout": (lambda: total_timeout(4), "-a-b-c-|", "-a-b#", Elapsed),
}
FRAMES = {"f": b"xy"}

every_operator = pytest.mark.parametrize("make", PASSING.values(), ids=PASSING.keys())
every_failing = pytest.mark.parametrize(("make", "source", "result", "error"), FAILING.values(), ids=FAILING.keys())


def test_the_kit_covers_the_whole_catalogue() -> None:
    assert sorted(PASSING) == sorted(CATALOG)


@every_operator
def test_passes_items_and_completion_and_lets_go_of_the_source(t: Marbles, make: Make) -> None:
    source = t.cold("   -a-(bc)---d-|")
    t.check(source.pipe(make()), "-a-(bc)---d-|")
    t.subs(source, "     ^           !")


@every_operator
def test_passes_the_very_error_of_the_source(t: Marbles, make: Make) -> None:
    mine = RuntimeError("mine")
    source = t.cold("   -a-b-#", error=mine)
    t.check(source.pipe(make()), "-a-b-#", error=mine)
    t.subs(source, "     ^    !")


@every_operator
def test_passes_an_empty_stream(t: Marbles, make: Make) -> None:
    source = t.cold("   |")
    t.check(source.pipe(make()), "|")
    assert source.subscriptions == [(0, 0)]


@every_operator
def test_lets_go_of_the_source_on_dispose_and_is_silent_afterwards(t: Marbles, make: Make) -> None:
    source = t.cold("   -a-b-c-d-|")
    t.check(source.pipe(make()), "-a-b", until="^   !")
    t.subs(source, "     ^   !")


@every_operator
def test_lets_go_of_a_silent_source_on_dispose(t: Marbles, make: Make) -> None:
    source = t.cold("   ----------")
    t.check(source.pipe(make()), "--", until="^ !")
    t.subs(source, "     ^ !")


@every_operator
def test_passes_the_scheduler_on(t: Marbles, make: Make) -> None:
    source = t.cold("   -a|")
    t.check(source.pipe(make()), "-a|")
    assert source.schedulers == [t.scheduler]


@every_operator
def test_is_built_once_and_subscribed_to_often(t: Marbles, make: Make) -> None:
    result = t.cold("-a-b-|").pipe(make())
    t.check(result, "-a-b-|")
    t.check(result, "-a-b-|")


@every_operator
def test_serves_two_subscribers_at_once(t: Marbles, make: Make) -> None:
    result = t.cold("-a-b-|").pipe(make())
    first: list[Any] = []
    result.subscribe(first.append, scheduler=t.scheduler)
    t.check(result, "-a-b-|")
    assert first == ["a", "b"]


@every_operator
def test_delivers_nothing_after_dispose_even_from_a_source_that_pushes_in_a_loop(t: Marbles, make: Make) -> None:
    def push_all(observer: Any, scheduler: Any) -> None:
        for item in range(5):
            observer.on_next(item)
        observer.on_completed()

    heard = Heard()
    FirstOnly().connect(Stream(push_all).pipe(make()), heard, t.scheduler)
    assert heard.all == [0]
    assert not t.timers


@every_operator
def test_frees_itself_at_the_end(t: Marbles, make: Make) -> None:
    """What a finished stream held is gone without the cycle collector."""

    class Payload:
        commits = True

    gc.collect()
    gc.disable()
    try:
        item = Payload()
        alive = weakref.ref(item)

        def push(observer: Any, scheduler: Any, item: Any = item) -> None:
            observer.on_next(item)
            observer.on_completed()

        subscription = Stream(push).pipe(make()).subscribe(lambda _: None, scheduler=t.scheduler)
        del push, item
        assert subscription is not None
        assert alive() is None
    finally:
        gc.enable()


@every_operator
def test_works_between_stock_operators(t: Marbles, make: Make) -> None:
    source = t.cold("-a-b-c-|")
    result = source.pipe(stock.map(lambda item: item), make(), stock.map(str.upper), stock.take(2))
    t.check(result, "-A-(B|)")
    t.subs(source, " ^  !")


@every_operator
def test_works_between_streams_of_ours(t: Marbles, make: Make) -> None:
    source = t.cold("-a-b-c-|")
    result = source.pipe(tap(object()), make(), through(Same))
    t.check(result, "-a-b-c-|")
    t.subs(source, " ^      !")


@every_operator
def test_returns_a_stream(make: Make) -> None:
    built: Observable[Any] = make()(reactivex.empty())
    assert isinstance(built, Stream)


@every_failing
def test_its_own_error_lets_go_of_the_source_first_and_leaves_no_timer(
    t: Marbles, make: Make, source: str, result: str, error: type[Exception]
) -> None:
    marble = t.cold(source, values=FRAMES)
    held: list[bool] = []

    def look(_: Exception) -> None:
        held.append(marble.subscriptions[0][1] is None)

    t.check(marble.pipe(make(), stock.do_action(on_error=look)), result, values=FRAMES, error=error)
    t.subs(marble, "^" + "-" * (len(result) - 2) + "!")
    assert held == [False], "the source was still held when the error was told"


@every_failing
def test_its_own_error_starts_afresh_for_a_second_subscriber(
    t: Marbles, make: Make, source: str, result: str, error: type[Exception]
) -> None:
    stream = t.cold(source, values=FRAMES).pipe(make())
    t.check(stream, result, values=FRAMES, error=error)
    t.check(stream, result, values=FRAMES, error=error)


@pytest.mark.parametrize("name", [name for name, (*_, error) in FAILING.items() if issubclass(error, GuardError)])
def test_a_guard_names_itself_in_its_error(t: Marbles, name: str) -> None:
    make, source, result, error = FAILING[name]
    caught: list[Any] = []
    stream: Observable[Any] = t.cold(source, values=FRAMES).pipe(make(), stock.do_action(on_error=caught.append))
    t.check(stream, result, values=FRAMES, error=error)
    assert caught[0].operator == name
    assert str(caught[0]).startswith(name)


@pytest.mark.parametrize("name", TIMED)
def test_a_guard_of_time_without_a_scheduler_fails_at_once_and_does_not_subscribe(t: Marbles, name: str) -> None:
    source = t.cold("-a|")
    caught: list[Exception] = []
    source.pipe(PASSING[name]()).subscribe(on_error=caught.append)
    assert [type(error) for error in caught] == [NoScheduler]
    assert name in str(caught[0])
    assert source.subscriptions == []


def test_an_exception_while_the_source_is_subscribed_to_becomes_an_error(t: Marbles) -> None:
    def broken(observer: Any, scheduler: Any) -> None:
        raise LookupError

    for make in PASSING.values():
        t.check(Stream(broken).pipe(make()), "#", error=LookupError)


def test_overloaded_is_an_error_of_a_guard() -> None:
    assert issubclass(Overloaded, GuardError)
