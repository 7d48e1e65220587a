"""The faults of the crash test (F01 to F16), over real sockets: a model has two candidates, A then B; A misbehaves, B is healthy.

Each runs for every client dialect, streamed and not, with A in the client's own dialect and in another one, by the default chain
and by one that resumes. F14 (B rejects the continuation) needs a B that is not healthy: see ``tests/test_resume.py``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from tests.support.clients import DIALECTS, Outcome, ask, hello
from tests.support.gateway import Gateway
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import (
    PATIENCE,
    Answerer,
    Hang,
    Lane,
    Received,
    Reset,
    Script,
    ScriptedProvider,
    Send,
    Wait,
    body,
    sse,
)
from tests.support.scripted import Gate as Barrier
from tests.support.wire import BODIES, EVENTS, MODEL, error_body, garbage

FIRST_EVENT: Final = 0.4
IDLE: Final = 0.3
TEXT_A: Final = "From A: one two three four five six seven eight nine ten."
TEXT_B: Final = "From B, the healthy one."
FROM_A: Final = Answer([Block("text", TEXT_A)], "stop", Usage(input=10, output=12, total=22))
FROM_B: Final = Answer([Block("text", TEXT_B)], "stop", Usage(input=7, output=5, total=12))

# With a breaker each fault needs candidates of its own, so that one test's failures do not open another test's circuit.
SOME: Final = {"breaking": 40, "returning": 4}
CHAINS: Final[dict[str, dict[str, Any]]] = {"default": {}, "resume": {"answer": ["failover", "resume"]}}
"""What a chain says beside its shorter limits; all other positions are the built-in default's."""


@dataclass
class Bench:
    provider: ScriptedProvider
    gateway: Gateway
    resumes: bool
    numbers: dict[str, Iterator[int]] = field(default_factory=lambda: {name: iter(range(count)) for name, count in SOME.items()})

    def lane(
        self,
        pair: tuple[str, str],
        a: Sequence[Script | Answerer],
        b: Sequence[Script | Answerer] | None = None,
        *,
        chain: str = "plain",
    ) -> Lane:
        """A model whose candidate A is answered by ``a`` and candidate B by ``b``, one script a request; the last one repeats."""
        scripts = {"a": list(a), "b": list(b or [answered(pair[1], FROM_B)])}

        def answer(received: Received) -> Script:
            waiting = scripts[received.path.split("/")[1]]
            script = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            return script if isinstance(script, Script) else script(received)

        kind = chain if chain == "plain" else f"{chain}-{next(self.numbers[chain])}"
        return self.provider.lane(answer=answer, name=f"{kind}>{pair[0]}>{pair[1]}>")

    def ask(self, client: str, lane: Lane, *, stream: bool) -> Outcome:
        return ask(client, self.gateway.base_url(client), hello(client, lane.model), stream=stream)


def asked(lane: Lane, who: str) -> int:
    """How many requests a candidate got."""
    return sum(request.path.split("/")[1] == who for request in lane.requests)


PAIRS: Final = tuple(zip(DIALECTS, (*DIALECTS[1:], DIALECTS[0]), strict=True))


def configuration(provider: ScriptedProvider, which: str) -> dict[str, Any]:
    providers: dict[str, Any] = {}
    models = []

    def add(kind: str, chain: str) -> None:
        for a, b in PAIRS:
            candidates = [f"{kind}-a-{a}/*", {"use": f"{kind}-b-{b}/*", "continues": which == "resume"}]
            models.append({"name": f"{kind}>{a}>{b}>*", "candidates": candidates, "chain": chain})
        for who in "ab":
            for dialect in DIALECTS:
                base = f"{provider.url}/{who}" if dialect == "messages" else f"{provider.url}/{who}/v1"
                providers[f"{kind}-{who}-{dialect}"] = {"dialect": dialect, "base_url": base, "api_key": f"key-{who}"}

    add("plain", "plain")
    for name, count in SOME.items():
        for number in range(count):
            add(f"{name}-{number}", name)
    attempt = [
        {"retry": {"times": 1, "wait": 0.01}},
        {"first_event_timeout": {"seconds": FIRST_EVENT}},
        {"idle_timeout": {"seconds": IDLE}},
    ]
    chains: dict[str, dict[str, Any]] = {
        "plain": {"candidates": [], "attempt": attempt},
        "breaking": {"candidates": [{"breaker": {"failures": 3, "cool_down": 60}}], "attempt": attempt},
        "returning": {"candidates": [{"breaker": {"failures": 3, "cool_down": 0.5}}], "attempt": attempt},
    }
    written = {name: {**positions, **CHAINS[which]} for name, positions in chains.items()}
    return {"providers": providers, "models": models, "chains": written}


@pytest.fixture(scope="module", params=CHAINS)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("faults")
    with ScriptedProvider() as provider, Gateway(configuration(provider, request.param), folder) as gateway:
        yield Bench(provider, gateway, resumes=request.param == "resume")


