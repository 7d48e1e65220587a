"""A candidate that fails again and again is left out, and one probe at a time finds out whether it is back."""

from __future__ import annotations

from typing import Any

import pytest

from operators import Circuit, Circuits, Overloaded, StepError, breaker, watch
from operators.testing import Marbles
from tests.operators.items import ITEMS, Fault


class Bench:
    """Circuits with a clock moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.changes: list[tuple[str, str]] = []
        self.circuits = Circuits(now=lambda: self.now, on_change=lambda key, state: self.changes.append((key, state)))

    def of(self, key: str, failures: int = 2, cool_down: float = 30.0) -> Circuit:
        circuit = self.circuits.of(key)
        circuit.failures, circuit.cool_down = failures, cool_down
        return circuit

    def breaker(self, failures: int = 2, cool_down: float = 30.0) -> Any:
        return breaker(failures, cool_down, circuits=self.circuits, key=str)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def attempt(circuit: Circuit, error: Exception | None = None) -> bool:
    """One attempt; tells whether it was admitted."""
    ticket = circuit.begin()
    if ticket is None:
        return False
    ticket.succeed() if error is None else ticket.fail(error)
    return True


def test_opens_after_so_many_failures_in_a_row(bench: Bench) -> None:
    circuit = bench.of("a", failures=3)
    states: list[str] = []
    for error in (Fault(), Fault(), None, Fault(), Fault(), Fault()):
        attempt(circuit, error)
        states.append(circuit.state)
    assert states == ["closed"] * 5 + ["open"]
    assert not circuit.admits
    assert bench.changes == [("a", "open")]


def test_after_the_cool_down_one_probe_at_a_time_is_admitted(bench: Bench) -> None:
    circuit = bench.of("a", failures=1)
    attempt(circuit, Fault())
    bench.now += 29.9
    assert (circuit.state, circuit.begin()) == ("open", None)
    bench.now += 0.1
    assert circuit.state == "half_open"
    assert [bool(circuit.begin()), bool(circuit.begin())] == [True, False]
    assert not circuit.admits


def test_a_probe_that_succeeds_closes_it_and_everything_is_forgotten(bench: Bench) -> None:
    circuit = bench.of("a")
    attempt(circuit, Fault())
    attempt(circuit, Fault())
    bench.now += 30
    assert attempt(circuit)
    assert (circuit.state, circuit.in_a_row, circuit.last_error) == ("closed", 0, None)
    assert bench.changes == [("a", "open"), ("a", "half_open"), ("a", "closed")]
    attempt(circuit, Fault())
    assert circuit.state == "closed"


def test_a_probe_that_fails_opens_it_again_for_the_whole_time(bench: Bench) -> None:
    circuit = bench.of("a", failures=5)
    for _ in range(5):
        attempt(circuit, Fault())
    bench.now += 30
    attempt(circuit, Fault())
    assert (circuit.state, circuit.remaining) == ("open", 30)


def test_a_probe_that_tells_nothing_makes_room_for_the_next(bench: Bench) -> None:
    circuit = bench.of("a", failures=1)
    attempt(circuit, Fault())
    bench.now += 30
    ticket = circuit.begin()
    assert ticket is not None
    assert circuit.begin() is None
    ticket.leave()
    assert circuit.begin() is not None


def test_an_error_that_names_its_pause_opens_at_once_for_that_long(bench: Bench) -> None:
    circuit = bench.of("a", failures=9)
    attempt(circuit, Fault(cool_down=7.5))
    assert (circuit.state, circuit.remaining) == ("open", 7.5)


def test_a_late_failure_does_not_shorten_a_pause(bench: Bench) -> None:
    circuit = bench.of("a", failures=1, cool_down=5)
    tickets = [circuit.begin(), circuit.begin()]
    for ticket, error in zip(tickets, [Fault(cool_down=60), Fault()], strict=True):
        assert ticket is not None
        ticket.fail(error)
    assert circuit.remaining == 60


def test_passes_only_candidates_that_are_admitted(t: Marbles, bench: Bench) -> None:
    attempt(bench.of("a", failures=1), Fault())
    source = t.cold("                  -a-b-c|")
    t.check(source.pipe(bench.breaker()), "---b-c|")


def test_none_left_is_the_error_of_the_one_that_comes_back_soonest(t: Marbles, bench: Bench) -> None:
    class Limited(Exception):
        def __init__(self, text: str, *, cool_down: float) -> None:
            super().__init__(text)
            self.cool_down = cool_down
            self.retry_after: float | None = None

    original = Limited("b", cool_down=10)
    attempt(bench.of("a"), Limited("a", cool_down=20))
    attempt(bench.of("b"), original)
    bench.now += 4
    caught: list[Any] = []
    t.cold("(ab|)").pipe(bench.breaker()).subscribe(on_error=caught.append, scheduler=t.scheduler)
    t.advance(1)
    assert isinstance(caught[0], Limited)
    assert (str(caught[0]), caught[0].retry_after) == ("b", 6)
    assert original.retry_after is None
    assert caught[0] is not original


def test_what_is_kept_of_an_error_holds_no_traceback(bench: Bench) -> None:
    try:
        raise Fault("raised")
    except Fault as error:
        attempt(bench.of("a", failures=1), error)
    kept = bench.of("a").last_error
    assert kept is not None
    assert (kept.__traceback__, str(kept)) == (None, "raised")


def test_an_error_without_retry_after_stays_as_it_is(bench: Bench) -> None:
    circuit = bench.of("a", failures=1)
    attempt(circuit, OSError(104, "reset"))
    assert repr(circuit.refusal()) == repr(OSError(104, "reset"))


def test_a_busy_probe_is_overloaded_for_everybody_else(t: Marbles, bench: Bench) -> None:
    circuit = bench.of("a", failures=1)
    attempt(circuit, Fault("down"))
    bench.now += 30
    probe = t.cold("-----").pipe(watch(circuit)).subscribe(scheduler=t.scheduler)
    source = t.cold("-a|")
    caught: list[Any] = []
    source.pipe(watch(circuit)).subscribe(on_error=caught.append, scheduler=t.scheduler)
    assert [str(error) for error in caught] == ["down"]
    t.subs(source)
    probe.dispose()
    assert circuit.admits


def test_where_no_error_is_known_it_is_overloaded() -> None:
    circuit = Circuits().of("a")
    refusal = circuit.refusal()
    assert isinstance(refusal, Overloaded)
    assert (str(refusal), refusal.retry_after) == ("breaker: a is cooling down", 1.0)


def test_no_candidate_at_all_is_nobodys_error(t: Marbles, bench: Bench) -> None:
    t.check(t.cold("--|").pipe(bench.breaker()), "--|")


def test_a_key_that_raises_is_a_step_error(t: Marbles) -> None:
    def broken(candidate: Any) -> str:
        raise ZeroDivisionError

    source = t.cold("                                                  -a-|")
    t.check(source.pipe(breaker(circuits=Circuits(), key=broken)), "   -#", error=StepError)
    t.subs(source, "                                                   ^!")


def test_the_first_committing_item_is_success(t: Marbles, bench: Bench) -> None:
    circuit = bench.of("a")
    attempt(circuit, Fault())
    source = t.cold("                  -s-a-----#", values=ITEMS)
    t.check(source.pipe(watch(circuit)), "-s-a", values=ITEMS, until="^   !")
    assert circuit.in_a_row == 0
    t.check(source.pipe(watch(circuit)), "-s-a-----#", values=ITEMS)
    assert circuit.in_a_row == 0


def test_completion_is_success(t: Marbles, bench: Bench) -> None:
    circuit = bench.of("a")
    attempt(circuit, Fault())
    t.check(t.cold("-s|", values=ITEMS).pipe(watch(circuit)), "-s|", values=ITEMS)
    assert circuit.in_a_row == 0


def test_an_uncommitted_error_is_failure(t: Marbles, bench: Bench) -> None:
    circuit = bench.of("a")
    source = t.cold("                  -s-#", values=ITEMS)
    t.check(source.pipe(watch(circuit)), "-s-#", values=ITEMS)
    assert circuit.in_a_row == 1


def test_an_error_that_is_not_retryable_tells_nothing_but_frees_the_probe(t: Marbles, bench: Bench) -> None:
    circuit = bench.of("a", failures=1)
    attempt(circuit, Fault())
    bench.now += 30
    mine = Fault(retryable=False)
    t.check(t.cold("-#", error=mine).pipe(watch(circuit)), "-#", error=mine)
    assert (circuit.in_a_row, circuit.state, circuit.admits) == (1, "half_open", True)


def test_dispose_tells_nothing_but_frees_the_probe(t: Marbles, bench: Bench) -> None:
    circuit = bench.of("a", failures=1)
    attempt(circuit, Fault())
    bench.now += 30
    t.check(t.cold("-----").pipe(watch(circuit)), "--", until="^ !")
    assert (circuit.in_a_row, circuit.state, circuit.admits) == (1, "half_open", True)


def test_an_open_circuit_refuses_without_subscribing(t: Marbles, bench: Bench) -> None:
    circuit = bench.of("a", failures=1)
    attempt(circuit, Fault())
    source = t.cold("-a|")
    t.check(source.pipe(watch(circuit)), "#", error=Fault)
    t.subs(source)


def test_an_attempt_that_began_before_it_opened_does_not_pass_for_the_probe(t: Marbles, bench: Bench) -> None:
    circuit = bench.of("a", failures=1)
    slow = t.cold("------").pipe(watch(circuit)).subscribe(scheduler=t.scheduler)
    attempt(circuit, Fault())
    bench.now += 30
    assert circuit.begin(), "the probe"
    slow.dispose()
    assert not circuit.begin(), "the probe is still under way"


def test_an_attempt_that_began_before_it_opened_does_not_close_it(bench: Bench) -> None:
    circuit = bench.of("a", failures=1)
    slow = circuit.begin()
    attempt(circuit, Fault())
    assert slow is not None
    slow.succeed()
    assert circuit.state == "open"


def test_a_ticket_tells_its_outcome_once(bench: Bench) -> None:
    circuit = bench.of("a", failures=5)
    ticket = circuit.begin()
    assert ticket is not None
    for _ in range(3):
        ticket.fail(Fault())
    assert circuit.in_a_row == 1


def test_a_probe_of_changes_that_raises_cannot_hurt() -> None:
    def broken(key: str, state: str) -> None:
        raise ZeroDivisionError

    circuit = Circuits(on_change=broken).of("a")
    circuit.failures = 1
    attempt(circuit, Fault())
    assert circuit.state == "open"


def test_numbers_are_checked() -> None:
    with pytest.raises(ValueError, match="breaker: failures must be more than 0, not 0"):
        breaker(0, circuits=Circuits(), key=str)
    with pytest.raises(ValueError, match="breaker: cool_down must be more than 0, not -1"):
        breaker(1, -1, circuits=Circuits(), key=str)
