"""A candidate that fails again and again is left out, and one probe at a time finds out whether it is back."""

from __future__ import annotations

from typing import Any

import pytest

from operators import Circuits, StepError, breaker, watch
from operators.circuit import Policy
from operators.testing import Marbles
from tests.operators.circuits import Bench, attempt, outcomes
from tests.operators.items import ITEMS, Fault


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_options_of_a_breaker_are_those_of_its_circuits(t: Marbles, bench: Bench) -> None:
    operator: Any = breaker(
        3,
        20,
        error_rate=0.5,
        window=10,
        at_least=4,
        longest_cool_down=80,
        circuits=bench.circuits,
        key=str,
    )
    t.check(t.cold("(ab|)").pipe(operator), "(ab|)")
    circuit = bench.circuits.of("a")
    assert circuit.policy == Policy(3, 20, 0.5, 10, 4, 80)
    outcomes(circuit, ".x.x")
    t.check(t.cold("(ac|)").pipe(operator), "(c|)")


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"failures": 0}, "failures must be more than 0, not 0"),
        ({"cool_down": -1}, "cool_down must be more than 0, not -1"),
        ({"error_rate": 0}, "error_rate must be more than 0 and at most 1, not 0"),
        ({"error_rate": 1.01}, "error_rate must be more than 0 and at most 1, not 1.01"),
        ({"window": 0}, "window must be more than 0, not 0"),
        ({"at_least": 0}, "at_least must be more than 0, not 0"),
        ({"longest_cool_down": 29}, r"longest_cool_down must be at least cool_down \(30\), not 29"),
        ({"longest_cool_down": float("nan")}, "longest_cool_down must be more than 0, not nan"),
    ],
)
def test_numbers_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"breaker: {message}"):
        breaker(**options, circuits=Circuits(), key=str)
