"""The bridge from asyncio: one task a subscription, cancelled at once, nothing swallowed; and the gate before a read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from reactivex.abc import ObserverBase

from operators import Clock, FlowGate, Interrupted, Stream, from_async
from operators import source as module
from operators.clock import Scope

Push = Callable[[Any], None]


class Heard(ObserverBase[Any]):
    """What a subscriber hears; ``over`` is set at the end."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self.over = asyncio.Event()

    def on_next(self, item: Any) -> None:
        self.all.append(item)

    def on_error(self, error: Exception) -> None:
        self.all.append(error)
        self.over.set()

    def on_completed(self) -> None:
        self.all.append("|")
        self.over.set()


async def settled() -> None:
    """Until no task of the bridge is left."""
    while module._running:
        await asyncio.sleep(0)


def test_pushes_items_and_completes_when_the_coroutine_returns() -> None:
    async def main() -> list[Any]:
        async def produce(push: Push) -> None:
            push("a")
            await asyncio.sleep(0)
            push("b")

        heard = Heard()
        from_async(produce).subscribe(heard)
        assert heard.all == [], "nothing happens while it is subscribed to"
        await heard.over.wait()
        await settled()
        return heard.all

    assert asyncio.run(main()) == ["a", "b", "|"]


def test_the_coroutines_exception_is_the_streams_error() -> None:
    async def main() -> list[Any]:
        async def produce(push: Push) -> None:
            push("a")
            raise fault

        heard = Heard()
        from_async(produce).subscribe(heard)
        await heard.over.wait()
        await settled()
        return heard.all

    fault = OSError("reset")
    assert asyncio.run(main()) == ["a", fault]


def test_each_subscription_is_a_task_of_its_own() -> None:
    async def main() -> list[list[Any]]:
        runs = 0

        async def produce(push: Push) -> None:
            nonlocal runs
            runs += 1
            push(runs)

        stream: Stream[int] = from_async(produce)
        heard = [Heard(), Heard()]
        for one in heard:
            stream.subscribe(one)
        for one in heard:
            await one.over.wait()
        return [one.all for one in heard]

    assert asyncio.run(main()) == [[1, "|"], [2, "|"]]


def test_dispose_cancels_a_task_that_waits_and_nothing_is_heard() -> None:
    async def main() -> tuple[list[Any], list[str]]:
        waiting = asyncio.Event()
        cleaned: list[str] = []

        async def produce(push: Push) -> None:
            push("a")
            waiting.set()
            try:
                await asyncio.Event().wait()
            finally:
                push("too late")
                cleaned.append("closed")

        heard = Heard()
        subscription = from_async(produce).subscribe(heard)
        await waiting.wait()
        subscription.dispose()
        await settled()
        return heard.all, cleaned

    assert asyncio.run(main()) == (["a"], ["closed"])


def test_dispose_before_the_task_started_means_that_it_never_runs() -> None:
    async def main() -> bool:
        started = False

        async def produce(push: Push) -> None:
            nonlocal started
            started = True

        from_async(produce).subscribe(Heard()).dispose()
        await settled()
        return started

    assert asyncio.run(main()) is False


def test_dispose_from_inside_an_item_cancels_the_task_at_its_next_wait() -> None:
    async def main() -> tuple[list[Any], bool]:
        went_on = False

        async def produce(push: Push) -> None:
            nonlocal went_on
            push("a")
            push("b")
            await asyncio.sleep(0)
            went_on = True

        seen: list[Any] = []

        def on_next(item: Any) -> None:
            seen.append(item)
            subscription.dispose()

        subscription = from_async(produce).subscribe(on_next)
        await settled()
        return seen, went_on

    assert asyncio.run(main()) == (["a"], False)


def test_an_exception_of_an_observer_becomes_an_error_and_never_the_producers() -> None:
    async def main() -> tuple[list[Any], list[Any]]:
        felt: list[Any] = []

        async def produce(push: Push) -> None:
            try:
                push("a")
                push("b")
                await asyncio.sleep(0)
            except BaseException as error:
                felt.append(type(error))
                raise

        def broken(item: Any) -> None:
            raise fault

        errors: list[Any] = []
        from_async(produce).subscribe(broken, errors.append)
        await settled()
        return errors, felt

    fault = LookupError("below")
    assert asyncio.run(main()) == ([fault], [asyncio.CancelledError])


def test_a_cancel_from_outside_is_told_and_goes_on() -> None:
    async def main() -> tuple[list[Any], bool]:
        started = asyncio.Event()
        tasks: list[asyncio.Task[Any]] = []

        async def produce(push: Push) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.append(task)
            started.set()
            await asyncio.Event().wait()

        heard = Heard()
        from_async(produce).subscribe(heard)
        await started.wait()
        tasks[0].cancel()
        await settled()
        return heard.all, tasks[0].cancelled()

    heard, cancelled = asyncio.run(main())
    assert [type(error) for error in heard] == [Interrupted]
    assert cancelled


