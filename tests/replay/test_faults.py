"""`penstock replay` of the sixteen faults: through its own chain the same comes of each, and it prints what happened."""

from __future__ import annotations

import io
import re

import pytest

from pipeline.replay.compare import same
from pipeline.replay.recording import Recording, recording
from pipeline.replay.run import Replay, replay
from pipeline.replay.show import show
from tests.replay.recorded import TracedGateway
from tests.support.virtual_passes import Fault
from tests.test_faults_virtual import FAULTS

CLIENT, A, B = "messages", "chat", "responses"

SAYS = {
    "F01": ["answered by   a-chat/model-a", "a-chat/model-a (rate_limit); a-chat/model-a (complete)"],
    "F02": ["answered by   b-responses/model-b", "a-chat/model-a (rate_limit); b-responses/model-b (complete)"],
    "F03": ["answered by   a-chat/model-a", "a-chat/model-a (provider); a-chat/model-a (complete)"],
    "F04": ["answered by   b-responses/model-b", "a-chat/model-a (overloaded); a-chat/model-a (overloaded)"],
    "F05": ["answered by   b-responses/model-b", "a-chat/model-a (unreachable)"],
    "F06": ["answered by   b-responses/model-b", "a-chat/model-a (timeout)", "first_event_timeout after 120 s"],
    "F07": ["answered by   b-responses/model-b", "a-chat/model-a (timeout)", "first_event_timeout after 120 s"],
    "F08": ["answered by   a-chat/model-a   a-chat/model-a", "(in-band)"],
    "F09": ["a-chat/model-a (timeout)"],
    "F10": ["a-chat/model-a (bad_reply)"],
    "F11": ["answered by   a-chat/model-a", "a-chat/model-a (complete)", "well"],
    "F12": ["a-chat/model-a (context_length)"],
    "F13": ["answered by   a-chat/model-a", "well"],
    "F14": ["a-chat/model-a (cut)"],
    "F15": ["answered by   b-responses/model-b", "a-chat/model-a (overloaded)"],
    "F16": ["answered by   b-responses/model-b", "a-chat/model-a (overloaded)"],
}
"""What the table says in both columns, by fault."""


def printed(result: Replay, digest: str = "") -> str:
    """What a person sees in a pipe."""
    out = io.StringIO()
    show(result, digest, out)
    return out.getvalue()


def recorded(fault: Fault, chain: str, *, stream: bool) -> tuple[TracedGateway, Recording]:
    gateway = TracedGateway(chain, A, B, fault.a, fault.b)
    return gateway, recording(gateway.trace(CLIENT, stream=stream))


@pytest.mark.parametrize(
    ("fault", "chain", "stream"),
    [
        pytest.param(fault, chain, stream, id=f"{fault}-{'stream' if stream else 'body'}-{chain}")
        for fault in FAULTS
        for chain in fault.chains
        for stream in fault.streamed
    ],
)
def test_through_its_own_chain_the_same_comes_of_a_fault(
    fault: Fault, chain: str, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    gateway, request = recorded(fault, chain, stream=stream)
    result = replay(request, gateway.config, None, "healthy")
    said = printed(result, gateway.config.digest)
    assert same(result.recorded, result.replayed), said
    assert "The replay is faithful" in said
    assert result.unknown == {}
    assert result.notes == ()
    if stream and chain == "default":
        # Long lines of the table are folded.
        flat = re.sub(r"\s+", " ", said)
        for words in SAYS[fault.id]:
            assert re.sub(r"\s+", " ", words) in flat, said


def test_every_fault_has_its_words() -> None:
    assert SAYS.keys() == {fault.id for fault in FAULTS}


def test_a_candidate_that_was_passed_over_is_taken_as_down() -> None:
    fault = next(fault for fault in FAULTS if fault.id == "F02")
    gateway = TracedGateway("default", A, B, fault.a, fault.b)
    gateway.trace(CLIENT, stream=True)
    second = recording(gateway.trace(CLIENT, stream=True))
    assert [attempt.candidate for attempt in second.attempts] == ["b-responses/model-b"]
    result = replay(second, gateway.config, None, "healthy")
    assert same(result.recorded, result.replayed)
    assert result.notes == ("a-chat/model-a stands before who was asked and was not asked itself: its breaker is taken as open.",)


def test_what_the_marbles_show_of_a_failover(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    fault = next(fault for fault in FAULTS if fault.id == "F06")
    gateway, request = recorded(fault, "default", stream=True)
    lines = printed(replay(request, gateway.config, None, "healthy"), gateway.config.digest).splitlines()
    assert max(map(len, lines)) <= 80
    first = lines.index("recorded  through the chain default")
    second = lines.index("replayed  through the chain default")
    diagram = lines[first + 1 : second - 1]
    assert [line[:26].rstrip() for line in diagram if line[:26].strip()] == [
        "1 a-chat/model-a wire",
        "1 a-chat/model-a decoded",
        "1 a-chat/model-a attempt",
        "2 b-responses/model-b wire",
        "2 b-respon…model-b decoded",
        "2 b-respon…model-b attempt",
        "answer",
        "client",
    ]
    by_label = {line[:26].rstrip(): line[28:] for line in diagram}
    assert by_label["1 a-chat/model-a wire"] == "^//-!"
    assert by_label["1 a-chat/model-a attempt"] == "^//-#"
    # B is asked in the very column in which A was let go.
    assert by_label["2 b-respon…model-b decoded"].startswith("    ^o")
    # The same marks on the same axis, but for those of bytes: what is written of texts that are made up.
    again = lines[second + 1 : second + len(diagram) + 1]
    events = [line for line in diagram if "wire" not in line and "client" not in line]
    assert [line for line in again if "wire" not in line and "client" not in line] == events
