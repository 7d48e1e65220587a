"""A chain with ``resume``, over real sockets (F08, F09, F10, F14, F16): A breaks off after 40 of 60 tokens, B goes on.

The client sees one answer: A's tokens and B's, nothing twice, one id, B's reason to stop, and the usage of both.
"""

from __future__ import annotations

import itertools
import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.support.clients import DIALECTS, KEY, Outcome, ask, hello
from tests.support.gateway import Gateway
from tests.support.neutral import Answer, Block, Usage
from tests.support.scripted import Hang, Lane, Received, Script, ScriptedProvider, Send, Step, body, sse
from tests.support.wire import BODIES, EVENTS, MODEL, error_body, error_event, garbage
from tests.test_leaving import PATHS, Client, assert_nothing_open, assert_soon

IDLE: Final = 0.3
TOKENS: Final = [f"t{number:05d} " for number in range(1, 61)]
"""As long as the pieces that the scripted provider sends, and each ends in a blank."""
WHOLE: Final = "".join(TOKENS)
SAID: Final = "".join(TOKENS[:40])
REST: Final = " " + "".join(TOKENS[40:])
"""B goes on from a text without its last blank, so it says that blank again."""
FROM_A: Final = Answer([Block("text", WHOLE)], "stop", Usage(input=10, output=60, total=70))
FROM_B: Final = Answer([Block("text", REST)], "length", Usage(input=50, output=20, total=70))
WHO: Final = "abc"
# Who may go on, in which chain.
KINDS: Final = {"once": ("bc", "once"), "twice": ("bc", "twice"), "nobody": ("", "once"), "without": ("bc", "without")}

Answerer = Callable[[Received], Script]


