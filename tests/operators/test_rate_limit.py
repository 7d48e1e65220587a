"""So many requests and tokens a minute: refused before the source is asked, and counted as honestly as is known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from reactivex import operators as stock

from operators import ChainError, Limits, Quota, RateLimited, StepError, Stream, catalog, failover, rate_limit, retry, tap
from operators.limits import Standing
from operators.rate_limit import EVERYBODY
from operators.testing import Marbles
from tests.operators.items import ITEMS, Fault, Item
from tests.operators.observers import FirstOnly, Heard


class Said(Item):
    """An item that says how many tokens were used so far."""

    def __init__(self, tokens: int | None, *, commits: bool = True, ends: bool = False) -> None:
        super().__init__(f"{tokens}", commits)
        object.__setattr__(self, "tokens", tokens)
        object.__setattr__(self, "ends", ends)


def tokens_of(item: Any) -> Any:
    return getattr(item, "tokens", None)


# 1 to 9 say so many tens of tokens; s says 30 and does not commit; z says 20 and is the last.
VALUES: dict[str, Any] = {
    **ITEMS,
    **{str(number): Said(number * 10) for number in range(1, 10)},
    "s": Said(30, commits=False),
    "z": Said(20, ends=True),
    "e": Said(None, ends=True),
}


class Budget:
    """A hundred thousand tokens for everybody, which practically never come back; each stream reserves some beforehand."""

    def __init__(self, t: Marbles, reserve: int = 50, **resources: Any) -> None:
        self.t = t
        self.limits = Limits()
        given = {"cost": tokens_of, "estimate": lambda _: reserve, **resources}
        self.guard: Any = rate_limit(tokens=100_000, per=1e9, limits=self.limits, **given)

    def begin(self, drawing: str) -> Any:
        """A stream begins."""
        heard = Heard()
        stream = self.t.cold(drawing, values=VALUES).pipe(self.guard)
        return stream.subscribe(heard, scheduler=self.t.scheduler)

    @property
    def used(self) -> int:
        """Tokens."""
        standing = self.limits.state(EVERYBODY, self.t.second)
        assert standing is not None
        assert standing.tokens is not None
        return round(standing.tokens.reset * 1e-4)

    @property
    def open(self) -> int:
        """Streams under way."""
        return self.limits._latest[EVERYBODY].open


@pytest.fixture
def budget(t: Marbles) -> Budget:
    return Budget(t)


def standing(limits: Limits, t: Marbles, key: Any = EVERYBODY) -> Standing:
    shown = limits.state(key, float(t.scheduler.clock))
    assert shown is not None
    return shown


def outcome(t: Marbles, guard: Any, drawing: str = "-a|") -> Heard:
    """Somebody's stream, begun now."""
    heard = Heard()
    t.cold(drawing, values=VALUES).pipe(guard).subscribe(heard, scheduler=t.scheduler)
    return heard


def test_who_is_over_the_limit_is_refused_without_asking_the_source(t: Marbles) -> None:
    guard: Any = rate_limit(requests=2, per=10)
    outcome(t, guard)
    outcome(t, guard)
    source = t.cold("-a|")
    heard = Heard()
    source.pipe(guard).subscribe(heard, scheduler=t.scheduler)
    (error,) = heard.all
    assert isinstance(error, RateLimited)
    assert (error.operator, error.unit, error.limit, error.per, error.retry_after) == ("rate_limit", "requests", 2, 10, 5)
    t.subs(source)
    t.advance(9)


def test_requests_come_back_evenly(t: Marbles) -> None:
    guard: Any = rate_limit(requests=2, per=10)
    heard = [outcome(t, guard) for _ in range(3)]
    for second in (4.9, 5, 5.1, 9.9, 10):
        t.advance(second)
        heard.append(outcome(t, guard))
    t.advance(20)
    assert ["|" in each.all for each in heard] == [True, True, False, False, True, False, False, True]


def test_a_request_counts_however_it_ends(t: Marbles) -> None:
    limits = Limits()
    guard: Any = rate_limit(requests=10, per=1e6, limits=limits)
    outcome(t, guard, "|")
    outcome(t, guard, "#")
    t.cold("-").pipe(guard).subscribe(scheduler=t.scheduler).dispose()
    t.advance(1)
    requests = standing(limits, t).requests
    assert requests is not None
    assert (requests.limit, requests.remaining) == (10, 7)
    assert limits._latest[EVERYBODY].open == 0


