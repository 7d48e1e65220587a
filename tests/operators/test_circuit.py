"""What is known of a candidate: when it is left out, for how long, and how it comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators import Circuit, Circuits, Overloaded
from operators.circuit import Policy, Ticket
from tests.operators.circuits import Bench, attempt, outcomes
from tests.operators.items import Fault


@pytest.fixture
def bench() -> Bench:
    return Bench()


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


def test_each_probe_that_fails_doubles_the_cool_down_up_to_the_longest(bench: Bench) -> None:
    circuit = bench.circuits.of("a")
    circuit.use(Policy(failures=2, cool_down=30, longest_cool_down=100))
    attempt(circuit, Fault())
    attempt(circuit, Fault())
    waits: list[float] = []
    for _ in range(4):
        waits.append(circuit.remaining)
        bench.now += circuit.remaining
        assert attempt(circuit, Fault())
    assert waits == [30, 60, 100, 100]
    bench.now += 100
    assert attempt(circuit)
    outcomes(circuit, "xx")
    assert circuit.remaining == 30
    bench.now += 30
    attempt(circuit, Fault())
    assert circuit.remaining == 60


def test_a_probe_whose_error_names_its_pause_opens_for_that_long_and_doubles_nothing(bench: Bench) -> None:
    circuit = bench.circuits.of("a")
    circuit.use(Policy(failures=1, cool_down=30, longest_cool_down=500))
    attempt(circuit, Fault())
    bench.now += 30
    attempt(circuit, Fault(cool_down=7))
    assert circuit.remaining == 7
    bench.now += 7
    attempt(circuit, Fault())
    assert circuit.remaining == 60


def test_thousands_of_failed_probes_are_no_number_out_of_range(bench: Bench) -> None:
    circuit = bench.circuits.of("a")
    circuit.use(Policy(failures=1, cool_down=1, longest_cool_down=2))
    for _ in range(2000):
        bench.now += 2
        attempt(circuit, Fault())
    assert circuit.remaining == 2


def rated(bench: Bench, error_rate: float = 0.5, window: float = 30, at_least: int = 10) -> Circuit:
    circuit = bench.circuits.of("a")
    circuit.use(Policy(error_rate=error_rate, window=window, at_least=at_least))
    return circuit


def test_opens_when_the_share_of_failures_is_too_large_although_they_never_come_in_a_row(bench: Bench) -> None:
    circuit = rated(bench)
    outcomes(circuit, ".x.x.x.x.")
    assert (circuit.state, circuit.in_a_row) == ("closed", 0)
    outcomes(circuit, "x")
    assert (circuit.state, circuit.remaining) == ("open", 30)
    assert bench.changes == [("a", "open")]


def test_a_share_below_the_rate_opens_nothing(bench: Bench) -> None:
    circuit = rated(bench)
    assert outcomes(circuit, "..x" * 30) == "closed"


def test_the_rate_means_nothing_before_there_are_enough_attempts(bench: Bench) -> None:
    circuit = rated(bench, error_rate=0.1, at_least=5)
    assert outcomes(circuit, "xx.x") == "closed"
    assert outcomes(circuit, "x") == "open"


def test_a_rate_that_is_just_reached_opens(bench: Bench) -> None:
    circuit = rated(bench, error_rate=0.28, at_least=25)
    assert outcomes(circuit, "...x" * 6 + "x") == "open"


def test_the_rate_looks_at_the_window_only(bench: Bench) -> None:
    circuit = rated(bench)
    outcomes(circuit, "xxxx....")
    bench.now += 30
    assert outcomes(circuit, "....x.x.x") == "closed"
    assert outcomes(circuit, "xx") == "closed"
    assert outcomes(circuit, "x") == "open"


def test_attempts_that_tell_nothing_do_not_count_into_the_rate(bench: Bench) -> None:
    circuit = rated(bench, at_least=4)
    for _ in range(9):
        ticket = circuit.begin()
        assert ticket is not None
        ticket.leave()
    assert outcomes(circuit, "xxx") == "closed"


def test_after_the_probe_the_rate_begins_anew(bench: Bench) -> None:
    circuit = rated(bench, window=3000, at_least=4)
    outcomes(circuit, "..xx")
    bench.now += 30
    assert outcomes(circuit, ".xx.") == "closed"
    assert outcomes(circuit, "x") == "open"


def test_what_was_counted_stays_counted_when_another_policy_comes(bench: Bench) -> None:
    circuit = rated(bench, window=30, at_least=6)
    outcomes(circuit, "..xx")
    circuit = rated(bench, window=300, at_least=6)
    bench.now += 100
    assert outcomes(circuit, ".x") == "open"


def test_a_policy_without_a_rate_opens_by_no_rate_and_loses_no_count_of_others(bench: Bench) -> None:
    circuit = rated(bench, at_least=6)
    outcomes(circuit, ".x")
    circuit.use(Policy(at_least=1))
    assert outcomes(circuit, ".x.x") == "closed"
    circuit = rated(bench, at_least=6)
    assert outcomes(circuit, "x") == "open"


def test_all_states_are_told_at_once_also_of_circuits_that_never_changed(bench: Bench) -> None:
    assert bench.circuits.states() == {}
    bench.of("a")
    for key, pause in (("b", 30), ("c", 10)):
        attempt(bench.of(key), Fault(cool_down=pause))
    bench.now += 10
    assert bench.circuits.states() == {"a": "closed", "b": "open", "c": "half_open"}


def test_what_is_kept_of_an_error_holds_no_traceback(bench: Bench) -> None:
    try:
        raise Fault("raised")
    except Fault as error:
        attempt(bench.of("a", failures=1), error)
    kept = bench.of("a").last_error
    assert kept is not None
    assert (kept.__traceback__, str(kept)) == (None, "raised")


def test_a_refusal_says_that_the_breaker_refused(bench: Bench) -> None:
    circuit = bench.of("a", failures=1)
    attempt(circuit, Fault())
    assert [getattr(error, "refused_by", None) for error in (circuit.last_error, circuit.refusal())] == [None, "breaker"]


def test_of_an_error_that_says_what_is_for_others_only_that_is_kept_and_told(bench: Bench) -> None:
    class Private(Exception):
        def for_others(self) -> Exception:
            return OSError("down")

    circuit = bench.of("a", failures=1)
    attempt(circuit, Private("of one client"))
    assert repr(circuit.last_error) == repr(circuit.refusal()) == repr(OSError("down"))


def test_an_error_without_retry_after_stays_as_it_is(bench: Bench) -> None:
    circuit = bench.of("a", failures=1)
    attempt(circuit, OSError(104, "reset"))
    assert repr(circuit.refusal()) == repr(OSError(104, "reset"))


def test_where_no_error_is_known_it_is_overloaded() -> None:
    circuit = Circuits().of("a")
    refusal = circuit.refusal()
    assert isinstance(refusal, Overloaded)
    assert (str(refusal), refusal.retry_after) == ("breaker: a is cooling down", 1.0)


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
    circuit.use(Policy(failures=1))
    attempt(circuit, Fault())
    assert circuit.state == "open"


MOVES = st.lists(st.tuples(st.sampled_from(["wait", "begin", "succeed", "fail", "leave"]), st.integers(0, 5)), max_size=60)


@given(MOVES, st.sampled_from([Policy(2, 3), Policy(3, 3, 0.5, 10, 4), Policy(2, 3, longest_cool_down=9)]))
def test_whatever_happens_an_open_circuit_admits_none_and_a_half_open_one_a_single_probe(
    moves: list[tuple[str, int]], policy: Policy
) -> None:
    bench = Bench()
    circuit = bench.circuits.of("a")
    circuit.use(policy)
    under_way: list[tuple[Ticket, bool]] = []
    for move, number in moves:
        if move == "wait":
            bench.now += number
        elif move == "begin":
            state = circuit.state
            busy = any(probe for _, probe in under_way)
            ticket = circuit.begin()
            assert (ticket is not None) == (state == "closed" or (state == "half_open" and not busy))
            if ticket is not None:
                under_way.append((ticket, state == "half_open"))
        elif under_way:
            before = circuit.state
            ticket, probe = under_way.pop(number % len(under_way))
            if move == "succeed":
                ticket.succeed()
                assert circuit.state == ("closed" if probe else before)
            elif move == "fail":
                ticket.fail(Fault())
                assert circuit.state == "open" or (before == "closed" and not probe)
            else:
                ticket.leave()
                assert circuit.state == before
        assert circuit.remaining <= (policy.longest_cool_down or policy.cool_down)
