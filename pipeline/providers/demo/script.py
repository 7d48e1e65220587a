"""What the demo model says to a request: decided whole before the first word, by nothing but the request.

It quotes the last user text and tells what it saw. It calls a tool when the choice demands one or the text names one, and
answers from the results. Structured output is a document that is valid for the schema. The same request gives the same script.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import orjson

from pipeline.errors import GatewayError, Kind
from pipeline.providers.demo.calls import Call, choose
from pipeline.providers.demo.schema import Example
from pipeline.request import (
    AudioPart,
    FilePart,
    ForeignPart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

QUOTED: Final = 400
"""Characters of the user's text that are quoted."""

_PIECES: Final = re.compile(r"\s*(?:\w{1,8}|[^\w\s]{1,3})|\s+")
_KINDS: Final = ((ImagePart, "image"), (FilePart, "file"), (AudioPart, "audio clip"), (ToolResultPart, "tool result"))


@dataclass(slots=True)
class Script:
    """What is said, in this order."""

    reasoning: str = ""
    refusal: str = ""
    text: str = ""
    calls: list[Call] = field(default_factory=list)
    stop_sequence: str | None = None
    """The client's stop sequence that ended the text."""


def pieces(text: str) -> list[str]:
    """The text cut into tokens of our own: a short word or mark with the space before it; joined they are the text.

    >>> pieces("Hello, world!")
    ['Hello', ',', ' world', '!']
    """
    return _PIECES.findall(text)


def write(request: Request, *, reasons: bool, calls: bool, refuses: bool, long: bool) -> Script:
    """The script for a request.

    Args:
        reasons: reason also when it was not asked for.
        calls: call a tool whenever one is offered and no result has come yet.
        refuses: answer with a refusal.
        long: make the text some thousand pieces long.

    Raises:
        GatewayError: the request demands what the demo model cannot do (400).
    """
    _refuse(request)
    turns, begun = _history(request)
    said = _last_text(turns)
    if refuses:
        return Script(refusal=f"I will not answer {_quote(said)}: refusing is what this model is for.")
    script = Script(calls=choose(request, said, spoken_to=_is_spoken_to(turns), always=calls))
    if reasons or _thinks(request):
        script.reasoning = _reasoning(turns, said, script.calls)
    script.text = _text(request, turns, said, script.calls)
    if long:
        script.text = "\n".join(f"{number}. {script.text}" for number in range(1, 4000 // max(len(pieces(script.text)), 1) + 2))
    # A begun answer is continued: what the client already has is not said again.
    script.text = script.text.removeprefix(begun)
    _stop(script, request.stop)
    return script


def _refuse(request: Request) -> None:
    """What this model would have to leave out although it changes the answer is refused by name (DI-140)."""
    if request.n > 1:
        raise _lacking("n", "The demo model gives one answer; `n` must be 1.")
    for extra in request.extra:
        if extra.significant:
            raise _lacking(extra.name, f"The demo model has nothing like `{extra.name}`.")
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ForeignPart):
                raise _lacking(message.where, f"The demo model does not know `{part.kind}` (in `{message.where}`).")


def _lacking(param: str, text: str) -> GatewayError:
    return GatewayError(Kind.BAD_REQUEST, text, param=param, code="unsupported_by_provider")


def _is_spoken_to(turns: list[Message]) -> bool:
    """Whether a user spoke last. After a tool's answer it is the model's turn to speak."""
    return bool(turns) and turns[-1].role == "user" and not _results(turns)


def _history(request: Request) -> tuple[list[Message], str]:
    """The turns up to the last one of the client's side, and the begin of the answer that may follow it (prefill)."""
    turns = list(request.messages)
    begun: list[str] = []
    while turns and turns[-1].role == "assistant":
        begun.insert(0, "".join(part.text for part in turns.pop().parts if isinstance(part, TextPart)))
    return turns, "".join(begun)


def _last_text(turns: list[Message]) -> str:
    for turn in reversed(turns):
        if turn.role == "user":
            text = "\n".join(part.text for part in turn.parts if isinstance(part, TextPart)).strip()
            if text:
                return text
    return ""


def _quote(text: str) -> str:
    if not text:
        return "a message without text"
    return f"“{text if len(text) <= QUOTED else text[: QUOTED - 1] + '…'}”"


def _thinks(request: Request) -> bool:
    thinking = request.thinking
    return thinking is not None and thinking.effort != "none" and thinking.mode != "disabled"


def _reasoning(turns: list[Message], said: str, calls: list[Call]) -> str:
    plan = f"I call {' and '.join(call.name for call in calls)}." if calls else "I can answer that at once."
    return f"The user wants an answer to {_quote(said[:80])}. I see {_count(len(turns), 'message')}. {plan}"


def _results(turns: list[Message]) -> list[ToolResultPart]:
    """The tool results of the last turn, in their order."""
    return [part for part in turns[-1].parts if isinstance(part, ToolResultPart)] if turns else []


def _text(request: Request, turns: list[Message], said: str, calls: list[Call]) -> str:
    if calls:
        return f"I will ask {' and '.join(dict.fromkeys(call.name for call in calls))}."
    wanted = request.format
    if wanted is not None and wanted.kind == "json_schema":
        return orjson.dumps(Example(wanted.schema or {}, said).value()).decode()
    if wanted is not None and wanted.kind == "json_object":
        return orjson.dumps({"answer": f"You said {_quote(said)}"}).decode()
    results = _results(turns)
    if results:
        names = {part.id: part.name for turn in turns for part in turn.parts if isinstance(part, ToolCallPart)}
        return "\n".join(_retold(names.get(result.call_id, "The tool"), result) for result in results)
    return f"You said: {_quote(said)}. I am the demo model of Penstock, and I saw {_seen(request, turns)}."


def _retold(name: str, result: ToolResultPart) -> str:
    text = " ".join(part.text or "" for part in result.parts if isinstance(part, (TextPart, FilePart))).strip()
    verb = "failed" if result.is_error else "answered"
    return f"{name} {verb}: {_quote(text) if text else 'nothing'}."


def _seen(request: Request, turns: list[Message]) -> str:
    inner: list[Part] = [part for turn in turns for part in turn.parts]
    inner += [part for result in inner if isinstance(result, ToolResultPart) for part in result.parts]
    found = [_count(len(turns), "message")]
    for kind, word in _KINDS:
        number = sum(isinstance(part, kind) for part in inner)
        if number:
            found.append(_count(number, word))
    if request.tools:
        found.append(_count(len(request.tools), "tool"))
    earlier = sum(isinstance(part, (ReasoningPart, RefusalPart)) for part in inner)
    if earlier:
        found.append(_count(earlier, "earlier thought"))
    return ", ".join(found[:-1]) + (" and " if len(found) > 1 else "") + found[-1]


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _stop(script: Script, stops: list[str]) -> None:
    """Cut the text before the first of the client's stop sequences. What would have come after it does not come."""
    found = [(script.text.find(stop), stop) for stop in stops if stop and stop in script.text]
    if found:
        place, script.stop_sequence = min(found)
        script.text = script.text[:place]
        script.calls = []