def test_keys_are_counted_apart_and_who_has_none_not_at_all(t: Marbles) -> None:
    whom: list[Any] = ["a", "b", None, None, "a"]
    seen: list[Any] = []
    limits = Limits()

    def key(scheduler: Any) -> Any:
        seen.append(scheduler)
        return whom.pop(0)

    guard: Any = rate_limit(requests=1, tokens=50, limits=limits, key=key, estimate=lambda _: 50)
    heard = [outcome(t, guard) for _ in range(5)]
    t.advance(5)
    assert ["|" in each.all for each in heard] == [True, True, True, True, False]
    assert len(limits) == 2
    assert seen == [t.scheduler] * 5


def test_a_key_with_a_quota_of_its_own_is_counted_by_that(t: Marbles) -> None:
    whom = iter("aaabbx")
    limits = Limits({"a": Quota(requests=2), "x": Quota()})
    guard: Any = rate_limit(requests=1, limits=limits, key=lambda _: next(whom))
    heard = [outcome(t, guard) for _ in range(6)]
    t.advance(5)
    assert ["|" in each.all for each in heard] == [True, True, False, True, False, True]


def test_quotas_of_keys_may_be_replaced_and_without_any_option_others_are_not_limited(t: Marbles) -> None:
    whom = iter("abba")
    limits = Limits({"a": Quota(requests=1)})
    guard: Any = rate_limit(limits=limits, key=lambda _: next(whom))
    heard = [outcome(t, guard) for _ in range(3)]
    limits.own = {"a": Quota(requests=1, per=7)}
    heard.append(outcome(t, guard))
    t.advance(5)
    assert all("|" in each.all for each in heard)
    assert len(limits) == 1


@pytest.mark.parametrize(
    ("drawing", "used"),
    [
        ("-1-3|", 30),  # complete: what was said last, less than the reserve
        ("-1-9|", 90),  # ... or more
        ("-9-3|", 30),  # ... even if more had been said before
        ("-a|", 50),  # complete, and nothing was said: the reserve
        ("|", 50),
        ("#", 0),  # failed before its commit, and nothing was said
        ("-s#", 30),  # ... and something was said
        ("-a-#", 50),  # failed after its commit: at least the reserve
        ("-3-#", 50),
        ("-9-#", 90),
        ("-9-3-#", 50),
        ("-z---#", 20),  # the last item had come
        ("-9-e-#", 90),
        ("-e---#", 50),
    ],
)
def test_in_the_end_what_is_known_is_counted(t: Marbles, budget: Budget, drawing: str, used: int) -> None:
    budget.begin(drawing)
    t.advance(20)
    assert (budget.used, budget.open) == (used, 0)


@pytest.mark.parametrize(
    ("drawing", "used"),
    [("----", 50), ("-s--", 50), ("-3--", 50), ("-9--", 90), ("-z--", 20), ("-e--", 50), ("-a--", 50)],
)
def test_one_that_is_let_go_has_used_at_least_its_reserve(t: Marbles, budget: Budget, drawing: str, used: int) -> None:
    subscription = budget.begin(drawing)
    t.advance(3)
    for _ in range(2):
        subscription.dispose()
        assert (budget.used, budget.open) == (used, 0)


def test_the_reserve_counts_at_once_and_what_exceeds_it_when_it_is_told(t: Marbles, budget: Budget) -> None:
    budget.begin("-3-9-5--|")
    used = []
    for second in (0, 1, 3, 5, 8):
        t.advance(second)
        used.append(budget.used)
    assert used == [50, 50, 90, 90, 50]


def test_without_an_estimate_nothing_is_reserved(t: Marbles) -> None:
    budget = Budget(t, estimate=None)
    budget.begin("-3-9|")
    used = []
    for second in (0, 1, 3):
        t.advance(second)
        used.append(budget.used)
    t.advance(5)
    assert used == [0, 30, 90]


def test_without_a_cost_the_reserve_is_what_counts(t: Marbles) -> None:
    budget = Budget(t, cost=None)
    budget.begin("-9|")
    budget.begin("-9#")
    budget.begin("-r#")
    t.advance(5)
    assert (budget.used, budget.open) == (100, 0)


def test_a_debt_delays_the_streams_that_follow(t: Marbles) -> None:
    guard: Any = rate_limit(tokens=60, per=60, cost=tokens_of)
    outcome(t, guard, "9|")
    t.advance(1)
    (error,) = outcome(t, guard).all
    assert (error.unit, error.limit, round(error.retry_after)) == ("tokens", 60, 30)
    t.advance(31.5)
    heard = outcome(t, guard)
    t.advance(40)
    assert heard.all[-1] == "|"