def answered(dialect: str, answer: Answer) -> Answerer:
    """A healthy candidate: streamed or whole, as the request asks."""

    def script(received: Received) -> Script:
        if received.body.get("stream"):
            return sse(b"".join(EVENTS[dialect](answer)))
        return body(BODIES[dialect](answer))

    return script


def refused(dialect: str, status: int, kind: str = "server_error", message: str = "no", **headers: str) -> Script:
    return body(error_body(dialect, kind, message), status, {name.replace("_", "-"): value for name, value in headers.items()})


cases = pytest.mark.parametrize(
    ("client", "a", "stream"),
    [(client, a, stream) for client in DIALECTS for a in DIALECTS for stream in (True, False)],
    ids=lambda value: value if isinstance(value, str) else ("stream" if value else "body"),
)


def pair_of(client: str, a: str) -> tuple[str, str]:
    """B speaks another dialect than A: failover crosses dialects."""
    return next(pair for pair in PAIRS if pair[0] == a)


def pieces(dialect: str, answer: Answer, count: int) -> bytes:
    """The stream's events up to and with the ``count``-th that holds text."""
    taken, texts = [], 0
    for event in EVENTS[dialect](answer):
        taken.append(event)
        texts += b"delta" in event and (b'"content": "' in event or b'"content":"' in event or b"text" in event)
        if texts >= count + (2 if dialect == "responses" else 0):
            break
    return b"".join(taken)


def came_from_b(outcome: Outcome) -> None:
    assert outcome.ok.said() == TEXT_B
    # F16: what is reported is of the candidate that answered.
    assert outcome.ok.model == MODEL
    assert outcome.ok.usage is not None
    assert (outcome.ok.usage.input, outcome.ok.usage.output) == (7, 5)
    assert "-b-" in outcome.headers["x-penstock-candidate"]


@cases
def test_F01_one_429_with_retry_after_is_waited_for_or_failed_over(bench: Bench, client: str, a: str, stream: bool) -> None:
    pair = pair_of(client, a)
    lane = bench.lane(pair, [refused(a, 429, "rate_limit_error", retry_after="1"), answered(a, FROM_A)])
    outcome = bench.ask(client, lane, stream=stream)
    assert outcome.ok.said() in (TEXT_A, TEXT_B)
    assert asked(lane, "a") <= 2


@cases
def test_F02_a_candidate_that_says_429_for_ever_is_skipped_while_it_cools_down(
    bench: Bench, client: str, a: str, stream: bool
) -> None:
    lane = bench.lane(pair_of(client, a), [refused(a, 429, "rate_limit_error", retry_after="30")], chain="breaking")
    came_from_b(bench.ask(client, lane, stream=stream))
    before = asked(lane, "a")
    came_from_b(bench.ask(client, lane, stream=stream))
    assert asked(lane, "a") == before == 1


@cases
def test_F03_one_500_costs_at_most_one_retry(bench: Bench, client: str, a: str, stream: bool) -> None:
    lane = bench.lane(pair_of(client, a), [refused(a, 500), answered(a, FROM_A)])
    outcome = bench.ask(client, lane, stream=stream)
    assert outcome.ok.said() == TEXT_A
    assert (asked(lane, "a"), asked(lane, "b")) == (2, 0)


@cases
def test_F04_503_for_ever_is_answered_by_B_and_opens_the_breaker_of_A(bench: Bench, client: str, a: str, stream: bool) -> None:
    lane = bench.lane(pair_of(client, a), [refused(a, 503)], chain="breaking")
    for _ in range(4):
        came_from_b(bench.ask(client, lane, stream=stream))
    label = f"{lane.model.split('>')[0]}-a-{a}/*"
    assert bench.gateway.metrics()[f'penstock_breaker_state{{candidate="{label}"}}'] > 0
    before = asked(lane, "a")
    came_from_b(bench.ask(client, lane, stream=stream))
    assert asked(lane, "a") == before


@cases
def test_F05_a_reset_before_the_headers_is_answered_by_B(bench: Bench, client: str, a: str, stream: bool) -> None:
    lane = bench.lane(pair_of(client, a), [Script(before=[Reset()])])
    came_from_b(bench.ask(client, lane, stream=stream))


@cases
def test_F06_silence_is_answered_by_B_and_the_silent_one_is_not_retried(bench: Bench, client: str, a: str, stream: bool) -> None:
    lane = bench.lane(pair_of(client, a), [Script(before=[Hang()])])
    came_from_b(bench.ask(client, lane, stream=stream))
    assert asked(lane, "a") == 1
    lane.requests[0].left()


@cases
def test_F07_a_first_token_that_comes_too_late_never_appears(bench: Bench, client: str, a: str, stream: bool) -> None:
    gate = Barrier()
    setup = b": waiting\n\n"
    late = Script([Send(setup), Wait(gate), Send(b"".join(EVENTS[a](FROM_A)))], headers={"content-type": "text/event-stream"})
    lane = bench.lane(pair_of(client, a), [late])
    outcome = bench.ask(client, lane, stream=stream)
    gate.open()
    came_from_b(outcome)


