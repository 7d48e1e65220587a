"""When a fault of the crash test is passed: one function a condition, for every dialect, streamed and not, by either chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from operators.circuit import CLOSED, OPEN
from tests.support import virtual_faults as does
from tests.support.clients import DIALECTS, Outcome
from tests.support.neutral import Answer, Usage
from tests.support.virtual_faults import FROM_A, FROM_B, LATE, TEXT, WORDS
from tests.support.virtual_gateway import Call, VirtualGateway, marks
from tests.support.virtual_provider import Answerer

FIRST_EVENT: Final = 120.0
IDLE: Final = 60.0
COOL_DOWN: Final = 30.0
FAILURES: Final = 5
SOON: Final = 10.0
"""Seconds that an answer takes at most where no limit has to pass: two tries at A, one at B."""


@dataclass(frozen=True)
class Fault:
    """One row: what A does, which function judges, and for which chains and kinds of answers it means something."""

    id: str
    sentence: str
    a: Answerer
    passes: Callable[[Run], None]
    b: Answerer = does.healthy_b
    chains: tuple[str, ...] = ("default", "resume")
    streamed: tuple[bool, ...] = (True, False)

    def __str__(self) -> str:
        return f"{self.id} {self.sentence}"


@dataclass
class Run:
    """One fault for one client."""

    fault: Fault
    client: str
    a: str
    stream: bool
    chain: str

    def __post_init__(self) -> None:
        self.gateway = self.another(self.chain)

    def another(self, chain: str) -> VirtualGateway:
        """A gateway of its own with the same candidates. B speaks another dialect than A: failover crosses dialects."""
        b = DIALECTS[(DIALECTS.index(self.a) + 1) % len(DIALECTS)]
        return VirtualGateway(chain, self.a, b, self.fault.a, self.fault.b)

    def ask(self) -> Outcome:
        return self.gateway.ask(self.client, stream=self.stream)

    @property
    def call(self) -> Call:
        """The last one."""
        return self.gateway.calls[-1]

    @property
    def tries(self) -> tuple[int, int]:
        """At A and at B."""
        return len(self.gateway.a.tries), len(self.gateway.b.tries)


# ---------------------------------------------------------------------------------------------------- what holds of each


def complete(run: Run, outcome: Outcome, expected: Answer) -> None:
    """One complete answer with the model and the usage of who gave it (F16), and no word of an error in it."""
    assert outcome.ok.blocks == expected.blocks
    assert outcome.said == expected.said()
    assert outcome.ok.stop == expected.stop
    assert outcome.ok.model == expected.model
    assert outcome.ok.usage is not None
    assert expected.usage is not None
    found, told = outcome.ok.usage, expected.usage
    assert (found.input, found.output, found.total) == (told.input, told.output, told.total)
    if run.stream:
        successes, failures = marks(run.client, run.call.data)
        assert successes >= 1
        assert failures == 0
    assert run.call.exchange.opened.label == (run.gateway.label_a if expected.model == does.MODEL_A else run.gateway.label_b)


def from_b(run: Run, outcome: Outcome, *, soon: float = SOON) -> None:
    """B's answer, all of it and nothing else."""
    complete(run, outcome, FROM_B)
    assert run.call.took <= soon
    assert does.WORDS[0].strip() not in run.call.data.decode()


def in_band(run: Run, outcome: Outcome, words: int) -> None:
    """One error behind exactly these words, and nothing that says that all went well."""
    assert outcome.failed.kind != "broken", outcome.failed
    assert outcome.said == "".join(WORDS[:words])
    assert marks(run.client, run.call.data) == (0, 1)
    assert run.call.after_end == b""


def continued(run: Run, outcome: Outcome) -> None:
    """A's words and then B's, as one answer. Who began it stands in it; its usage is what is known of both."""
    assert outcome.said == TEXT
    assert outcome.ok.said() == TEXT
    assert len(outcome.ok.blocks) == 1
    assert outcome.ok.stop == "stop"
    assert outcome.ok.model == does.MODEL_A
    # Only Messages tells of its input before the end; a token of its output is said to be there.
    known = Usage(input=10, output=1) if run.a == "messages" else Usage(input=0, output=0)
    assert outcome.ok.usage is not None
    rest = does.REST_FROM_B
    assert outcome.ok.usage.input == (known.input or 0) + (rest.input or 0)
    assert outcome.ok.usage.output == (known.output or 0) + (rest.output or 0)
    assert run.tries == (1, 1)


# -------------------------------------------------------------------------------------------------------- one a condition


def retried_at_a(run: Run) -> None:
    complete(run, run.ask(), FROM_A)
    assert run.tries == (2, 0)
    assert run.call.took <= SOON


def waited_as_asked(run: Run) -> None:
    retried_at_a(run)
    first, second = run.gateway.a.tries
    assert first.let_go is not None
    assert second.began - first.let_go >= 1.0


def skipped_while_cooling_down(run: Run) -> None:
    for _ in range(3):
        from_b(run, run.ask())
    assert run.tries == (1, 3)
    run.gateway.settle(COOL_DOWN)
    from_b(run, run.ask())
    from_b(run, run.ask())
    # Looked at once more, and left alone again.
    assert run.tries == (2, 5)