def test_two_at_once_see_each_others_reserve(t: Marbles) -> None:
    guard: Any = rate_limit(tokens=100, per=1e6, estimate=lambda _: 60)
    first, second = outcome(t, guard), outcome(t, guard)
    t.advance(5)
    assert first.all[-1] == "|"
    assert [type(each) for each in second.all] == [RateLimited]


def test_a_refused_stream_may_come_again_when_it_was_told_to(t: Marbles) -> None:
    """Retry waits as long as the refusal says; and another source may have a key of its own."""
    guard: Any = rate_limit(requests=1, per=1.5)
    outcome(t, guard, "-")
    heard = Heard()
    t.cold("-a|").pipe(guard, retry(1, longest_wait=2)).subscribe(heard, scheduler=t.scheduler)
    t.advance(9)
    assert heard.all == ["a", "|"]
    other = Heard()
    outcome(t, guard, "-")
    attempts = t.cold("(AB|)", values={"A": t.cold("-a|").pipe(guard), "B": t.cold("-b|")})
    attempts.pipe(failover()).subscribe(other, scheduler=t.scheduler)
    t.advance(15)
    assert other.all == ["b", "|"]


@pytest.mark.parametrize("resource", ["key", "estimate"])
def test_a_function_that_raises_beforehand_is_told_and_nothing_is_counted(t: Marbles, resource: str) -> None:
    mine = Fault()

    def broken(_: Any) -> Any:
        raise mine

    limits = Limits()
    source = t.cold("-a|")
    heard = Heard()
    resources: dict[str, Any] = {"estimate": lambda _: 1, resource: broken}
    source.pipe(rate_limit(requests=1, tokens=5, limits=limits, **resources)).subscribe(heard, scheduler=t.scheduler)
    (error,) = heard.all
    assert isinstance(error, StepError)
    assert (error.operator, error.__cause__) == ("rate_limit", mine)
    t.subs(source)
    assert len(limits) == 0


@pytest.mark.parametrize("resources", [{"key": lambda _: []}, {"estimate": lambda _: None}, {"estimate": lambda _: float("nan")}])
def test_what_cannot_be_a_key_or_an_estimate_is_told(t: Marbles, resources: dict[str, Any]) -> None:
    limits = Limits()
    guard: Any = rate_limit(tokens=5, limits=limits, **{"estimate": lambda _: 1, **resources})
    t.check(t.cold("-a|").pipe(guard), "#", error=StepError)
    assert len(limits) == 0


@pytest.mark.parametrize("said", [LookupError, float("nan"), [], "many"])
def test_a_cost_that_cannot_be_told_is_an_error_of_the_step(t: Marbles, budget: Budget, said: Any) -> None:
    def cost(item: Any) -> Any:
        if item == "b" and said is LookupError:
            raise LookupError
        return said if item == "b" else 70

    guard: Any = rate_limit(tokens=500, per=1e9, limits=budget.limits, cost=cost)
    source = t.cold("           -a-b|")
    t.check(source.pipe(guard), "-a-#", error=StepError)
    t.subs(source, "             ^  !")
    tokens = standing(budget.limits, t).tokens
    assert tokens is not None
    assert (tokens.remaining, budget.open) == (430, 0)


def test_less_than_nothing_cannot_be_reserved(t: Marbles) -> None:
    reserves = iter((50, -20))
    budget = Budget(t, estimate=lambda _: next(reserves))
    budget.begin("--")
    budget.begin("--")
    assert budget.used == 50


@pytest.mark.parametrize(
    ("options", "aside"),
    [
        ({"requests": 5, "cost": tokens_of}, True),
        ({"requests": 5, "key": lambda _: None}, True),
        ({"tokens": 5, "estimate": lambda _: 1}, True),
        ({"tokens": 5, "cost": tokens_of}, False),
    ],
)
def test_who_is_done_with_the_items_steps_aside(t: Marbles, options: dict[str, Any], aside: bool) -> None:
    stream: Any = t.cold("-a----").pipe(tap(object()), rate_limit(**options))
    link = stream.on_subscribe(Heard(), t.scheduler)
    t.advance(1)
    assert link.aside == aside
    link.dispose()


def test_where_only_requests_are_limited_items_pass_by(t: Marbles) -> None:
    looked: list[Any] = []

    def look(what: Any) -> int:
        looked.append(what)
        return 1

    guard: Any = rate_limit(requests=5, cost=look, estimate=look)
    t.check(t.cold("-a-b|").pipe(stock.do_action(), guard), "-a-b|")
    assert looked == []


