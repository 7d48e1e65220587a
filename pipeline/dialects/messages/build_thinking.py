"""How hard the model shall think, as its generation takes it: by effort, or by a budget of tokens (DI-220 to DI-232)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.request import Losses, Target, Thinking

# DI-220, DI-221
OFF: Final = ("none", "minimal")
# DI-222 to DI-226, in tokens.
BUDGETS: Final[Mapping[str, int]] = {"low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 65536}
# The same, back from a budget: below a limit.
EFFORTS: Final = ((4096, "low"), (16384, "medium"), (32768, "high"), (65536, "xhigh"))
# DI-227
LEAST_BUDGET: Final = 1024

Body = dict[str, Any]


def add_thinking(body: Body, asked: Thinking, target: Target, losses: Losses, *, dialect: str) -> None:
    """Put ``thinking`` and ``output_config.effort`` into a body that already has its messages, tools and limit.

    Raises GatewayError (400): a tool is demanded of a model that cannot think then (DI-196).
    """
    if target.options.get("reasoning") is False:
        # DI-232
        losses.hint("reasoning")
        return
    if asked.effort is None and asked.budget is None:
        # DI-229: none is made up, so there is nothing to see either.
        if asked.summary not in (None, "omitted"):
            losses.hint("reasoning.summary")
        return
    thinking = _adaptive(body, asked) if target.thinking == "adaptive" else _budget(body, asked, losses)
    if thinking["type"] != "disabled":
        display = _display(asked, dialect)
        if display is not None:
            thinking["display"] = display
    body["thinking"] = thinking


def _adaptive(body: Body, asked: Thinking) -> Body:
    effort = asked.effort or next((name for limit, name in EFFORTS if (asked.budget or 0) < limit), "max")
    if effort != "none":
        body["output_config"] = {"effort": "low" if effort in OFF else effort}
    return {"type": "disabled" if effort in OFF else "adaptive"}


def _budget(body: Body, asked: Thinking, losses: Losses) -> Body:
    limit = body["max_tokens"]
    # DI-227
    if asked.effort in OFF or limit <= LEAST_BUDGET:
        return {"type": "disabled"}
    if _unproven(body["messages"]):
        # TR-C22: in the middle of tool calls such a model refuses to go on thinking without the proofs of what it thought.
        losses.hint("reasoning")
        return {"type": "disabled"}
    if body.get("tool_choice", {}).get("type") in ("any", "tool"):
        # DI-196
        losses.significant("tool_choice", "The model cannot be made to call a tool while it thinks.")
        body["tool_choice"]["type"] = "auto"
        body["tool_choice"].pop("name", None)
    budget = BUDGETS.get(asked.effort or "", asked.budget or LEAST_BUDGET)
    return {"type": "enabled", "budget_tokens": min(max(budget, LEAST_BUDGET), limit - 1)}


def _display(asked: Thinking, dialect: str) -> str | None:
    # DI-208. Chat has no word for it, so the provider's own default holds.
    if asked.summary is None and dialect == "chat":
        return None
    return "omitted" if asked.summary in (None, "omitted") else "summarized"


def _unproven(messages: list[Body]) -> bool:
    """Whether the turn that the model is to go on with calls tools, and does not begin with what the model thought."""
    if len(messages) < 2 or messages[-2]["role"] != "assistant" or isinstance(messages[-2]["content"], str):
        return False
    blocks = messages[-2]["content"]
    return any(block["type"] == "tool_use" for block in blocks) and "thinking" not in blocks[0]["type"]