@dataclass
class Bench:
    provider: ScriptedProvider
    gateway: Gateway

    def lane(self, kind: str, dialects: Sequence[str], *scripts: Script | Answerer) -> Lane:
        """A model whose candidates speak these dialects and answer each with its script."""
        given = dict(zip(WHO, scripts, strict=False))

        def answer(received: Received) -> Script:
            script = given[received.path.split("/")[1]]
            return script if isinstance(script, Script) else script(received)

        return self.provider.lane(answer=answer, name=f"{kind}>{len(dialects)}>{'>'.join(dialects)}>")

    def ask(self, client: str, lane: Lane, *, stream: bool = True, **more: Any) -> Outcome:
        return ask(client, self.gateway.base_url(client), {**hello(client, lane.model), **more}, stream=stream)

    def raw(self, client: str, lane: Lane, *, stream: bool = True) -> bytes:
        """The answer's bytes."""
        request: dict[str, Any] = {**hello(client, lane.model), "stream": stream, "max_tokens": 64}
        if client == "responses":
            del request["max_tokens"]
        data, headers = json.dumps(request).encode(), {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
        with urllib.request.urlopen(
            urllib.request.Request(self.gateway.url + PATHS[client], data, headers), timeout=20
        ) as answer:
            whole: bytes = answer.read()
        return whole


LINES: Final = [(a, b) for a in DIALECTS for b in DIALECTS]


def configuration(provider: ScriptedProvider) -> dict[str, Any]:
    providers: dict[str, Any] = {}
    for who, dialect in itertools.product(WHO, DIALECTS):
        base = f"{provider.url}/{who}" if dialect == "messages" else f"{provider.url}/{who}/v1"
        providers[f"{who}-{dialect}"] = {"dialect": dialect, "base_url": base, "api_key": f"key-{who}"}
    models = [
        {
            "name": f"{kind}>{len(line)}>{'>'.join(line)}>*",
            "candidates": [
                {"use": f"{who}-{dialect}/*", **({"continues": True} if who in continuing else {})}
                for who, dialect in zip(WHO, line, strict=False)
            ],
            "chain": chain,
        }
        for kind, (continuing, chain) in KINDS.items()
        for line in [*LINES, *((a, b, a) for a, b in LINES)]
    ]
    around = {"candidates": [], "attempt": [{"idle_timeout": {"seconds": IDLE}}]}
    chains = {
        "without": {**around, "answer": [{"failover": {}}]},
        "once": {**around, "answer": [{"failover": {}}, {"resume": {}}]},
        "twice": {**around, "answer": [{"failover": {}}, {"resume": {"times": 2}}]},
    }
    return {"providers": providers, "models": models, "chains": chains}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ScriptedProvider() as provider, Gateway(configuration(provider), tmp_path_factory.mktemp("resume")) as gateway:
        yield Bench(provider, gateway)


def pieces(dialect: str, answer: Answer, count: int) -> bytes:
    """The events of an answer up to and with the one that holds the ``count``-th piece of what it says, of whatever kind."""
    taken: list[bytes] = []
    for event in EVENTS[dialect](answer):
        taken.append(event)
        count -= _says(event)
        if not count:
            return b"".join(taken)
    raise AssertionError("the answer has fewer pieces")


def _says(event: bytes) -> bool:
    data = event.partition(b"data: ")[2]
    parsed: dict[str, Any] = json.loads(data) if data.startswith(b"{") else {}
    if "choices" in parsed:
        delta = parsed["choices"][0]["delta"] if parsed["choices"] else {}
        called = any(call.get("function", {}).get("arguments") for call in delta.get("tool_calls", ()))
        return called or any(delta.get(name) for name in ("content", "reasoning_content", "refusal"))
    kind: str = parsed.get("type", "")
    if kind == "content_block_delta":
        return bool(parsed["delta"]["type"] != "signature_delta")
    return kind.endswith(".delta")


def cut(dialect: str, *then: Step, count: int = 40, answer: Answer = FROM_A) -> Script:
    return sse(pieces(dialect, answer, count), *then)


def answered(dialect: str, answer: Answer) -> Script:
    return sse(b"".join(EVENTS[dialect](answer)))


def asked(lane: Lane, who: str) -> list[Received]:
    """The requests that a candidate got."""
    return [request for request in lane.requests if request.path.split("/")[1] == who]


def begun(received: Received, dialect: str) -> list[str]:
    """The texts of the assistant's turns in a request."""
    turns = received.body["input" if dialect == "responses" else "messages"]
    texts = []
    for turn in turns if isinstance(turns, list) else ():
        if turn["role"] == "assistant":
            content = turn["content"]
            texts.append(content if isinstance(content, str) else "".join(part["text"] for part in content))
    return texts


def told(outcome: Outcome, said: str = SAID) -> None:
    """The original error, in-band, behind what A said."""
    assert outcome.failed.kind != "broken", outcome.failed
    assert outcome.failed.status in (None, 200)
    assert outcome.said == said


FAULTS: Final[Mapping[str, Callable[[str], list[Step]]]] = {
    "F08 cut": lambda _: [],
    "F09 stall": lambda _: [Hang()],
    "F10 garbage": lambda dialect: [Send(garbage(dialect))],
    "error event": lambda dialect: [Send(error_event(dialect))],
}
everywhere = pytest.mark.parametrize(("client", "a", "b"), [(client, *line) for client in DIALECTS for line in LINES])
in_each = pytest.mark.parametrize("client", DIALECTS)
ONE_OTHER: Final = dict(zip(DIALECTS, (*DIALECTS[1:], DIALECTS[0]), strict=True))


@pytest.mark.parametrize("fault", FAULTS)
@everywhere
def test_another_candidate_goes_on_where_the_first_broke_off(bench: Bench, client: str, a: str, b: str, fault: str) -> None:
    lane = bench.lane("once", (a, b), cut(a, *FAULTS[fault](a)), answered(b, FROM_B))
    outcome = bench.ask(client, lane)
    answer = outcome.ok
    assert outcome.said == WHOLE
    assert [(block.kind, block.text) for block in answer.blocks] == [("text", WHOLE)]
    assert answer.stop == "length"
    assert answer.model == MODEL
    # Of Chat and Responses the usage is known at the end only, which never came from A; Messages tells the input first.
    before = (10, 1) if a == "messages" else (0, 0)
    assert answer.usage is not None
    assert (answer.usage.input, answer.usage.output) == (before[0] + 50, before[1] + 20)
    assert answer.usage.total == sum(before) + 70
    assert (len(asked(lane, "a")), len(asked(lane, "b"))) == (1, 1)
    assert begun(asked(lane, "a")[0], a) == []
    assert begun(asked(lane, "b")[0], b) == [SAID.rstrip()]
    assert outcome.headers["x-penstock-candidate"].startswith(f"a-{a}/")


@pytest.mark.parametrize("a", DIALECTS)
@in_each
def test_the_client_sees_one_stream_with_one_id_and_one_end(bench: Bench, client: str, a: str) -> None:
    lane = bench.lane("once", (a, ONE_OTHER[a]), cut(a), answered(ONE_OTHER[a], FROM_B))
    events = [json.loads(line[6:]) for line in bench.raw(client, lane).splitlines() if line.startswith(b"data: {")]
    if client == "chat":
        assert len({event["id"] for event in events}) == 1
        assert sum(bool(choice["finish_reason"]) for event in events for choice in event["choices"]) == 1
        assert sum("role" in choice["delta"] for event in events for choice in event["choices"]) == 1
        return
    kinds = [event["type"] for event in events]
    first, block, last = {
        "messages": ("message_start", "content_block_start", "message_stop"),
        "responses": ("response.created", "response.output_item.added", "response.incomplete"),
    }[client]
    assert [kinds.count(kind) for kind in (first, block, last)] == [1, 1, 1]
    assert kinds[-1] == last
    if client == "responses":
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert len({event["response"]["id"] for event in events if "response" in event}) == 1


@pytest.mark.parametrize("rest", ["one", " one", "\n\n one", " \n\n one"])
@in_each
def test_blanks_are_said_once(bench: Bench, client: str, rest: str) -> None:
    text = "Zero:  \n\n"
    first = Answer([Block("text", text + "never comes, for it is cut")], "stop", None)
    other = ONE_OTHER[client]
    lane = bench.lane("once", (client, other), cut(client, count=1, answer=first), answered(other, replaced(rest)))
    outcome = bench.ask(client, lane)
    assert outcome.ok.said() == {"one": "Zero:  one", " one": "Zero:  one", "\n\n one": "Zero:  \n\n one"}.get(
        rest, "Zero:  \n\n one"
    )
    assert begun(asked(lane, "b")[0], other) == ["Zero:"]


def replaced(text: str) -> Answer:
    return Answer([Block("text", text)], "stop", Usage(input=1, output=1, total=2))


@everywhere
def test_F14_a_candidate_that_takes_no_prefill_leaves_the_original_error(bench: Bench, client: str, a: str, b: str) -> None:
    words = "This model does not support assistant message prefill."
    refusal = body(error_body(b, "invalid_request_error", words), 400)
    lane = bench.lane("once", (a, b), cut(a, Send(error_event(a))), refusal)
    outcome = bench.ask(client, lane)
    told(outcome)
    # What B says of itself is nothing that the client asked for.
    down = body(error_body(b, "server_error", "down"), 503)
    other = bench.ask(client, bench.lane("once", (a, b), cut(a, Send(error_event(a))), down))
    assert (outcome.failed.message, outcome.failed.code) == (other.failed.message, other.failed.code)
    assert words not in outcome.failed.message
    assert len(asked(lane, "b")) == 1


@in_each
def test_nobody_goes_on_where_no_candidate_continues(bench: Bench, client: str) -> None:
    other = ONE_OTHER[client]
    lane = bench.lane("nobody", (client, other), cut(client), answered(other, FROM_B))
    told(bench.ask(client, lane))
    assert asked(lane, "b") == []


def owned(dialect: str) -> dict[str, Answer]:
    """What nobody else can go on with."""
    text = Block("text", "Some text.")
    tool = Block("tool", id="call_1", name="look", arguments={"where": "here, there and everywhere"})
    answers = {"a tool call": Answer([text, tool], "tool_calls", None)}
    if dialect == "chat":
        # The text comes behind it, or nothing could be continued anyway.
        answers["a refusal"] = Answer([Block("refusal", "I will not, "), text], "stop", None)
    else:
        thought = Block("reasoning", "Let me see.", opaque="c2lnbmVk")
        answers["signed reasoning"] = Answer([thought, Block("text", "Some text, and more of it.")], "stop", None)
    return answers


@pytest.mark.parametrize(("a", "what"), [(a, what) for a in DIALECTS for what in owned(a)])
@in_each
def test_what_belongs_to_who_began_it_is_ended_by_the_original_error(bench: Bench, client: str, a: str, what: str) -> None:
    answer = owned(a)[what]
    lane = bench.lane("once", (a, a), cut(a, answer=answer, count=4), answered(a, FROM_B))
    outcome = bench.ask(client, lane)
    assert outcome.failed.kind != "broken", outcome.failed
    # Messages says a refusal as a text.
    said = answer.said("refusal") + answer.said() if client == "messages" else answer.said()
    assert said.startswith(outcome.said)
    assert outcome.said
    assert asked(lane, "b") == []


SCHEMA: Final = {"type": "object", "properties": {}, "additionalProperties": False}
FORMATS: Final[Mapping[str, dict[str, Any]]] = {
    "chat": {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}},
    "responses": {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}},
    "messages": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
}


