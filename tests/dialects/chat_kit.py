"""What the tests of the Chat dialect share: recordings, the official SDK as judge, and short ways to make answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import openai
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion

from pipeline.dialects.chat import CHAT
from pipeline.dialects.codec import Decoder
from pipeline.errors import GatewayError
from pipeline.events import Batch, End, Event, Ping, Started
from pipeline.request import Answering, Losses
from tests.support.chat import ChatFold, from_chat
from tests.support.neutral import Answer

ROOT: Final = Path(__file__).resolve().parents[2]
TRANSCRIPTS: Final = sorted((ROOT / "tests" / "transcripts" / "chat").glob("*.sse"))
CORPUS: Final = ROOT.parent / "shared" / "corpus" / "openai_chat"


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

    @property
    def request(self) -> dict[str, Any] | None:
        path = CORPUS / f"{self.name}.request.json"
        body = json.loads(path.read_bytes()) if path.is_file() else None
        return body if isinstance(body, dict) else None


def recorded() -> Iterator[Recorded]:
    """All exchanges of the corpus; none where it is absent."""
    for path in sorted(CORPUS.glob("*.meta.json")):
        meta = json.loads(path.read_bytes())
        yield Recorded(path.name.removesuffix(".meta.json"), meta["stream"], meta["status"], frozenset(meta["features"]))


def transcript(name: str) -> bytes:
    return (ROOT / "tests" / "transcripts" / "chat" / f"{name}.sse").read_bytes()


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One event of choice 0."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return event(
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m-1", "choices": [choice], **more}
    )


def event(payload: Any) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


DONE: Final = b"data: [DONE]\n\n"


def call(index: int | None, id: str | None = None, name: str | None = None, arguments: str | None = None) -> dict[str, Any]:
    """A tool call delta; None is absent."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    entry: dict[str, Any] = {"function": function}
    entry |= {key: value for key, value in (("index", index), ("id", id)) if value is not None}
    return {"tool_calls": [entry]}


def decode(data: bytes, step: int | None = None, decoder: Decoder | None = None) -> Batch:
    """The whole wire, in reads of ``step`` bytes, as one batch without signs of life."""
    decoder = decoder or CHAT.decoder()
    pieces = [data] if step is None else [data[at : at + step] for at in range(0, len(data), step)]
    batches = [decoder.feed(piece) for piece in pieces]
    batches.append(decoder.close())
    events = [each for batch in batches for each in batch.events if type(each) is not Ping]
    errors = [batch.error for batch in batches if batch.error is not None]
    assert len(errors) < 2
    return Batch(events, b"".join(batch.raw for batch in batches), errors[0] if errors else None)


def events(*wire: bytes) -> list[Event]:
    """Everything between Started and End of a good stream."""
    batch = decode(b"".join(wire))
    assert batch.error is None
    assert isinstance(batch.events[0], Started)
    assert batch.events[-1] == End()
    return batch.events[1:-1]


def failure(*wire: bytes) -> GatewayError:
    batch = decode(b"".join(wire))
    assert isinstance(batch.error, GatewayError)
    assert End() not in batch.events
    return batch.error


def decode_body(payload: Any) -> Batch:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decode(data, 50, CHAT.body_decoder())


def answering(body: dict[str, Any] | None = None, **more: Any) -> Answering:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": True, **(body or {})}
    return Answering(CHAT.parse(asked), "req_0a1B", Losses(), 1_700_000_000, **more)


def with_usage(**more: Any) -> Answering:
    return answering({"stream_options": {"include_usage": True}}, **more)


def encode(events: Iterable[Event], asked: Answering | None = None) -> bytes:
    """A whole stream, a batch an event: no event may depend on its neighbours."""
    encoder = CHAT.encoder(asked or with_usage())
    return b"".join(encoder.feed(Batch([each])) for each in events)


def encode_body(events: list[Event], asked: Answering | None = None) -> bytes:
    return CHAT.body_encoder(asked or answering()).feed(Batch(events))


def payloads(data: bytes) -> list[Any]:
    """The JSON of all events of a stream of ours, but for ``[DONE]``."""
    return [json.loads(part[6:]) for part in data.split(b"\n\n") if part.startswith(b"data: ") and part != b"data: [DONE]"]


def _sdk(data: bytes, content_type: str) -> openai.OpenAI:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=data, headers={"content-type": content_type})

    client = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="test-key", base_url="http://provider.test/v1", http_client=client, max_retries=0)


def neutral(data: bytes, *, lenient: bool = False) -> Answer:
    """What a program has after the stream, in the official SDK's eyes.

    Its accumulator must hold the same; ``lenient`` leaves it out, for recordings on which it breaks by itself.
    """
    fold, state = ChatFold(), ChatCompletionStreamState()
    with (
        _sdk(data, "text/event-stream") as client,
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], stream=True) as stream,
    ):
        for each in stream:
            fold.feed(each)
            if not lenient:
                state.handle_chunk(each)
    if not lenient:
        final = from_chat(state.current_completion_snapshot)
        assert (final.said(), final.stop, final.usage) == (fold.answer.said(), fold.answer.stop, fold.answer.usage)
        assert sorted(block.id or "" for block in final.tools) == sorted(block.id or "" for block in fold.answer.tools)
    fold.end()
    return fold.answer


def completion(data: bytes) -> ChatCompletion:
    """A whole body in the official SDK's eyes."""
    with _sdk(data, "application/json") as client:
        return client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
