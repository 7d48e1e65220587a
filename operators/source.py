"""The bridge from asyncio into a chain: a coroutine that pushes, and the gate that makes it wait."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal, TypeVar, overload

from reactivex.abc import ObserverBase, SchedulerBase

from operators.errors import Interrupted
from operators.stream import Left, Link, Stream

T = TypeVar("T")

logger = logging.getLogger(__name__)

# The loop itself holds its tasks only weakly.
_running: set[_Run[Any]] = set()


class FlowGate:
    """Lets whoever consumes a stream make its producer wait. Open at first. For one event loop.

    The consumer calls ``shut`` and ``reopen``; the producer asks before every read, for the price of an attribute::

        if not gate.is_open:
            await gate.wait()

    Who hands items on without a task of its own asks to be called instead (``on_reopen``).
    """

    __slots__ = ("_actions", "_waiting", "is_open", "reopened")

    def __init__(self) -> None:
        self.is_open = True
        self.reopened = 0
        """How often it was reopened: a guard of gaps sees by it that the silence was our own."""
        self._waiting: list[asyncio.Future[None]] = []
        self._actions: dict[Callable[[], None], None] | None = None

    def shut(self) -> None:
        """Producers wait from their next read on."""
        self.is_open = False

    def reopen(self) -> None:
        """Producers go on."""
        if self.is_open:
            return
        self.is_open = True
        self.reopened += 1
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
        actions = self._actions
        # One of them may shut the gate again: the others then wait for the next time.
        while actions and self.is_open:
            action = next(iter(actions))
            del actions[action]
            action()

    def on_reopen(self, action: Callable[[], None]) -> None:
        """Call ``action`` once, from inside the next ``reopen``, in the order of asking. It must not raise.

        It may shut the gate again, and ask again. Asking twice before the reopening is asking once.
        """
        if self._actions is None:
            self._actions = {}
        self._actions[action] = None

    def forget(self, action: Callable[[], None]) -> None:
        """Do not call ``action`` any more; nothing where it was not asked for."""
        if self._actions is not None:
            self._actions.pop(action, None)

    async def wait(self) -> None:
        """Return when the gate is open. On cancel: nothing is left behind."""
        while not self.is_open:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            try:
                await future
            finally:
                if future in self._waiting:
                    self._waiting.remove(future)


@overload
def from_async(
    produce: Callable[[Callable[[T], None]], Awaitable[None]], gate: FlowGate | None = None, *, scoped: Literal[False] = False
) -> Stream[T]: ...


@overload
def from_async(
    produce: Callable[[Callable[[T], None], Any], Awaitable[None]], gate: FlowGate | None = None, *, scoped: Literal[True]
) -> Stream[T]: ...


def from_async(produce: Callable[..., Awaitable[None]], gate: FlowGate | None = None, *, scoped: bool = False) -> Stream[Any]:
    """A cold stream of what a coroutine pushes; each subscription runs the coroutine in one task of its own.

        push a, push b, return  ->  a b |

    Args:
        produce: a coroutine function. It gets ``push(item)``, which is synchronous and never raises. Its end completes the
            stream, its exception fails it. Between two reads it awaits the flow gate, where there is one (:class:`FlowGate`).
        gate: while it is shut, the coroutine is not even started.
        scoped: call ``produce(push, scheduler)``: a chain that was built once finds its context there (``clock.Scope``).

    Raises (as ``on_error``):
        RuntimeError: no event loop is running.
        Interrupted: somebody else cancelled the task. The cancellation itself goes on.
        Exception: whatever ``produce`` raised, or an observer below raised in its ``on_next``; then the task is cancelled.

    After dispose: the task is cancelled at once, also when it has not started yet. What it still pushes is dropped; what it
    raises while it cleans up is logged.

    >>> async def produce(push):
    ...     push("a")
    ...     push("b")
    >>> async def main():
    ...     done = asyncio.Event()
    ...     from_async(produce).subscribe(print, on_completed=done.set)
    ...     await done.wait()
    >>> asyncio.run(main())
    a
    b
    """

    def subscribe(observer: ObserverBase[Any], scheduler: SchedulerBase | None) -> Link[Any, Any]:
        run: _Run[Any] = _Run().begin(observer)
        run.start(partial(produce, run.push, scheduler) if scoped else partial(produce, run.push), gate)
        return run

    return Stream(subscribe)


class _Run(Link[T, T]):
    """One subscription: the task that pushes."""

    __slots__ = ("_began", "_task")

    def __init__(self) -> None:
        self._began = False
        self._task: asyncio.Task[None] | None = None

    def start(self, produce: Callable[[], Awaitable[None]], gate: FlowGate | None) -> None:
        self._task = asyncio.get_running_loop().create_task(self._produce(produce, gate))
        _running.add(self)

    def push(self, item: T) -> None:
        try:
            self.receiver.on_next(item)
        except Exception as error:
            self.fail(error)

    def ended(self, how: Exception | Left | None) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            if not self._began:
                _running.discard(self)

    async def _produce(self, produce: Callable[[], Awaitable[None]], gate: FlowGate | None) -> None:
        self._began = True
        try:
            if gate is not None and not gate.is_open:
                await gate.wait()
            await produce()
        except asyncio.CancelledError:
            self._task = None
            self.fail(Interrupted("from_async"))
            raise
        except Exception as error:
            self._task = None
            if self.stopped:
                logger.warning("a producer failed after its stream had ended", exc_info=error)
            self.fail(error)
        else:
            self._task = None
            self.complete()
        finally:
            _running.discard(self)
