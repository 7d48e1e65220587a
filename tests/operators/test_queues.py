"""The time in a queue is nobody's fault: no clock counts it, wherever the clock and the queue stand."""

from __future__ import annotations

from typing import Any

import pytest
from reactivex import Observable
from reactivex.abc import DisposableBase

from operators import (
    Elapsed,
    Flights,
    Link,
    Slots,
    Stream,
    TooSlow,
    admit,
    clock,
    failover,
    first_event_timeout,
    hedge,
    idle_timeout,
    pace,
    resume,
    share,
    total_timeout,
)
from operators.testing import Marbles
from tests.operators.observers import Waits

SILENT = "------------------------------"


def taken(t: Marbles, *, until: float) -> Slots:
    """One slot, which somebody else has until a second of the check that follows."""
    slots = Slots(1)
    assert slots.take()

    def give_back(*_: Any) -> None:
        slots.give_back()

    t._own.add(give_back)
    t.scheduler.schedule_relative(until, give_back)
    return slots


def test_a_clock_under_a_slot_counts_from_its_own_subscription(t: Marbles) -> None:
    slots = taken(t, until=5)
    t.check(t.cold(SILENT).pipe(total_timeout(3), admit(slots)), "--------#", error=Elapsed)


def test_what_one_attempt_waited_is_no_credit_of_the_next(t: Marbles) -> None:
    slots = taken(t, until=99)
    first = t.cold("a|").pipe(admit(slots, queue_timeout=4))
    second = t.cold(SILENT).pipe(total_timeout(3))
    t.check(t.cold("(AB|)", values={"A": first, "B": second}).pipe(failover()), "-------#", error=Elapsed)


@pytest.mark.parametrize("guard", [first_event_timeout, total_timeout])
def test_a_clock_over_a_slot_stands_still_until_it_is_there(t: Marbles, guard: Any) -> None:
    slots = taken(t, until=5)
    t.check(t.cold(SILENT).pipe(admit(slots), guard(3)), "--------#", error=Elapsed)


@pytest.mark.parametrize("between", [first_event_timeout(50), idle_timeout(50), pace(1), share()])
def test_every_clock_over_a_slot_hears_of_it_through_those_in_between(t: Marbles, between: Any) -> None:
    slots = taken(t, until=5)
    t.check(t.cold(SILENT).pipe(admit(slots), between, total_timeout(3)), "--------#", error=Elapsed)


@pytest.mark.parametrize("guard", [first_event_timeout, total_timeout])
def test_a_clock_that_stands_still_is_let_go_on_dispose(t: Marbles, guard: Any) -> None:
    slots = taken(t, until=99)
    t.check(t.cold("a|").pipe(admit(slots), guard(3)), "-----", until="^----!")
    assert slots.waiting == 0


def test_what_ran_before_the_queue_counts(t: Marbles) -> None:
    slots = taken(t, until=6)
    first = t.cold("--#")
    second = t.cold(SILENT).pipe(admit(slots))
    attempts = t.cold("(AB|)", values={"A": first, "B": second})
    # Two seconds before the queue, three behind it.
    t.check(attempts.pipe(failover(), total_timeout(5)), "---------#", error=Elapsed)


def test_a_clock_that_saw_the_first_event_does_not_run_again_behind_a_queue(t: Marbles) -> None:
    slots = taken(t, until=6)
    later = t.cold("-----b|").pipe(admit(slots))
    result: Observable[Any] = t.cold("-a-#").pipe(resume(remember=lambda _: Continued(later)), first_event_timeout(2))
    t.check(result, "-a---------b|")


def test_time_runs_as_long_as_one_of_two_attempts_is_at_work(t: Marbles) -> None:
    slots = taken(t, until=99)
    hedged = t.cold("a|").pipe(admit(slots, queue_timeout=500))
    attempts = t.cold("(AB|)", values={"A": t.cold(SILENT), "B": hedged})
    t.check(attempts.pipe(hedge(delay=1), total_timeout(6)), "------#", error=Elapsed)


def test_time_stands_still_while_both_attempts_stand_in_queues_and_counts_that_once(t: Marbles) -> None:
    first, second = (t.cold(SILENT).pipe(admit(taken(t, until=8))) for _ in range(2))
    attempts = t.cold("(AB|)", values={"A": first, "B": second})
    # Both queue from the first second to the eighth; before the hedge only one did, and that is all there was.
    t.check(attempts.pipe(hedge(delay=1), total_timeout(4)), "------------#", error=Elapsed)


def test_time_stands_still_when_the_attempt_at_work_fails_and_the_other_one_waits(t: Marbles) -> None:
    waiting: Observable[Any] = t.cold(SILENT).pipe(admit(taken(t, until=8)))
    attempts = t.cold("(AB|)", values={"A": t.cold("---#"), "B": waiting})
    t.check(attempts.pipe(hedge(delay=1), total_timeout(5)), "----------#", error=Elapsed)


def test_time_runs_again_when_an_attempt_is_made_beside_one_that_waits(t: Marbles) -> None:
    waiting: Observable[Any] = t.cold("a|").pipe(admit(taken(t, until=99), queue_timeout=500))
    attempts = t.cold("(AB|)", values={"A": waiting, "B": t.cold(SILENT)})
    t.check(attempts.pipe(hedge(delay=2), total_timeout(4)), "------#", error=Elapsed)


def test_the_winner_of_a_race_may_wait_later(t: Marbles) -> None:
    later = t.cold("-b|").pipe(admit(taken(t, until=8)))
    winner = t.cold("-a-#").pipe(resume(remember=lambda _: Continued(later)))
    attempts = t.cold("(AB|)", values={"A": winner, "B": t.cold(SILENT)})
    t.check(attempts.pipe(hedge(delay=1), total_timeout(6)), "-a-------b|")