def test_what_a_producer_raises_while_it_cleans_up_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> list[Any]:
        waiting = asyncio.Event()

        async def produce(push: Push) -> None:
            waiting.set()
            try:
                await asyncio.Event().wait()
            finally:
                raise OSError("while closing")

        heard = Heard()
        subscription = from_async(produce).subscribe(heard)
        await waiting.wait()
        subscription.dispose()
        await settled()
        return heard.all

    with caplog.at_level(logging.WARNING, logger=module.__name__):
        assert asyncio.run(main()) == []
    assert "while closing" in caplog.text


def test_without_a_running_loop_it_fails_at_once() -> None:
    errors: list[Exception] = []

    async def produce(push: Push) -> None:
        push("a")

    from_async(produce).subscribe(on_error=errors.append)
    assert [type(error) for error in errors] == [RuntimeError]


def test_a_scoped_producer_gets_the_scheduler_of_its_subscription() -> None:
    async def main() -> list[Any]:
        async def produce(push: Push, scheduler: Any) -> None:
            push(scheduler)

        heard = Heard()
        scope = Scope(Clock())
        from_async(produce, scoped=True).subscribe(heard, scheduler=scope)
        await heard.over.wait()
        return [item is scope for item in heard.all]

    assert asyncio.run(main()) == [True, False]


def test_a_shut_gate_keeps_the_coroutine_from_starting() -> None:
    async def main() -> list[Any]:
        gate = FlowGate()
        gate.shut()

        async def produce(push: Push) -> None:
            push("a")

        heard = Heard()
        from_async(produce, gate).subscribe(heard)
        await asyncio.sleep(0)
        assert heard.all == []
        gate.reopen()
        await heard.over.wait()
        return heard.all

    assert asyncio.run(main()) == ["a", "|"]


def test_a_producer_waits_at_a_shut_gate_and_goes_on_when_it_is_reopened() -> None:
    async def main() -> list[Any]:
        gate = FlowGate()

        async def produce(push: Push) -> None:
            for item in "abc":
                if not gate.is_open:
                    await gate.wait()
                push(item)

        seen: list[Any] = []
        over = asyncio.Event()

        def on_next(item: Any) -> None:
            seen.append(item)
            gate.shut()

        from_async(produce).subscribe(on_next, on_completed=over.set)
        counts = []
        for _ in range(3):
            await asyncio.sleep(0)
            counts.append(len(seen))
            gate.reopen()
            await asyncio.sleep(0)
        await over.wait()
        return [seen, counts]

    assert asyncio.run(main()) == [["a", "b", "c"], [1, 2, 3]]


def test_the_gate_wakes_everybody_and_forgets_who_was_cancelled() -> None:
    async def main() -> tuple[int, int]:
        gate = FlowGate()
        gate.shut()
        gate.shut()
        waiting = [asyncio.ensure_future(gate.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        left = len(gate._waiting)
        gate.reopen()
        gate.reopen()
        await asyncio.gather(*waiting[1:])
        await gate.wait()
        assert waiting[0].cancelled()
        return left, gate.reopened

    assert asyncio.run(main()) == (2, 1)


def test_who_asks_is_called_once_at_the_next_reopening_in_the_order_of_asking() -> None:
    gate = FlowGate()
    called: list[str] = []
    first, second = (lambda: called.append("first")), (lambda: called.append("second"))
    gate.shut()
    gate.on_reopen(first)
    gate.on_reopen(second)
    gate.on_reopen(first)
    assert called == []
    gate.reopen()
    assert called == ["first", "second"]
    gate.shut()
    gate.reopen()
    assert called == ["first", "second"]


def test_who_is_forgotten_is_not_called() -> None:
    gate = FlowGate()
    called: list[str] = []
    action = partial(called.append, "never")
    gate.forget(action)
    gate.shut()
    gate.on_reopen(action)
    gate.on_reopen(partial(called.append, "called"))
    gate.forget(action)
    gate.forget(action)
    gate.reopen()
    assert called == ["called"]


def test_who_shuts_the_gate_again_makes_the_others_wait_for_the_next_time() -> None:
    gate = FlowGate()
    called: list[str] = []

    def slow() -> None:
        called.append("slow")
        gate.shut()
        gate.on_reopen(slow)

    gate.shut()
    gate.on_reopen(slow)
    gate.on_reopen(partial(called.append, "other"))
    gate.reopen()
    assert (called, gate.is_open) == (["slow"], False)
    gate.forget(slow)
    gate.reopen()
    assert (called, gate.is_open) == (["slow", "other"], True)


def test_a_gate_that_is_reopened_from_inside_calls_everybody_once() -> None:
    gate = FlowGate()
    called: list[str] = []

    def quick() -> None:
        called.append("quick")
        gate.shut()
        gate.reopen()

    gate.shut()
    gate.on_reopen(quick)
    gate.on_reopen(partial(called.append, "other"))
    gate.reopen()
    assert (called, gate.reopened) == (["quick", "other"], 2)