def test_an_observer_that_leaves_inside_the_first_item_is_counted_once(t: Marbles, budget: Budget) -> None:
    heard = Heard()
    source = t.cold("-3-9-9|", values=VALUES)
    FirstOnly().connect(source.pipe(budget.guard), heard, t.scheduler)
    t.advance(9)
    assert heard.all == [VALUES["3"]]
    assert (budget.used, budget.open) == (50, 0)
    t.subs(source, "^!")


def test_a_source_that_pushes_while_it_is_subscribed_to_is_counted_once(t: Marbles, budget: Budget) -> None:
    def push(observer: Any, scheduler: Any) -> None:
        for name in "36":
            observer.on_next(VALUES[name])
        observer.on_completed()
        observer.on_next(VALUES["9"])
        observer.on_completed()

    heard = Heard()
    Stream(push).pipe(budget.guard).subscribe(heard, scheduler=t.scheduler).dispose()
    assert heard.all == [VALUES["3"], VALUES["6"], "|"]
    assert (budget.used, budget.open) == (60, 0)


def test_a_source_that_cannot_be_subscribed_to_has_used_nothing_but_a_request(t: Marbles, budget: Budget) -> None:
    def broken(observer: Any, scheduler: Any) -> None:
        raise LookupError

    t.check(Stream(broken).pipe(budget.guard), "#", error=LookupError)
    assert (budget.used, budget.open) == (0, 0)


STREAM = some.tuples(
    some.integers(0, 8),  # comes in this second
    some.sampled_from("ab"),
    some.sampled_from(["-3|", "-3-9|", "-a#", "#", "-s-#", "-9-z-|", "----", "-9---"]),
    some.integers(0, 40),  # reserves so many
    some.sampled_from([None, 0, 2]),  # is let go so long after it came
)


@given(some.lists(STREAM, max_size=20), some.integers(1, 12), some.integers(1, 300))
def test_however_streams_mix_no_key_has_more_than_its_quota(streams: list[Any], requests: int, tokens: int) -> None:
    t = Marbles()
    limits = Limits()
    let_in: list[tuple[float, str]] = []
    now: list[Any] = []
    guard: Any = rate_limit(requests, tokens, 8, limits=limits, key=lambda _: now[0], cost=tokens_of, estimate=lambda _: now[1])

    def come(key: str, drawing: str, reserve: int, patience: int | None) -> None:
        now[:] = [key, reserve]
        source = t.cold(drawing, values=VALUES)
        second = float(t.scheduler.clock)
        before = limits.state(key, second)
        subscription = source.pipe(guard).subscribe(on_error=lambda _: None, scheduler=t.scheduler)
        if source.subscriptions:
            let_in.append((second, key))
            assert before is None or before.tokens is None or before.tokens.remaining >= min(max(reserve, 1), tokens)
        else:
            after = limits.state(key, second)
            assert after == before, "a refusal changed something"
        if patience is not None:
            t.scheduler.schedule_relative(float(patience), lambda *_: subscription.dispose())

    for second, *rest in streams:
        t.scheduler.schedule_relative(float(second), lambda *_, rest=rest: come(*rest))
    t.advance(30)
    for start, key in let_in:
        for end, _ in let_in:
            passed = sum(1 for second, each in let_in if each == key and start <= second <= end)
            assert passed <= requests + (end - start) * requests / 8 + 0.01
    open_now = sum(account.open for account in limits._latest.values())
    silent = [drawing for _, _, drawing, _, patience in streams if drawing in ("----", "-9---") and patience is None]
    assert open_now <= len(silent)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "rate_limit: needs requests or tokens, how many there may be"),
        ({"limits": Limits()}, "rate_limit: needs requests or tokens"),
        ({"tokens": 5}, "rate_limit: tokens needs the resource cost or estimate"),
        ({"requests": 0}, "rate_limit: requests must be more than 0, not 0"),
        ({"requests": 5, "per": -1}, "rate_limit: per must be more than 0, not -1"),
    ],
)
def test_what_is_not_limited_or_cannot_be_is_told_at_once(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rate_limit(**arguments)


def test_a_chain_may_say_it_without_any_resource(t: Marbles) -> None:
    guard: Any = catalog.build("rate_limit", {"requests": 1, "per": 2000.0}, {})
    stream = t.cold("-a|").pipe(guard)
    t.check(stream, "-a|")
    t.check(stream, "#", error=RateLimited)
    with pytest.raises(ChainError, match="needs the resource cost or estimate"):
        catalog.build("rate_limit", {"tokens": 1}, {})
