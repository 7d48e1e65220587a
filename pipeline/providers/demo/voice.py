"""Says a script as neutral events, piece by piece at a pace, within the client's token limit.

Everything follows from the request: two equal runs push equal events. Cancelled, it stops at the next pause.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import orjson

from pipeline.errors import GatewayError, Kind
from pipeline.events import (
    Batch,
    BlockEnd,
    BlockStart,
    End,
    Event,
    Finish,
    FinishReason,
    Reasoning,
    Refusal,
    Started,
    Text,
    ToolArguments,
    ToolStart,
    Usage,
)
from pipeline.providers.demo.calls import Call
from pipeline.providers.demo.script import Script, pieces
from pipeline.request import FilePart, ReasoningPart, Request, TextPart, Tool, ToolCallPart, ToolResultPart

BREAKS_AFTER: Final = 10
"""Pieces that a drill says before it does what it is for."""

FLAT_PRICE: Final = 256
"""Tokens for what is no text: an image, a file by reference, an audio clip."""

Ending = Literal["well", "cut", "stall"]
Push = Callable[[Batch], None]
Pause = Callable[[float], Awaitable[None]]


async def for_ever() -> None:
    """Wait until cancelled."""
    await asyncio.get_running_loop().create_future()


class Voice:
    """One answer being said.

    Args:
        pace: pieces a second; infinite: no pause.
        ending: ``cut`` raises a GatewayError (CUT) after some pieces, ``stall`` falls silent there.
    """

    def __init__(self, request: Request, model: str, push: Push, pause: Pause, *, pace: float, ending: Ending) -> None:
        self._request = request
        self._model = model
        self._push = push
        self._pause = pause
        self._gap = 1.0 / pace
        self._ending = ending
        self._said = 0
        self._reasoned = 0
        self._block = 0
        self._seed = _seed(request, model)

    async def speak(self, script: Script) -> None:
        """Say all of it, up to ``End``."""
        # What this model knows of its usage is exact: it has no cache, so nothing came from one.
        prompt = input_tokens(self._request)
        self._push(
            Batch([Started(id=f"demo-{self._seed[:24]}", model=self._model), Usage(input=prompt, cache_read=0, cache_write=0)])
        )
        await self._pause(min(8 * self._gap, 1.0))
        whole = await self._reason(script.reasoning) if script.reasoning else True
        if whole and script.refusal:
            whole = await self._run(script.refusal, BlockStart(self._block, "refusal"), Refusal)
        if whole and script.text:
            whole = await self._run(script.text, BlockStart(self._block, "text"), Text)
        if whole:
            whole = await self._call(script.calls)
        if self._ending != "well":
            await self._break()
        finish = Finish(_why(script, whole), stop_sequence=script.stop_sequence if whole else None)
        usage = Usage(input=prompt, output=self._said, cache_read=0, cache_write=0, reasoning=self._reasoned)
        self._push(Batch([finish, usage, End()]))

    async def _reason(self, text: str) -> bool:
        thinking = self._request.thinking
        asked = thinking.summary if thinking is not None else None
        start, end = BlockStart(self._block, "reasoning"), BlockEnd(self._block, f"demo-{self._seed[24:64]}", "signature")
        if asked == "omitted":
            return await self._hide(len(pieces(text)), start, end)
        whole = await self._run(text, start, lambda block, piece: Reasoning(block, piece, summary=asked is not None), end)
        self._reasoned = self._said
        return whole

    async def _hide(self, tokens: int, start: Event, end: Event) -> bool:
        """Reasoning that the client wants left out: thought and counted all the same, but only its proof comes."""
        limit = self._request.max_tokens
        self._said = self._reasoned = tokens if limit is None else min(tokens, limit)
        await self._pause(self._said * self._gap)
        self._push(Batch([start, end]))
        self._block += 1
        return self._said == tokens

    async def _call(self, calls: list[Call]) -> bool:
        for number, call in enumerate(calls):
            # Half a call is of no use to anybody: it comes whole or not at all.
            limit = self._request.max_tokens
            if limit is not None and self._said + len(pieces(call.arguments)) > limit:
                return False
            start = ToolStart(self._block, f"call_{self._seed[:22]}{number:02d}", call.name, custom=call.custom)
            await self._run(call.arguments, start, ToolArguments)
        return True

    async def _run(self, text: str, start: Event, make: Callable[[int, str], Event], end: BlockEnd | None = None) -> bool:
        """One block. False: the token limit came before its end."""
        block = self._block
        opening = [start]
        whole = True
        for piece in pieces(text):
            if self._said == self._request.max_tokens:
                whole = False
                break
            if self._said == BREAKS_AFTER and self._ending != "well":
                await self._break()
            self._push(Batch([*opening, make(block, piece)]))
            opening = []
            self._said += 1
            await self._pause(self._gap)
        if not opening:
            self._push(Batch([end or BlockEnd(block)]))
            self._block += 1
        return whole

    async def _break(self) -> None:
        if self._ending == "stall":
            await for_ever()
        raise GatewayError(Kind.CUT, from_provider=True)


def _why(script: Script, whole: bool) -> FinishReason:
    if not whole:
        return "length"
    if script.refusal:
        return "refusal"
    if script.stop_sequence is not None:
        return "stop_sequence"
    return "tool_calls" if script.calls else "stop"


def _seed(request: Request, model: str) -> str:
    """Hexadecimal digits that follow from the request alone: two equal runs have equal ids, two turns have not."""
    body = orjson.dumps(request.body, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(model.encode() + b"\0" + body).hexdigest()


def input_tokens(request: Request) -> int:
    """What the demo model counts for a request: four characters are a token, what is no text has a flat price."""
    tokens = 0
    for message in request.messages:
        tokens += 3
        for part in message.parts:
            tokens += sum(map(_price, part.parts)) if isinstance(part, ToolResultPart) else _price(part)
    for tool in request.tools or []:
        tokens += len(orjson.dumps(tool.parameters if isinstance(tool, Tool) else tool.native)) // 4 + 3
    return tokens


def _price(part: object) -> int:
    if isinstance(part, (TextPart, ReasoningPart)):
        return -(-len(part.text) // 4)
    if isinstance(part, ToolCallPart):
        return -(-(len(part.name) + len(part.arguments)) // 4)
    if isinstance(part, FilePart) and part.text is not None:
        return -(-len(part.text) // 4)
    return FLAT_PRICE
