"""The marble kit: streams drawn as text, run in virtual time, with what was let go checked beside what came out.

One character is one second. Spaces are ignored, so that columns can be lined up (between ``^`` and ``!`` they count):

    -        nothing happens
    a  b  1  an item: the character itself, or what ``values`` gives for it
    |  #     completion, error
    (ab|)    all in the second of the opening bracket; the drawing goes on behind the closing one
    ^  !     of a subscription: the second in which it began, and in which it was let go

In a test, with a fixture made by the line ``t = pytest.fixture(marbles)``:

    def test_idle_fails_four_seconds_after_the_last_item_and_lets_go_of_the_source(t):
        source = t.cold("            -a--b-------c-|")
        t.check(source.pipe(idle_timeout(4)), "-a--b---#", error=Elapsed)
        t.subs(source, "              ^       !")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from reactivex import Notification, Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase
from reactivex.disposable import Disposable
from reactivex.notification import OnCompleted, OnError, OnNext
from reactivex.testing import TestScheduler

from operators.clock import EARLY

LATER: Final = 1000
"""For how many seconds after its end a stream is watched: it has to stay silent."""

Frame = tuple[float, Notification[Any]]
"""What happened, and in which second."""

ErrorMatch = Exception | type[Exception] | None


class Boom(Exception):
    """The error of ``#`` where a test names no other."""


class Marble(Observable[Any]):
    """A drawn source; it remembers when it was subscribed to and let go. Made by :class:`Marbles`."""

    def __init__(self, kit: Marbles, frames: list[Frame], hot: bool) -> None:
        super().__init__()
        self.schedulers: list[SchedulerBase | None] = []
        """The scheduler that came with each subscription."""
        self._kit = kit
        self._records: list[list[float | None]] = []
        self._frames = frames
        self._listeners: list[ObserverBase[Any]] = []
        self._hot = hot
        if hot:
            self._play(self._listeners)

    @property
    def subscriptions(self) -> list[tuple[float | None, ...]]:
        """(subscribed to, let go) in seconds of the last check; None: not let go."""
        return [tuple(record) for record in self._records]

    def forget(self) -> None:
        """Begin a new record: a new check begins."""
        self._records = []
        self.schedulers = []

    def _subscribe_core(self, observer: ObserverBase[Any], scheduler: SchedulerBase | None = None) -> DisposableBase:
        record: list[float | None] = [self._kit.second, None]
        self._records.append(record)
        self.schedulers.append(scheduler)
        playing: list[DisposableBase] = []
        if self._hot:
            self._listeners.append(observer)
        else:
            playing = self._play([observer])

        def dispose() -> None:
            record[1] = self._kit.second
            if self._hot:
                self._listeners.remove(observer)
            for timer in playing:
                timer.dispose()

        return Disposable(dispose)

    def _play(self, listeners: list[ObserverBase[Any]]) -> list[DisposableBase]:
        return [self._kit.play(second, event, listeners, own=self._hot) for second, event in self._frames]


class Marbles:
    """One test's virtual time, from second 0 on."""

    def __init__(self) -> None:
        self.scheduler = TestScheduler()
        """Time itself, for what a test subscribes to by hand."""
        self.boom = Boom("boom")
        """The error of ``#`` where a test names no other."""
        self._base = 0.0
        self._sources: list[Marble] = []
        self._own: set[Callable[..., None]] = set()

    @property
    def second(self) -> float:
        """Seconds since the last check began."""
        return round(float(self.scheduler.clock) - self._base, 2)

    @property
    def timers(self) -> int:
        """How many timers wait. Drawn hot sources do not count; a cold one that was not let go does."""
        return len(self._waiting())

    def cold(self, marbles: str, *, values: Mapping[str, Any] | None = None, error: Exception | None = None) -> Marble:
        """A source that begins anew for each subscriber."""
        return self._source(marbles, values, error, hot=False)

    def hot(self, marbles: str, *, values: Mapping[str, Any] | None = None, error: Exception | None = None) -> Marble:
        """A source that runs from now on, whoever listens. A ``^`` marks now; what is drawn before it is gone."""
        return self._source(marbles, values, error, hot=True)

    def check(
        self,
        result: Observable[Any],
        marbles: str,
        *,
        values: Mapping[str, Any] | None = None,
        error: ErrorMatch = None,
        until: str | None = None,
    ) -> None:
        """Subscribe to ``result``, compare what comes, watch it stay silent afterwards and leave no timer behind.

        Args:
            result: what is tested.
            marbles: what must come. A drawing without an end is watched for its length, then the subscription is disposed.
            values: what characters stand for.
            error: what ``#`` is: an error (the very object) or a type of errors; None: the kit's own ``boom``.
            until: a drawing with the ``!`` where the subscription is disposed, after whatever comes in that second.

        Raises:
            AssertionError: something else came, or came later, or a timer was left.
        """
        expected = parse(marbles, values or {}, self.boom)
        ends = bool(expected) and not isinstance(expected[-1][1], OnNext)
        width = len(_columns(marbles)) if until is None else until.strip().index("!")
        came: list[Frame] = []
        self._begin()
        others = self._waiting()
        subscription = result.subscribe(
            lambda item: came.append((self.second, OnNext(item))),
            lambda error: came.append((self.second, OnError(error))),
            lambda: came.append((self.second, OnCompleted())),
            scheduler=self.scheduler,
        )
        self.advance(expected[-1][0] if ends and until is None else width)
        if until is not None or not ends:
            subscription.dispose()
        left = len(self._waiting() - others)
        # To a whole second, so that the columns of what comes next line up as well.
        self.scheduler.advance_to(self._base + LATER)
        subscription.dispose()
        _compare(came, expected, self.boom if error is None else error, values or {})
        assert not left, f"{left} timers were left when the stream had ended"

    def subs(self, source: Marble, *drawings: str) -> None:
        """Compare when ``source`` was subscribed to and let go with one drawing of ``^`` and ``!`` a subscription.

        A subscription that begins later than second 0 has ``-`` before its ``^``.

        Raises:
            AssertionError: it was otherwise.
        """
        expected = [(line.index("^"), line.index("!") if "!" in line else None) for line in map(str.strip, drawings)]
        came = source.subscriptions
        assert came == expected, f"subscriptions (began, let go)\n  expected  {expected}\n  came      {came}"

    def advance(self, seconds: float) -> None:
        """Let time run until ``seconds`` after the last check began; what is due in that very moment still happens."""
        self.scheduler.advance_to(self._base + seconds + EARLY)

    def play(self, second: float, event: Notification[Any], listeners: list[ObserverBase[Any]], *, own: bool) -> DisposableBase:
        """Tell ``event`` to whoever is in the list ``second`` seconds from now; ``own`` timers are the kit's business."""

        def action(_: SchedulerBase, state: Any = None) -> None:
            for listener in list(listeners):
                event.accept(listener)

        if own:
            self._own.add(action)
        return self.scheduler.schedule_relative(float(second), action)

    def _source(self, marbles: str, values: Mapping[str, Any] | None, error: Exception | None, *, hot: bool) -> Marble:
        source = Marble(self, parse(marbles, values or {}, error or self.boom), hot)
        self._sources.append(source)
        return source

    def _waiting(self) -> set[DisposableBase]:
        items = (item for item, _ in self.scheduler._queue.items)
        return {item.disposable for item in items if not item.is_cancelled() and item.action not in self._own}

    def _begin(self) -> None:
        self._base = float(self.scheduler.clock)
        for source in self._sources:
            source.forget()