def opened_the_breaker(run: Run) -> None:
    circuit = run.gateway.circuit(run.gateway.label_a)
    for number in range(FAILURES):
        assert (circuit.state, circuit.in_a_row) == (CLOSED, number)
        from_b(run, run.ask())
    assert circuit.state == OPEN
    tried = run.tries[0]
    assert tried <= 2 * FAILURES
    from_b(run, run.ask())
    assert run.tries == (tried, FAILURES + 1)


def answered_by_b(run: Run) -> None:
    from_b(run, run.ask())
    assert run.tries[0] <= 2
    assert run.tries[1] == 1


def given_up_after_the_first_event_limit(run: Run) -> None:
    from_b(run, run.ask(), soon=FIRST_EVENT + SOON)
    assert run.tries == (1, 1)
    assert run.gateway.a.tries[0].let_go == pytest.approx(FIRST_EVENT)
    assert run.gateway.b.tries[0].began == pytest.approx(FIRST_EVENT)
    assert run.gateway.trips("first_event_timeout", run.chain) == 1
    # Whatever A still has to say.
    run.gateway.settle(LATE)
    assert run.call.after_end == b""


def broken_off_after(words: int, limit: float = 0.0) -> Callable[[Run], None]:
    """What must hold when A breaks off behind these words (a body: before anything can be told of it)."""

    def passes(run: Run) -> None:
        outcome = run.ask()
        if not run.stream:
            from_b(run, outcome, soon=SOON + (FIRST_EVENT if limit else 0.0))
            assert run.tries == (1 if limit else 2, 1)
            return
        assert run.call.took <= SOON + limit
        if limit:
            assert run.call.took >= limit
            assert run.gateway.trips("idle_timeout", run.chain) == 1
        if run.chain == "resume":
            continued(run, outcome)
            assert run.gateway.b.tries[0].prefix == "".join(WORDS[:words]).rstrip()
        else:
            in_band(run, outcome, words)
            assert run.tries == (1, 0)

    return passes


def one_error_for_a_body(run: Run) -> None:
    outcome = run.ask()
    if run.chain == "resume":
        continued(run, outcome)
        return
    assert outcome.failed.status == 502
    assert outcome.failed.kind != "broken"
    assert run.tries == (1, 0)


def complete_at_once(run: Run) -> None:
    complete(run, run.ask(), FROM_A)
    assert run.tries == (1, 0)
    assert run.call.took <= SOON


def told_to_the_client(run: Run) -> None:
    failed = run.ask().failed
    assert (failed.status, failed.message) == (400, does.TOO_LONG)
    if run.client != "messages":
        assert failed.code == "context_length_exceeded"
    assert run.tries == (1, 0)


def asked_elsewhere_as_configured(run: Run) -> None:
    from_b(run, run.ask())
    assert run.tries == (1, 1)


def handed_on(run: Run) -> None:
    outcome = run.ask()
    answer = outcome.ok
    assert answer.said("text") + answer.said("refusal") == TEXT
    assert answer.stop in (
        ("refusal", "content_filter", "stop") if run.fault.a is does.refusing else ("refusal", "content_filter")
    )
    assert answer.model == does.MODEL_A
    assert run.tries == (1, 0)
    assert run.call.took <= SOON


def original_error(run: Run) -> None:
    outcome = run.ask()
    if not run.stream:
        from_b(run, outcome)
        return
    in_band(run, outcome, 40)
    assert run.tries == (1, 1 if run.chain == "resume" else 0)
    plain = replace_chain(run, "default")
    assert (outcome.failed.kind, outcome.failed.message) == (plain.failed.kind, plain.failed.message)
    assert (outcome.failed.code, outcome.failed.type) == (plain.failed.code, plain.failed.type)


def replace_chain(run: Run, chain: str) -> Outcome:
    """What the same fault is to the same client by another chain."""
    return run.another(chain).ask(run.client, stream=run.stream)


def probed_and_returned(run: Run) -> None:
    """Every ten seconds some ask at once: while A is down they get B, and A sees one probe a cool-down, not a storm."""
    gateway, at_once, seen = run.gateway, 4, list[str]()
    first = run.ask()
    complete(run, first, FROM_B)
    raw = gateway.calls[0].exchange.raw
    while gateway.clock.second < 2 * does.DOWN:
        calls = [gateway.call(run.client, raw) for _ in range(at_once)]
        gateway.run(*calls)
        assert all(call.exchange.ended for call in calls)
        seen += [call.exchange.opened.label for call in calls]
        gateway.settle(10.0)
    complete(run, run.ask(), FROM_A)
    back = seen.index(gateway.label_a)
    # It returned, and stayed.
    assert set(seen[:back]) == {gateway.label_b}
    assert set(seen[-at_once:]) == {gateway.label_a}
    down = [tried for tried in gateway.a.tries if tried.began < does.DOWN]
    before = [tried for tried in down if tried.began < SOON + COOL_DOWN / 2]
    # Two tries for each request before the circuit opened; then two for each probe.
    assert len(before) <= 2 * (1 + 2 * at_once)
    assert len(down) - len(before) <= 2 * (does.DOWN / COOL_DOWN)
    assert gateway.circuit(gateway.label_a).state == CLOSED


def nothing_but_the_failed_one_counts(run: Run) -> None:
    """F16 by itself: also what metrics and headers say names B."""
    outcome = run.ask()
    from_b(run, outcome)
    assert outcome.headers["x-penstock-candidate"] == run.gateway.label_b
    assert (run.call.exchange.usage.input, run.call.exchange.usage.output) == (7, 5)