def test_a_clock_around_one_attempt_knows_nothing_of_those_beside_it(t: Marbles) -> None:
    waiting: Observable[Any] = t.cold("-a|").pipe(admit(taken(t, until=6)), first_event_timeout(3))
    attempts = t.cold("(AB|)", values={"A": waiting, "B": t.cold(SILENT)})
    t.check(attempts.pipe(hedge(delay=1)), "-------a|")


def test_everybody_on_a_shared_stream_waits_with_it(t: Marbles) -> None:
    slots = taken(t, until=8)
    shared: Observable[Any] = t.cold(SILENT).pipe(admit(slots), share())
    early: list[Exception] = []
    shared.pipe(total_timeout(3)).subscribe(on_error=early.append, scheduler=t.scheduler)
    t.advance(2)
    # Who comes later finds it in the queue.
    late: list[Exception] = []
    shared.pipe(total_timeout(4)).subscribe(on_error=late.append, scheduler=t.scheduler)
    for second, both in ((10.5, (0, 0)), (11, (1, 0)), (12, (1, 1))):
        t.advance(second)
        assert (len(early), len(late)) == both


def test_a_shared_stream_that_has_its_slot_keeps_nobody_waiting(t: Marbles) -> None:
    slots = taken(t, until=1)
    shared: Observable[Any] = t.cold(SILENT).pipe(admit(slots), share(flights=Flights()))
    early = shared.subscribe(scheduler=t.scheduler)
    t.advance(2)
    t.check(shared.pipe(total_timeout(3)), "---#", error=Elapsed)
    early.dispose()


def test_attempts_that_are_asked_for_only_with_a_slot_wait_too(t: Marbles) -> None:
    chooses: list[Any] = [failover(), hedge(delay=50)]
    for choose in chooses:
        attempts = t.cold("(A|)", values={"A": t.cold(SILENT)})
        t.check(attempts.pipe(admit(taken(t, until=5)), choose, total_timeout(3)), "--------#", error=Elapsed)


class Continued:
    """A memory that has one continuation."""

    def __init__(self, continuation: Observable[Any]) -> None:
        self._continuation = continuation

    def note(self, item: Any) -> None:
        pass

    def continuation(self, error: Exception) -> Observable[Any]:
        return self._continuation

    def splice(self, item: Any) -> list[Any]:
        return [item]


def test_a_continuation_in_a_queue_is_no_silence_of_the_answer(t: Marbles) -> None:
    later = t.cold("-b---------|").pipe(admit(taken(t, until=10)))
    result: Observable[Any] = t.cold("-a-#").pipe(resume(remember=lambda _: Continued(later)), idle_timeout(4))
    t.check(result, "-a---------b---#", error=Elapsed)


def test_a_span_in_which_the_queue_was_left_does_not_count_and_the_next_one_does(t: Marbles) -> None:
    later = t.cold(SILENT).pipe(admit(taken(t, until=4)))
    result: Observable[Any] = t.cold("-a-#").pipe(resume(remember=lambda _: Continued(later)), idle_timeout(4))
    # The span of the first to the fifth second saw the queue; that of the fifth to the ninth did not.
    t.check(result, "-a-------#", error=Elapsed)


def test_a_continuation_in_a_queue_is_not_slow(t: Marbles) -> None:
    later = t.cold("-bcd----------|").pipe(admit(taken(t, until=10)))
    result: Observable[Any] = t.cold("-a-#").pipe(resume(remember=lambda _: Continued(later)), pace(0.5, window=4, ends=True))
    t.check(result, "-a---------bcd---#", error=TooSlow)


class Impatient(Link[Any, Any]):
    """A guard of a person's own, which knows nothing of queues."""

    timer: DisposableBase

    def ended(self, how: Any) -> None:
        self.timer.dispose()


def impatient(source: Observable[Any]) -> Stream[Any]:
    def subscribe(observer: Any, scheduler: Any) -> Impatient:
        link = Impatient()
        link.timer = clock.after(scheduler, 3, lambda: link.fail(LookupError()))
        return link.connect(source, observer, scheduler)

    return Stream(subscribe)


@pytest.mark.parametrize("choose", [failover(), hedge(delay=50)])
def test_time_runs_on_when_somebody_in_between_gives_up_on_a_stream_that_waits(t: Marbles, choose: Any) -> None:
    impatiently: Observable[Any] = t.cold("a|").pipe(admit(taken(t, until=99)), impatient)
    attempts = t.cold("(AB|)", values={"A": impatiently, "B": t.cold(SILENT)})
    t.check(attempts.pipe(choose, total_timeout(5)), "--------#", error=Elapsed)


def test_each_stream_says_once_that_it_waits_and_once_that_it_does_no_longer(t: Marbles) -> None:
    for ending in ("granted", "gave up", "left"):
        heard = Waits()
        slots = taken(t, until=2 if ending == "granted" else 99)
        stream = t.cold("-a|").pipe(admit(slots, queue_timeout=3), heard)
        subscription = stream.subscribe(on_error=lambda _: None, scheduler=t.scheduler)
        assert heard.told == [True]
        if ending == "left":
            subscription.dispose()
        t.advance(t.second + 9)
        assert heard.told == [True, False], ending


def test_who_finds_a_slot_or_no_place_does_not_wait(t: Marbles) -> None:
    heard = Waits()
    stream = t.cold("-a|").pipe(admit(Slots(1, queue=0)), heard)
    for _ in range(2):
        stream.subscribe(on_error=lambda _: None, scheduler=t.scheduler)
    t.advance(9)
    assert heard.told == []