@in_each
def test_structured_output_is_ended_by_the_original_error(bench: Bench, client: str) -> None:
    lane = bench.lane("once", (client, ONE_OTHER[client]), cut(client), answered(ONE_OTHER[client], FROM_B))
    told(bench.ask(client, lane, extra_body=FORMATS[client]))
    assert asked(lane, "b") == []


@pytest.mark.parametrize(
    ("client", "asked_for"),
    [("chat", {"response_format": {"type": "text"}}), ("responses", {"text": {"format": {"type": "text"}}})],
)
def test_a_text_that_was_asked_for_by_name_is_continued(bench: Bench, client: str, asked_for: dict[str, Any]) -> None:
    lane = bench.lane("once", (client, ONE_OTHER[client]), cut(client), answered(ONE_OTHER[client], FROM_B))
    assert bench.ask(client, lane, extra_body=asked_for).ok.said() == WHOLE


@everywhere
def test_once_means_once(bench: Bench, client: str, a: str, b: str) -> None:
    lane = bench.lane("once", (a, b, a), cut(a), cut(b, answer=FROM_B, count=10), answered(a, FROM_B))
    told(bench.ask(client, lane), (SAID.rstrip() + REST)[: len(SAID.rstrip()) + 70])
    assert asked(lane, "c") == []


