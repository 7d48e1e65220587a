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
from pipeline.providers.demo.schema import Example
from pipeline.request import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)

QUOTED: Final = 400
"""Characters of the user's text that are quoted."""

_PIECES: Final = re.compile(r"\s*(?:\w{1,8}|[^\w\s]{1,3})|\s+")
_KINDS: Final = ((ImagePart, "image"), (FilePart, "file"), (AudioPart, "audio clip"), (ToolResultPart, "tool result"))


@dataclass(slots=True)
class Call:
    name: str
    arguments: str
    custom: bool = False


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
    if request.n > 1:
        raise GatewayError(Kind.BAD_REQUEST, "The demo model gives one answer; `n` must be 1.", param="n")
    turns, begun = _history(request)
    said = _last_text(turns)
    if refuses:
        return Script(refusal=f"I will not answer {_quote(said)}: refusing is what this model is for.")
    script = Script(calls=_calls(request, turns, said, calls))
    if reasons or _thinks(request):
        script.reasoning = _reasoning(turns, said, script.calls)
    script.text = _text(request, turns, said, script.calls)
    if long:
        script.text = "\n".join(f"{number}. {script.text}" for number in range(1, 4000 // max(len(pieces(script.text)), 1) + 2))
    # A begun answer is continued: what the client already has is not said again.
    script.text = script.text.removeprefix(begun)
    _stop(script, request.stop)
    return script


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
    return f"The user wants an answer to {_quote(said[:80])}. There are {_count(len(turns), 'message')} before me. {plan}"


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


def _calls(request: Request, turns: list[Message], said: str, always: bool) -> list[Call]:
    choice = request.tool_choice or ToolChoice("auto")
    offered = [tool for tool in request.tools or [] if isinstance(tool, Tool)]
    if choice.mode == "allowed":
        offered = [tool for tool in offered if tool.name in choice.allowed]
    demanded = choice.mode in ("required", "named", "foreign") or (choice.mode == "allowed" and choice.allowed_mode == "required")
    if choice.mode in ("named", "foreign"):
        offered = [tool for tool in offered if tool.name == choice.name and choice.mode == "named"]
    if demanded and not offered:
        what = f"{choice.name!r}, which is not among `tools`" if choice.name else "a tool that the demo model does not have"
        raise GatewayError(Kind.BAD_REQUEST, f"`tool_choice` demands {what}.", param="tool_choice")
    if choice.mode == "none" or not offered:
        return []
    # After a tool's answer it is the model's turn to speak, unless the choice demands another call.
    free = bool(turns) and turns[-1].role == "user" and not _results(turns)
    named = [tool for tool in offered if _mentions(said, tool.name)] if demanded or free else []
    chosen = named or (offered[:1] if demanded or (always and free) else [])
    if len(chosen) == 1 and re.search(r"\b(?:twice|both)\b", said, re.IGNORECASE):
        chosen = chosen * 2
    if request.parallel_tools is False:
        chosen = chosen[:1]
    return [_call(tool, said) for tool in chosen]


def _mentions(said: str, name: str) -> bool:
    words = re.escape(name).replace("_", "[_ ]").replace(r"\-", "[- ]")
    return re.search(rf"(?<!\w){words}(?!\w)", said, re.IGNORECASE) is not None


def _call(tool: Tool, said: str) -> Call:
    if tool.custom:
        return Call(tool.name, said or "demo", custom=True)
    value = Example(tool.parameters or {"type": "object"}, said).value()
    return Call(tool.name, orjson.dumps(value if isinstance(value, dict) else {}).decode())


def _stop(script: Script, stops: list[str]) -> None:
    """Cut the text before the first of the client's stop sequences. What would have come after it does not come."""
    found = [(script.text.find(stop), stop) for stop in stops if stop and stop in script.text]
    if found:
        place, script.stop_sequence = min(found)
        script.text = script.text[:place]
        script.calls = []
