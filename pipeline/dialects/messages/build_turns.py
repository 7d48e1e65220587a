"""Turns of a neutral request as Messages turns: roles merged, results right behind their calls, instructions in their place."""

from __future__ import annotations

from typing import Any

from pipeline.dialects.fields import fault
from pipeline.dialects.messages.content import Block, Content, bare
from pipeline.dialects.messages.ids import decode_id
from pipeline.errors import GatewayError
from pipeline.request import Losses, Message, Request, Target, ToolCallPart, ToolResultPart

Turn = dict[str, Any]

INSTRUCTIONS = ("system", "developer")


def write_turns(request: Request, target: Target, losses: Losses) -> tuple[str | list[Block] | None, list[Turn]]:
    """(``system``, ``messages``).

    Raises GatewayError (400): a part cannot be carried; a call without its result, or the reverse (DI-169).
    """
    content = Content(target, losses)
    _note_losses(request.messages, losses)
    instructions: list[Block] = []
    turns: list[Turn] = []
    begun = False
    for message in request.messages:
        content.where = message.where
        blocks = content.blocks(message.parts)
        if message.role not in INSTRUCTIONS:
            begun = True
            _add(turns, message.role, blocks)
        elif begun and target.system_turns:
            _add(turns, "system", blocks)
        else:
            # DI-145, DI-146: later ones are hoisted where the model knows no such turns.
            instructions += blocks
    if not turns:
        if not instructions:
            raise fault("messages", "The request holds no text that is not empty.")
        # The service demands a turn; a request that holds nothing but instructions still asks for an answer.
        return None, [{"role": "user", "content": instructions}]
    if content.tools:
        turns = _paired(turns, request.messages)
    for turn in turns:
        _simplify(turn)
    return _joined(instructions), turns


def _note_losses(messages: list[Message], losses: Losses) -> None:
    roles = set()
    for message in messages:
        roles.add(message.role)
        if message.name is not None:
            losses.hint("messages.name")  # DI-148
    if len(roles) > 1 and roles.issuperset(INSTRUCTIONS):
        losses.hint("developer")  # DI-145: which of the two said it is lost


def _add(turns: list[Turn], role: str, blocks: list[Block]) -> None:
    """DI-149: consecutive turns of a role are one, their blocks apart. TR-C23: what holds nothing is left out."""
    if not blocks:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": blocks})


def _joined(instructions: list[Block]) -> str | list[Block] | None:
    if not instructions:
        return None
    # DI-145: one text, unless cache marks stand on parts of it.
    for block in instructions:
        if not bare(block):
            return instructions
    return "\n\n".join([block["text"] for block in instructions])


def _simplify(turn: Turn) -> None:
    """A turn of one unmarked text is a string, the commonest form."""
    blocks = turn["content"]
    if len(blocks) == 1 and bare(blocks[0]):
        turn["content"] = blocks[0]["text"]


def _paired(turns: list[Turn], messages: list[Message]) -> list[Turn]:
    """DI-94, TR-C14: behind each turn with calls a user turn that begins with their results, in the order of the calls."""
    results: dict[str, list[Block]] = {}
    for turn in turns:
        for block in turn["content"]:
            if block["type"] == "tool_result":
                results.setdefault(block["tool_use_id"], []).append(block)
    paired: list[Turn] = []
    for turn in turns:
        _add(paired, turn["role"], [block for block in turn["content"] if block["type"] != "tool_result"])
        for block in turn["content"]:
            if block["type"] == "tool_use":
                # Some providers use an id again in a later turn; then each call takes the next result.
                waiting = results.get(block["id"])
                if not waiting:
                    raise _unpaired(ToolCallPart, block["id"], messages)
                _add(paired, "user", [waiting.pop(0)])
    for ident, left in results.items():
        if left:
            raise _unpaired(ToolResultPart, ident, messages)
    return paired


def _unpaired(kind: type[ToolCallPart] | type[ToolResultPart], ident: str, messages: list[Message]) -> GatewayError:
    """DI-169: a 400 that names the message and the id as the client wrote it."""
    where, said = "messages", decode_id(ident)
    for message in messages:
        for part in message.parts:
            if isinstance(part, kind) and said == (part.id if isinstance(part, ToolCallPart) else part.call_id):
                where = message.where
    has, lacks = ("tool call", "result") if kind is ToolCallPart else ("tool result", "call")
    return fault(where, f"The {has} '{said[:64]}' in '{where}' has no {lacks} that belongs to it.")