@everywhere
def test_a_continuation_that_is_cut_is_continued_by_a_third(bench: Bench, client: str, a: str, b: str) -> None:
    by_b = (SAID.rstrip() + REST)[: len(SAID.rstrip()) + 70]
    last = Answer([Block("text", WHOLE[len(by_b) :])], "stop", Usage(input=51, output=10, total=61))
    lane = bench.lane("twice", (a, b, a), cut(a), cut(b, answer=FROM_B, count=10), answered(a, last))
    outcome = bench.ask(client, lane)
    assert outcome.said == WHOLE
    assert [(block.kind, block.text) for block in outcome.ok.blocks] == [("text", WHOLE)]
    assert outcome.ok.stop == "stop"
    known = {"a": (10, 1) if a == "messages" else (0, 0), "b": (50, 1) if b == "messages" else (0, 0)}
    assert outcome.ok.usage is not None
    assert outcome.ok.usage.input == known["a"][0] + known["b"][0] + 51
    assert outcome.ok.usage.output == known["a"][1] + known["b"][1] + 10
    assert [len(asked(lane, who)) for who in WHO] == [1, 1, 1]
    assert begun(asked(lane, "c")[0], a) == [by_b.rstrip()]


@in_each
def test_a_third_goes_on_where_the_second_is_down(bench: Bench, client: str) -> None:
    down = body(error_body(client, "server_error", "down"), 503)
    lane = bench.lane("once", (client, client, client), cut(client), down, answered(client, FROM_B))
    assert bench.ask(client, lane).ok.said() == WHOLE
    assert [len(asked(lane, who)) for who in WHO] == [1, 1, 1]


