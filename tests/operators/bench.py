"""What each operator costs beside an empty one: ``python -m tests.operators.bench``.

Two numbers for each: microseconds an item, and microseconds for build, subscribe and dispose together. Both are the best of
several rounds and have the cost of the bare source taken off, so they can be added up.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Any

import uvloop
from reactivex import Observable
from reactivex.abc import SchedulerBase

from operators import (
    Circuits,
    Clock,
    Link,
    Slots,
    Stream,
    admit,
    buffer_limit,
    edit,
    failover,
    first_event_timeout,
    heartbeat,
    idle_timeout,
    output_limit,
    redact,
    retry,
    tap,
    through,
    total_timeout,
    watch,
)
from tests.operators.items import Item

Apply = Callable[[Observable[Any]], Observable[Any]]

ROUNDS = 7
ITEMS = 20_000
SUBSCRIPTIONS = 1_000

ITEM = Item("a")
FRAME = b"data: " + b"x" * 190 + b"\n\n"
TOKEN = "the m"
WORDS = [f"{name}-{number}" for number in (1, 2) for name in ("Falcon", "key", "merger", "Orion", "bearer")]
WORDS += ["acquisition", "codename", "hunter2", "internal", "layoffs", "nightingale", "password", "secret", "token", "Zephyr"]
KEY = r"sk-[A-Za-z0-9]{20,}"
MAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"


class Source:
    """Hands its observer out, so that items can be pushed from outside."""

    def __init__(self) -> None:
        self.observer: Any = None
        self.stream: Stream[Any] = Stream(self._subscribe)

    def _subscribe(self, observer: Any, scheduler: SchedulerBase | None) -> None:
        self.observer = observer


class Same:
    """A codec that changes nothing."""

    def feed(self, item: Any) -> tuple[Any]:
        return (item,)

    def close(self) -> tuple[()]:
        return ()


class Blind:
    """A probe that looks away."""

    def on_next(self, item: Any) -> None:
        return None


def bare(source: Observable[Any]) -> Observable[Any]:
    """No operator."""
    return source


def empty(source: Observable[Any]) -> Observable[Any]:
    """An operator of ours that passes everything on."""

    def subscribe(observer: Any, scheduler: SchedulerBase | None) -> Link[Any, Any]:
        link: Link[Any, Any] = Link()
        return link.connect(source, observer, scheduler)

    return Stream(subscribe)


def stock(source: Observable[Any]) -> Observable[Any]:
    """The same as a stock Observable."""

    def subscribe(observer: Any, scheduler: SchedulerBase | None = None) -> Any:
        def on_next(item: Any) -> None:
            observer.on_next(item)

        return source.subscribe(on_next, observer.on_error, observer.on_completed, scheduler=scheduler)

    return Observable(subscribe)


def answer(source: Observable[Any]) -> Observable[Any]:
    """``failover`` over one attempt."""

    def subscribe(observer: Any, scheduler: SchedulerBase | None) -> None:
        observer.on_next(source)
        observer.on_completed()

    return failover()(Stream(subscribe))


def chain(*operators: Apply) -> Apply:
    """Several operators as one."""

    def apply(source: Observable[Any]) -> Observable[Any]:
        for operator in operators:
            source = operator(source)
        return source

    return apply


def cases() -> dict[str, Apply]:
    """What is measured, by name."""
    single: dict[str, Apply] = {
        "stock Observable": stock,
        "empty": empty,
        "buffer_limit": buffer_limit(1 << 20),
        "through": through(Same),
        "retry": retry(),
        "first_event_timeout": first_event_timeout(120),
        "idle_timeout": idle_timeout(60),
        "watch": watch(Circuits().of("a")),
        "admit": admit(Slots(8)),
        "tap": tap(Blind()),
        "failover": answer,
        "total_timeout": total_timeout(900),
        "output_limit": output_limit(1 << 40),
        "heartbeat": heartbeat(15, beat=ITEM),
        "edit": edit(lambda item: item),
        "redact: 20 words": redact(WORDS),
        "redact: 20 words, any case": redact(WORDS, ignore_case=True),
        "redact: a pattern that begins with a word": redact(patterns=[KEY]),
        "redact: a pattern that begins anywhere": redact(patterns=[MAIL]),
    }
    own = ("stock Observable", "empty", "admit", "edit", "tap", "through", "watch")
    guards = [name for name in single if name not in own and not name.startswith("redact")]
    return {
        **single,
        f"the {len(guards)} guards of the default chain": chain(*(single[name] for name in guards)),
        "the default chain with stations and taps": chain(
            *(single[name] for name in [*guards[:1], "through", *guards[1:4], "watch", "tap", *guards[4:], "tap", "through"])
        ),
    }


async def measure(operator: Apply, item: Any) -> tuple[float, float]:
    """(microseconds an item, microseconds a subscription)."""
    scheduler = Clock()
    source = Source()

    def subscribe() -> Any:
        return operator(source.stream).subscribe(_ignore, _ignore, _ignore, scheduler=scheduler)

    item_cost = subscription_cost = float("inf")
    for _ in range(ROUNDS):
        subscription = subscribe()
        push = source.observer.on_next
        began = time.perf_counter()
        for _ in range(ITEMS):
            push(item)
        item_cost = min(item_cost, (time.perf_counter() - began) / ITEMS)
        subscription.dispose()
        began = time.perf_counter()
        for _ in range(SUBSCRIPTIONS):
            subscribe().dispose()
        subscription_cost = min(subscription_cost, (time.perf_counter() - began) / SUBSCRIPTIONS)
        await asyncio.sleep(0)
    return item_cost * 1e6, subscription_cost * 1e6


def _ignore(*_: Any) -> None:
    return None


async def main() -> None:
    """Print the table."""
    gc.disable()
    floor_item, floor_subscription = await measure(bare, ITEM)
    print(f"{'':42} us an item   us a subscription (over a bare source: {floor_item:.2f}, {floor_subscription:.2f})")
    for name, operator in cases().items():
        one = FRAME if name == "buffer_limit" else TOKEN if name.startswith("redact") else ITEM
        item, subscription = await measure(operator, one)
        print(f"{name:42} {item - floor_item:10.2f} {subscription - floor_subscription:10.2f}")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
