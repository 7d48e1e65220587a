"""What a request says, so that the recorded one and the one that the provider got can be compared across dialects.

Instructions, the turns' texts and images in order, calls and results. White space between texts is nobody's content: dialects
join texts in their own ways. What only one dialect can say (hosted items, reasoning) is not looked at here; what arrives in
another form (a document as text, an image behind its result) may stand between the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

from tests.support.heard import Turn, heard

PORTABLE_ID: Final = re.compile(r"[A-Za-z0-9_-]+")


def lost(client: str, asked: Mapping[str, Any], provider: str, received: Mapping[str, Any]) -> list[str]:
    """What the client said and the provider was not told, or not in that order; a line for the first of it."""
    system, turns = _gist(client, asked)
    told, there = _gist(provider, received)
    if system not in told and not (told == "" and not turns and any(system in str(turn[2]) for turn in there)):
        return [f"instructions lost: {system[:80]!r} is not in {told[:80]!r}"]
    offered = dict(heard(provider, received).tools)
    # DI-197: Messages has no list of tools that may be called, so the model sees only those.
    choice = asked.get("tool_choice")
    limited = provider == "messages" and isinstance(choice, dict) and choice.get("type") == "allowed_tools"
    for name, schema in heard(client, asked).tools:
        if limited and f"'{name}'" not in str(choice):
            continue
        if name not in offered or (schema and offered[name] != schema):
            return [f"the tool {name!r} was lost or changed"]
    left = iter(_ordered(there, provider))
    for turn in _ordered(turns, provider):
        if not any(_told(turn, other) for other in left):
            return [f"lost or out of its place: {str(turn)[:200]}"]
    return []


def _told(turn: Turn, other: Turn) -> bool:
    if turn[0] == "call" or turn[1] == "image":
        return turn == other
    return turn[:2] == other[:2] and turn[2] in other[2]


def _ordered(turns: list[Turn], provider: str) -> list[Turn]:
    """DI-94: results answer their calls by id, in whatever order. DI-245: in Chat a turn's calls follow its text."""

    def speaker(turn: Turn) -> str:
        return "assistant" if turn[0] == "call" else str(turn[0])

    ordered: list[Turn] = []
    for who, group in groupby(turns, speaker):
        run = list(group)
        if who == "result":
            run.sort(key=lambda turn: str(turn[1]))
        elif who == "assistant" and provider == "chat":
            texts = "".join(turn[2] for turn in run if turn[0] != "call")
            calls = [turn for turn in run if turn[0] == "call"]
            run = [("assistant", "text", texts), *calls] if texts else calls
        ordered += run
    return ordered


def _gist(dialect: str, body: Mapping[str, Any]) -> tuple[str, list[Turn]]:
    """(all instructions, the rest in order)."""
    system, rest = "", list[Turn]()
    for turn in heard(dialect, body).turns:
        if turn[0] == "call":
            rest.append(("call", _id(turn[1]), turn[2], {"input": turn[3]} if isinstance(turn[3], str) else turn[3]))
        elif turn[0] == "result":
            rest.append(("result", _id(turn[1]), _bare(turn[2])))
        elif turn[0] == "system":
            # DI-146: where instructions may stand is each dialect's own matter.
            system += _bare(turn[2]) if turn[1] == "text" else ""
        elif turn[1] == "text":
            text = _bare(turn[2])
            if rest and rest[-1][:2] == turn[:2]:
                rest[-1] = (turn[0], "text", rest[-1][2] + text)
            elif text:
                rest.append((turn[0], "text", text))
        elif turn[1] == "image":
            rest.append(turn)
    return system, rest


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _id(ident: str) -> str:
    """DI-164: an id with characters that Messages does not take is written in another way."""
    return ident if PORTABLE_ID.fullmatch(ident) and not ident.startswith("penstock-id-") else "(written otherwise)"
