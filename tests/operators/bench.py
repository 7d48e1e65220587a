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
    Circuit,
    Circuits,
    Clock,
    Link,
    Loads,
    Operator,
    Sheet,
    Slots,
    Stream,
    admit,
    balance,
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
from operators.circuit import Policy
from tests.operators.items import Item

Apply = Callable[[Observable[Any]], Observable[Any]]

ROUNDS = 7
ITEMS = 20_000
SUBSCRIPTIONS = 1_000

ITEM = Item("a")
TOKEN = "the m"
WORDS = [f"{name}-{number}" for number in (1, 2) for name in ("Falcon", "key", "merger", "Orion", "bearer")]
WORDS += ["acquisition", "codename", "hunter2", "internal", "layoffs", "nightingale", "password", "secret", "token", "Zephyr"]
KEY = r"sk-[A-Za-z0-9]{20,}"
MAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
FRAME = b"data: " + b"x" * 190 + b"\n\n"


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


class Forgetful:
    """A memory that remembers nothing and continues nothing."""

    def __init__(self, scheduler: SchedulerBase | None) -> None:
        pass

    def note(self, item: Any) -> None:
        return None

    def continuation(self, error: Exception) -> None:
        return None

    def splice(self, item: Any) -> tuple[Any]:
        return (item,)


def rated() -> Circuit:
    """A circuit that counts every attempt."""
    circuit = Circuits().of("a")
    circuit.use(Policy(error_rate=0.5))
    return circuit


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


def answer(*operators: Operator[Any, Any], attempts: int = 1) -> Apply:
    """What makes one stream of attempts, over so many of the same source."""
    apply_all = chain(*operators)

    def apply(source: Observable[Any]) -> Observable[Any]:
        def subscribe(observer: Any, scheduler: SchedulerBase | None) -> None:
            for _ in range(attempts):
                observer.on_next(source)
            observer.on_completed()

        return apply_all(Stream(subscribe))

    return apply


def silent(scope: SchedulerBase | None) -> Stream[Any]:
    """A shadow that never says anything."""
    return Stream(lambda observer, scheduler: None)


def chain(*operators: Apply) -> Apply:
    """Several operators as one."""

    def apply(source: Observable[Any]) -> Observable[Any]:
        for operator in operators:
            source = operator(source)
        return source

    return apply


# The guards of the default chain, in its order.
DEFAULT = (
    "buffer_limit",
    "retry",
    "first_event_timeout",
    "idle_timeout",
    "failover",
    "total_timeout",
    "output_limit",
    "heartbeat",
)


def one(item: Any) -> int:
    """What an item weighs, or says of tokens."""
    return 1


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
        "watch with an error rate": watch(rated()),
        "admit": admit(Slots(8)),
        "tap": tap(Blind()),
        "failover": answer(failover()),
        "total_timeout": total_timeout(900),
        "output_limit": output_limit(1 << 40),
        "heartbeat": heartbeat(15, beat=ITEM),
        "share": share(),
        "cache": cache(1 << 30),
    }
    choosing: dict[str, Apply] = {
        "measure": measure(Loads().of("a")),
        "hedge": answer(hedge()),
        "hedge, two attempts": answer(hedge(), attempts=2),
        "failover, two attempts": answer(failover(), attempts=2),
        "the same balanced by turns": answer(balance("round_robin", key=_a_key), failover(), attempts=2),
        "the same balanced by ewma": answer(balance("ewma", key=_a_key), failover(), attempts=2),
    }
    others: dict[str, Apply] = {
        "edit": edit(lambda item: item),
        "redact: 20 words": redact(WORDS),
        "redact: 20 words, any case": redact(WORDS, ignore_case=True),
        "redact: a pattern that begins with a word": redact(patterns=[KEY]),
        "redact: a pattern that begins anywhere": redact(patterns=[MAIL]),
        "output_limit, tokens": output_limit(tokens=1 << 40, output_tokens=one),
        "pace": pace(1e-9, ends=True),
        "pace, weighed": pace(1e-9, ends=True, weigh=one),
        "rate_limit": rate_limit(1 << 40),
        "rate_limit, tokens": rate_limit(1 << 40, 1 << 40, cost=one),
        "resume": resume(remember=Forgetful),
        "share": share(),
        "cache": cache(1 << 30),
        "fault": fault("cut", after=1 << 40),
        "fault, not meant": fault("cut", percent=1, random=lambda: 0.5),
        "inject": inject(lambda scope: scope),
        "mirror": mirror(100, shadow=silent),
        "mirror, not meant": mirror(1, shadow=silent, random=lambda: 0.5),
        "trace": trace("here", sheets=lambda scope: Sheet(time.perf_counter, 2 * ITEMS), shown=_a_key),
        "trace, with the repr of a dataclass": trace("here", sheets=lambda scope: Sheet(time.perf_counter, 2 * ITEMS)),
        "trace, not traced": trace("here", sheets=lambda scope: None),
    }
    return {
        **single,
        **choosing,
        **others,
        f"the {len(DEFAULT)} guards of the default chain": chain(*(single[name] for name in DEFAULT)),
        "the default chain with stations and taps": chain(
            *(single[name] for name in [*DEFAULT[:1], "through", *DEFAULT[1:4], "watch", "tap", *DEFAULT[4:], "tap", "through"])
        ),
    }


async def clocked(operator: Apply, item: Any) -> tuple[float, float]:
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


def _a_key(_: Any) -> str:
    return "a"


def _ignore(*_: Any) -> None:
    return None


async def main() -> None:
    """Print the table."""
    gc.disable()
    floor_item, floor_subscription = await clocked(bare, ITEM)
    print(f"{'':42} us an item   us a subscription (over a bare source: {floor_item:.2f}, {floor_subscription:.2f})")
    for name, operator in cases().items():
        item, subscription = await clocked(
            operator, FRAME if name == "buffer_limit" else TOKEN if name.startswith("redact") else ITEM
        )
        print(f"{name:42} {item - floor_item:10.2f} {subscription - floor_subscription:10.2f}")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
