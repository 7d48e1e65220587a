"""Time: the loop's own in production, virtual in tests, and an error where there is none."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
import reactivex
from reactivex import operators as stock
from reactivex.scheduler import HistoricalScheduler, ImmediateScheduler

from operators import Clock, FlowGate, NoScheduler, clock
from operators.clock import Scope
from operators.testing import Marbles


class HandMadeLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer, so that nothing has to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.moment = 1000.0

    def time(self) -> float:
        return self.moment

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.moment = max(self.moment, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def run(main: Any) -> Any:
    with asyncio.Runner(loop_factory=HandMadeLoop) as runner:
        return runner.run(main)


def test_after_calls_once_when_the_loops_time_has_come() -> None:
    async def main() -> list[float]:
        scheduler = Clock()
        now = clock.seconds(scheduler)
        fired: list[float] = []
        done = asyncio.Event()
        clock.after(scheduler, 30.0, lambda: fired.append(now()))
        clock.after(scheduler, 45.0, done.set)
        await done.wait()
        return fired

    assert run(main()) == [1030.0]


def test_timers_of_one_span_each_end_at_their_own_time_whoever_of_them_left_early() -> None:
    async def main() -> list[tuple[str, float]]:
        scheduler = Clock()
        now = clock.seconds(scheduler)
        fired: list[tuple[str, float]] = []
        done = asyncio.Event()

        def timer(name: str) -> Any:
            return clock.after(scheduler, 10.0, lambda: fired.append((name, now())))

        first = timer("first")
        clock.after(scheduler, 4.0, lambda: timer("second"))
        clock.after(scheduler, 6.0, lambda: timer("third"))
        clock.after(scheduler, 7.0, first.dispose)
        clock.after(scheduler, 30.0, lambda: timer("after a pause"))
        clock.after(scheduler, 50.0, done.set)
        await done.wait()
        return fired

    assert run(main()) == [("second", 1014.0), ("third", 1016.0), ("after a pause", 1040.0)]


def test_a_timer_that_raises_takes_no_time_from_the_others() -> None:
    async def main() -> tuple[list[str], list[Exception]]:
        scheduler = Clock()
        reported: list[Exception] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
        fired: list[str] = []
        done = asyncio.Event()
        clock.after(scheduler, 1.0, lambda: fired.remove("nobody"))
        clock.after(scheduler, 1.0, lambda: fired.append("second"))
        clock.after(scheduler, 2.0, done.set)
        await done.wait()
        return fired, reported

    fired, reported = run(main())
    assert fired == ["second"]
    assert [type(error) for error in reported] == [ValueError]


def test_nothing_is_kept_of_a_span_once_its_timers_are_over() -> None:
    async def main() -> int:
        scheduler = Clock()
        done = asyncio.Event()
        for number in range(100):
            clock.after(scheduler, 1.0 + number / 1000, lambda: None)
        clock.after(scheduler, 5.0, done.set)
        await done.wait()
        return len(scheduler._queues)

    assert run(main()) == 0


def test_a_disposed_timer_never_fires() -> None:
    async def main() -> list[str]:
        scheduler = Clock()
        fired: list[str] = []
        done = asyncio.Event()
        clock.after(scheduler, 1.0, lambda: fired.append("disposed")).dispose()
        scheduler.schedule_relative(1.0, lambda *_: fired.append("scheduled")).dispose()
        clock.after(scheduler, 2.0, done.set)
        await done.wait()
        return fired

    assert run(main()) == []


def test_a_step_of_the_wall_clock_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> tuple[float, timedelta]:
        scheduler = Clock()
        now = clock.seconds(scheduler)
        before, told = now(), scheduler.now
        monkeypatch.setattr(time, "time", lambda: 0.0)
        return now() - before, scheduler.now - told

    assert run(main()) == (0.0, timedelta(0))


def test_stock_time_operators_run_on_the_loops_time() -> None:
    async def main() -> Any:
        scheduler = Clock()
        found: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        stream = reactivex.timer(5.0).pipe(stock.delay(10.0))
        stream.subscribe(lambda _: found.set_result(clock.seconds(scheduler)()), scheduler=scheduler)
        return await found

    assert run(main()) == pytest.approx(1015.0)


def test_schedule_and_schedule_absolute_run_their_action_once() -> None:
    async def main() -> list[Any]:
        scheduler = Clock()
        seen: list[Any] = []
        done = asyncio.Event()
        scheduler.schedule(lambda _, state: seen.append(state), "now")
        scheduler.schedule_absolute(scheduler.now + timedelta(seconds=3), lambda _, state: seen.append(state), "later")
        clock.after(scheduler, 4.0, done.set)
        await done.wait()
        return seen

    assert run(main()) == ["now", "later"]


def test_a_scope_tells_the_time_of_its_clock_and_carries_a_gate() -> None:
    async def main() -> list[Any]:
        outer = Clock()
        scope = Scope(outer, FlowGate())
        fired: list[Any] = []
        done = asyncio.Event()
        clock.after(scope, 3.0, lambda: fired.append(clock.seconds(scope)()))
        clock.after(scope, 4.0, done.set)
        await done.wait()
        assert scope.now == outer.now
        assert scope.gate is not None
        return [*fired, scope.gate.is_open]

    assert run(main()) == [1003.0, True]


def test_a_clock_needs_a_running_loop() -> None:
    with pytest.raises(RuntimeError):
        Clock()


def test_virtual_time_is_told_in_seconds(t: Marbles) -> None:
    now = clock.seconds(t.scheduler)
    fired: list[float] = []
    clock.after(t.scheduler, 2.5, lambda: fired.append(now()))
    t.advance(9)
    assert fired == [2.5]
    assert clock.seconds(HistoricalScheduler())() == 0.0


def test_any_other_scheduler_is_asked_for_nothing_but_its_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 7.0)
    assert clock.seconds(ImmediateScheduler.singleton())() == 7.0


def test_no_scheduler_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(NoScheduler, match=r"idle_timeout: needs time; subscribe with scheduler=Clock\(\)"):
        clock.require(None, "idle_timeout")