def marbles() -> Iterator[Marbles]:
    """For a fixture: ``t = pytest.fixture(marbles)``. When the test is over no timer may be left."""
    kit = Marbles()
    yield kit
    assert not kit.timers, f"{kit.timers} timers were left when the test had ended"


def parse(marbles: str, values: Mapping[str, Any], error: Exception) -> list[Frame]:
    """A drawing as what happens in which second.

    Raises:
        ValueError: something follows an end, or brackets do not match.

    >>> [(second, event.kind) for second, event in parse("-a-|", {}, Boom())]
    [(1, 'N'), (3, 'C')]
    """
    columns = _columns(marbles)
    start = max(columns.find("^"), 0)
    frames: list[Frame] = []
    group: int | None = None
    for column, mark in enumerate(columns):
        if mark in "-^":
            continue
        if mark in "()":
            if (mark == "(") != (group is None):
                raise ValueError(f"brackets do not match: {marbles}")
            group = column if mark == "(" else None
            continue
        if frames and not isinstance(frames[-1][1], OnNext):
            raise ValueError(f"something follows the end: {marbles}")
        event: Notification[Any] = _event(mark, values, error)
        frames.append(((column if group is None else group) - start, event))
    if group is not None:
        raise ValueError(f"a bracket is not closed: {marbles}")
    return [frame for frame in frames if frame[0] >= 0]


def draw(frames: list[Frame], values: Mapping[str, Any]) -> str:
    """What happened, as a drawing; an item that no single character stands for is a ``?``."""
    text = ""
    by_second: dict[int, str] = {}
    for second, event in frames:
        by_second[int(second)] = by_second.get(int(second), "") + _mark(event, values)
    for second, marks in sorted(by_second.items()):
        text += "-" * (second - len(text)) + (marks if len(marks) == 1 else f"({marks})")
    return text


def _event(mark: str, values: Mapping[str, Any], error: Exception) -> Notification[Any]:
    if mark == "|":
        return OnCompleted()
    return OnError(error) if mark == "#" else OnNext(values.get(mark, mark))


def _mark(event: Notification[Any], values: Mapping[str, Any]) -> str:
    if not isinstance(event, OnNext):
        return "|" if isinstance(event, OnCompleted) else "#"
    named = next((mark for mark, value in values.items() if value is event.value or value == event.value), None)
    text = str(event.value) if named is None else named
    return text if len(text) == 1 else "?"


def _compare(came: list[Frame], expected: list[Frame], error: Exception | type[Exception], values: Mapping[str, Any]) -> None:
    same = len(came) == len(expected) and all(
        second == wanted and _same(event, pattern, error)
        for (second, event), (wanted, pattern) in zip(came, expected, strict=True)
    )
    assert same, f"\n  expected  {draw(expected, values)}\n  came      {draw(came, values)}\n" + "\n".join(
        f"    {second:g} s  {event}" for second, event in came
    )


def _same(event: Notification[Any], pattern: Notification[Any], error: Exception | type[Exception]) -> bool:
    if isinstance(event, OnNext) and isinstance(pattern, OnNext):
        return bool(event.value == pattern.value)
    if isinstance(event, OnError) and isinstance(pattern, OnError):
        return isinstance(event.exception, error) if isinstance(error, type) else event.exception is error
    return isinstance(event, OnCompleted) and isinstance(pattern, OnCompleted)


def _columns(drawing: str) -> str:
    return drawing.replace(" ", "")