@in_each
def test_the_connection_of_a_continuation_is_closed_when_the_client_leaves(bench: Bench, client: str) -> None:
    other = ONE_OTHER[client]
    # Not yet continued for the client, and continued.
    for shown, seen in ((b"t00040", 0), (b"t00045", 6)):
        going_on = sse(pieces(other, FROM_B, seen), Hang()) if seen else Script(before=[Hang()])
        lane = bench.lane("once", (client, other), cut(client), going_on)

        def leave(lane: Lane = lane, shown: bytes = shown) -> float:
            with Client(bench.gateway, client, lane.model) as leaver:
                lane.arrived()
                received = lane.arrived()
                leaver.read_until(shown)
                left = leaver.leave()
                return received.left() - left

        assert_soon(leave)
    assert_nothing_open(bench.gateway)


@everywhere
def test_a_whole_answer_is_failed_over(bench: Bench, client: str, a: str, b: str) -> None:
    lane = bench.lane("once", (a, b), body(b'{"half": '), body(BODIES[b](FROM_B)))
    outcome = bench.ask(client, lane, stream=False)
    assert outcome.ok.said() == REST
    # F16
    assert outcome.headers["x-penstock-candidate"].startswith(f"b-{b}/")
    assert outcome.ok.usage is not None
    assert (outcome.ok.usage.input, outcome.ok.usage.output) == (50, 20)
    assert begun(asked(lane, "b")[0], b) == []


@everywhere
def test_a_stream_that_becomes_a_whole_answer_is_continued(bench: Bench, client: str, a: str, b: str) -> None:
    lane = bench.lane("once", (a, b), cut(a), body(BODIES[b](FROM_B)))
    outcome = bench.ask(client, lane, stream=False)
    assert outcome.ok.said() == WHOLE
    assert [(block.kind, block.text) for block in outcome.ok.blocks] == [("text", WHOLE)]
    assert outcome.ok.stop == "length"


@in_each
def test_a_continuation_is_counted(bench: Bench, client: str) -> None:
    other = ONE_OTHER[client]
    name = f'penstock_failovers_total{{from="a-{client}/*",phase="stream",reason="cut",to="b-{other}/*"}}'
    before = bench.gateway.metrics().get(name, 0)
    lane = bench.lane("once", (client, other), cut(client), answered(other, FROM_B))
    assert bench.ask(client, lane).ok.said() == WHOLE
    assert bench.gateway.metrics()[name] == before + 1


@pytest.mark.parametrize("kind", ["without", "once"])
@in_each
def test_only_a_chain_with_resume_writes_streams_anew(bench: Bench, client: str, kind: str) -> None:
    wire = b": said by the provider only\n\n" + b"".join(EVENTS[client](FROM_A))
    lane = bench.lane(kind, (client, client), sse(wire), answered(client, FROM_B))
    raw = bench.raw(client, lane)
    assert (raw == wire) is (kind == "without")
    assert b"t00060" in raw
    assert asked(lane, "b") == []


@in_each
def test_whole_answers_pass_as_they_came(bench: Bench, client: str) -> None:
    wire = BODIES[client](FROM_A)[:-1] + b', "x_provider": 1}'
    lane = bench.lane("once", (client, client), body(wire), body(BODIES[client](FROM_B)))
    assert bench.raw(client, lane, stream=False) == wire


@in_each
def test_an_answer_that_the_client_began_is_continued_as_one_turn(bench: Bench, client: str) -> None:
    lane = bench.lane("once", (client, client), cut(client), answered(client, FROM_B))
    turns = [{"role": "user", "content": "Count"}, {"role": "assistant", "content": "Counting: "}]
    begins: dict[str, Any] = {"input" if client == "responses" else "messages": turns}
    outcome = bench.ask(client, lane, **begins)
    assert outcome.said == WHOLE
    given = begun(asked(lane, "b")[0], client)
    assert "".join(given) == "Counting: " + SAID.rstrip()
    assert len(given) == (2 if client == "responses" else 1)
