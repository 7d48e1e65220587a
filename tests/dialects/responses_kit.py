"""What the tests of the Responses dialect share: recordings, the official SDK as judge, and short ways to make answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openai import omit
from openai._models import construct_type
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from pipeline.dialects.responses import RESPONSES
from pipeline.events import Batch, Event
from pipeline.request import Answering, Losses
from pipeline.wire.sse import SseReader
from tests.support.neutral import Answer, Block, from_responses

ROOT: Final = Path(__file__).resolve().parents[2]
TRANSCRIPTS: Final = sorted((ROOT / "tests" / "transcripts" / "responses").glob("*.sse"))
CORPUS: Final = ROOT.parent / "shared" / "corpus" / "openai_responses"
TYPED: Final[TypeAdapter[Any]] = TypeAdapter(ResponseStreamEvent)


@dataclass(frozen=True)
class Recorded:
    """One recorded exchange of the corpus."""

    name: str
    stream: bool
    status: int
    features: frozenset[str]

    @property
    def response(self) -> bytes:
        return (CORPUS / f"{self.name}.response.{'sse' if self.stream and self.status == 200 else 'json'}").read_bytes()

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
    return (ROOT / "tests" / "transcripts" / "responses" / f"{name}.sse").read_bytes()


def wire(*events: dict[str, Any]) -> bytes:
    """An event stream, numbered."""
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': number})}\n\n".encode()
        for number, event in enumerate(events)
    )


def created(id: str = "resp_1") -> dict[str, Any]:
    response = {"id": id, "object": "response", "created_at": 7, "status": "in_progress", "model": "m-1", "output": []}
    return {"type": "response.created", "response": response}


def completed(*output: dict[str, Any], id: str = "resp_1", **more: Any) -> dict[str, Any]:
    response = {**created(id)["response"], "status": "completed", "output": list(output), **more}
    return {"type": f"response.{response['status']}", "response": response}


def decode(data: bytes) -> Batch:
    """One read and the end of the wire, as one batch."""
    decoder = RESPONSES.decoder()
    first = decoder.feed(data)
    last = decoder.close()
    return Batch([*first.events, *last.events], first.raw + last.raw, first.error or last.error)


def answering(body: dict[str, Any] | None = None, **more: Any) -> Answering:
    request = RESPONSES.parse(body or {"model": "m", "input": "hello", "stream": True})
    return Answering(request, "req_0a1B", Losses(), 1_700_000_000, **more)


def encode(events: Iterable[Event], asked: Answering | None = None) -> bytes:
    """A whole stream, a batch an event: no event may depend on its neighbours."""
    encoder = RESPONSES.encoder(asked or answering())
    return b"".join(encoder.feed(Batch([event])) for event in events)


def parsed(data: bytes) -> list[dict[str, Any]]:
    """The JSON of all events of a stream, but for ``[DONE]``."""
    reader = SseReader()
    return [json.loads(each) for _, each in reader.feed(data) + reader.close() if not each.startswith(b"[DONE]")]


def accumulate(data: bytes) -> tuple[Any, list[Any]]:
    """(the response of the terminal event, the finished items) as the SDK's accumulator has them; it raises on a bad stream."""
    state = ResponseStreamState(text_format=omit, input_tools=omit)
    final, items = None, []
    for event in parsed(data):
        typed: Any = construct_type(value=event, type_=ResponseStreamEvent)
        state.handle_event(typed)
        if event["type"] == "response.output_item.done":
            items.append(typed.item)
        elif event["type"] in ("response.completed", "response.incomplete", "response.failed"):
            final = typed.response
    return final, items


def neutral(data: bytes) -> Answer:
    """What a program has after the stream, in the SDK's eyes, without what says nothing."""
    final, items = accumulate(data)
    answer = from_responses(final, items)
    opaques = {item.id: item.encrypted_content for item in items if item.type == "reasoning"}
    if opaques:
        # DI-69: the value of output_item.done counts; some services put another one into the last event.
        _renew(answer.blocks, list(opaques.values()))
    answer.blocks = [block for block in answer.blocks if block.text or block.opaque or block.kind == "tool"]
    for block in answer.blocks:
        block.citations = [(url, title or None) for url, title in block.citations]
    if answer.usage is not None:
        for name in ("cached", "cache_write", "reasoning"):
            setattr(answer.usage, name, getattr(answer.usage, name) or 0)
    return answer


def _renew(blocks: list[Block], opaques: list[str | None]) -> None:
    reasons = [block for block in blocks if block.kind == "reasoning"]
    for block, opaque in zip(reasons, opaques, strict=False):
        block.opaque = opaque or None