def broken_off(bench: Bench, client: str, a: str, stream: bool, *then: Any) -> None:
    """What must hold when A breaks off after some text: nothing twice, nothing lost, never a success."""
    shown = pieces(a, FROM_A, 4)
    lane = bench.lane(pair_of(client, a), [sse(shown, *then)])
    outcome = bench.ask(client, lane, stream=stream)
    if bench.resumes:
        # A's first words, then what B goes on with: one answer, nothing twice.
        said = outcome.ok.said()
        assert said.endswith(TEXT_B)
        assert said != TEXT_B
        assert TEXT_A.startswith(said.removesuffix(TEXT_B))
        assert asked(lane, "b") == 1
    elif stream:
        assert outcome.failed.kind not in ("broken",), outcome.failed
        assert outcome.said
        assert TEXT_A.startswith(outcome.said)
        assert asked(lane, "b") == 0
    else:
        assert outcome.failure is not None or outcome.ok.said() == TEXT_B


@cases
def test_F08_a_cut_after_content_is_continued_or_one_in_band_error(bench: Bench, client: str, a: str, stream: bool) -> None:
    broken_off(bench, client, a, stream)


@cases
def test_F09_a_stall_after_content_is_continued_or_one_in_band_error(bench: Bench, client: str, a: str, stream: bool) -> None:
    broken_off(bench, client, a, stream, Hang())


@cases
def test_F10_garbage_after_content_is_continued_or_one_in_band_error(bench: Bench, client: str, a: str, stream: bool) -> None:
    broken_off(bench, client, a, stream, Send(garbage(a)))


@cases
def test_F10_garbage_before_the_commit_is_answered_by_B(bench: Bench, client: str, a: str, stream: bool) -> None:
    lane = bench.lane(pair_of(client, a), [sse(garbage(a))] if stream else [body(b'{"half": ')])
    came_from_b(bench.ask(client, lane, stream=stream))


@pytest.mark.parametrize("client", DIALECTS)
def test_F11_a_finish_reason_without_DONE_is_a_complete_answer(bench: Bench, client: str) -> None:
    wire = b"".join(EVENTS["chat"](FROM_A)).replace(b"data: [DONE]\n\n", b"")
    lane = bench.lane(pair_of(client, "chat"), [sse(wire)])
    outcome = bench.ask(client, lane, stream=True)
    assert outcome.ok.said() == TEXT_A
    assert outcome.ok.stop == "stop"
    assert outcome.ok.usage is not None
    assert outcome.ok.usage.output == 12


@cases
def test_F12_a_context_that_is_too_long_is_told_to_the_client_and_not_tried_again(
    bench: Bench, client: str, a: str, stream: bool
) -> None:
    words = "prompt is too long: 300000 tokens > 200000 maximum"
    kind = "invalid_request_error"
    refusal = body(error_body(a, kind, words, "context_length_exceeded"), 400)
    lane = bench.lane(pair_of(client, a), [refusal])
    failed = bench.ask(client, lane, stream=stream).failed
    assert failed.status == 400
    assert words in failed.message
    if client != "messages":
        assert failed.code == "context_length_exceeded"
    assert (asked(lane, "a"), asked(lane, "b")) == (1, 0)


@cases
def test_F13_a_refusal_is_handed_on_as_it_is(bench: Bench, client: str, a: str, stream: bool) -> None:
    kind, stop = {"chat": ("refusal", "stop"), "responses": ("refusal", "stop"), "messages": ("text", "refusal")}[a]
    answer = Answer([Block(kind, "I will not do that.")], stop, Usage(input=3, output=4, total=7))
    lane = bench.lane(pair_of(client, a), [answered(a, answer)])
    outcome = bench.ask(client, lane, stream=stream)
    assert "I will not do that." in outcome.ok.said("text") + outcome.ok.said("refusal")
    assert (asked(lane, "a"), asked(lane, "b")) == (1, 0)


@pytest.mark.parametrize("client", DIALECTS)
def test_F15_a_candidate_that_was_down_is_probed_and_returns_without_a_storm(bench: Bench, client: str) -> None:
    down: list[Script | Answerer] = [refused(client, 503)] * 6
    lane = bench.lane(pair_of(client, client), [*down, answered(client, FROM_A)], chain="returning")
    for _ in range(3):
        came_from_b(bench.ask(client, lane, stream=True))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        outcome = bench.ask(client, lane, stream=True)
        if outcome.ok.said() == TEXT_A:
            break
        assert outcome.ok.said() == TEXT_B
    assert outcome.ok.said() == TEXT_A
    # Three times two tries before the breaker opened, then only probes.
    assert asked(lane, "a") <= len(down) + 2
