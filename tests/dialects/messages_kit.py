"""What the tests of the Messages dialect's answers share: recordings, the official SDK as judge, short ways to make answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import anthropic
import httpx2
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message

from pipeline.dialects.codec import Decoder
from pipeline.dialects.messages import MESSAGES
from pipeline.events import Batch, Event, Ping
from pipeline.request import Answering, Losses
from tests.support.neutral import Answer, from_messages

ROOT: Final = Path(__file__).resolve().parents[2]
TRANSCRIPTS: Final = sorted((ROOT / "tests" / "transcripts" / "messages").glob("*.sse"))
CORPUS: Final = ROOT.parent / "shared" / "corpus" / "anthropic_messages"


@dataclass(frozen=True)
class Recorded:
    """One recorded exchange of the corpus."""

    name: str
    stream: bool
    status: int
    features: frozenset[str]

    @property
    def response(self) -> bytes:
        return next(CORPUS.glob(f"{self.name}.response.*")).read_bytes()


def recorded() -> Iterator[Recorded]:
    """All exchanges of the corpus; none where it is absent."""
    for path in sorted(CORPUS.glob("*.meta.json")):
        meta = json.loads(path.read_bytes())
        yield Recorded(path.name.removesuffix(".meta.json"), meta["stream"], meta["status"], frozenset(meta["features"]))


def transcript(name: str) -> bytes:
    return (ROOT / "tests" / "transcripts" / "messages" / f"{name}.sse").read_bytes()


def event(name: str, **fields: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


def start(**more: Any) -> bytes:
    """``message_start``."""
    message: dict[str, Any] = {"id": "msg_p1", "type": "message", "role": "assistant", "model": "claude-1", "content": []}
    message |= {"stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
    return event("message_start", message={**message, **more})


def block(index: int, native: dict[str, Any], *deltas: dict[str, Any], stop: bool = True) -> bytes:
    """A whole block."""
    told = [event("content_block_start", index=index, content_block=native)]
    told += [event("content_block_delta", index=index, delta=delta) for delta in deltas]
    return b"".join(told) + (event("content_block_stop", index=index) if stop else b"")


def text(index: int, *pieces: str) -> bytes:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in pieces))


def call(index: int, *pieces: str, id: str = "toolu_1", name: str = "look") -> bytes:
    native = {"type": "tool_use", "id": id, "name": name, "input": {}}
    return block(index, native, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def finish(reason: str | None = "end_turn", usage: dict[str, Any] | None = None, **more: Any) -> bytes:
    """``message_delta``."""
    delta = {"stop_reason": reason, "stop_sequence": None, **more}
    return event("message_delta", delta=delta, usage=usage or {"output_tokens": 5})


STOP: Final = event("message_stop")
END: Final = finish() + STOP


def decode(data: bytes, step: int | None = None, decoder: Decoder | None = None) -> Batch:
    """The whole wire, in reads of ``step`` bytes, as one batch without signs of life."""
    decoder = decoder or MESSAGES.decoder()
    pieces = [data] if step is None else [data[at : at + step] for at in range(0, len(data), step)]
    batches = [decoder.feed(piece) for piece in pieces]
    batches.append(decoder.close())
    events = [each for batch in batches for each in batch.events if type(each) is not Ping]
    errors = [batch.error for batch in batches if batch.error is not None]
    assert len(errors) < 2
    return Batch(events, b"".join(batch.raw for batch in batches), errors[0] if errors else None)


def decode_body(payload: Any) -> Batch:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decode(data, 50, MESSAGES.body_decoder())


def no_seal(kind: str, value: str) -> str | None:
    return None


def envelope(kind: str, value: str) -> str | None:
    """Stands for the gateway's seal."""
    return f"sealed:{kind}:{value}"


def answering(**more: Any) -> Answering:
    request = MESSAGES.parse({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}], "stream": True})
    return Answering(request, "req_0a1B", Losses(), 1_700_000_000, **{"seal": envelope, **more})


def encode(events: Iterable[Event], asked: Answering | None = None) -> bytes:
    """A whole stream, a batch an event: no event may depend on its neighbours."""
    encoder = MESSAGES.encoder(asked or answering())
    return b"".join(encoder.feed(Batch([each])) for each in events)


def encode_body(events: list[Event], asked: Answering | None = None) -> bytes:
    return MESSAGES.body_encoder(asked or answering()).feed(Batch(events))


def payloads(data: bytes) -> list[Any]:
    """The JSON of all events of a stream of ours; each has its type as its name (TR-S11)."""
    out = []
    for part in data.removesuffix(b"\n\n").split(b"\n\n"):
        name, _, value = part.partition(b"\n")
        payload = json.loads(value.removeprefix(b"data: "))
        assert name == b"event: " + payload["type"].encode()
        out.append(payload)
    return out


def _sdk(data: bytes, content_type: str) -> anthropic.Anthropic:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=data, headers={"content-type": content_type})

    client = httpx2.Client(transport=httpx2.MockTransport(answer))
    return anthropic.Anthropic(api_key="test-key", base_url="http://provider.test", http_client=client, max_retries=0)


def accumulate(data: bytes) -> Message:
    """What a program has after the stream, as the official SDK reads and accumulates it. Raises what the SDK raises."""
    message: Any = None
    buffers: dict[int, bytes] = {}
    with _sdk(data, "text/event-stream") as client:
        for each in client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}], stream=True):
            message = accumulate_event(event=each, current_snapshot=message, json_bufs=buffers)
    assert message is not None
    return cast(Message, message)


def message(data: bytes) -> Message:
    """A whole body in the official SDK's eyes."""
    with _sdk(data, "application/json") as client:
        return client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}])


def typed(answer: Message) -> Message:
    """The same, with nothing that the SDK's types do not allow."""
    return Message.model_validate(answer.to_dict(), extra="forbid")


def said(answer: Any) -> Answer:
    """A message in neutral form, without blocks that say nothing and without the totals that the dialect does not tell."""
    neutral = from_messages(answer)
    neutral.blocks = [each for each in neutral.blocks if each.kind in ("tool", "foreign") or each.text or each.opaque]
    return neutral
