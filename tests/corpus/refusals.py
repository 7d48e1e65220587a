"""Which recorded requests may be refused by name when the provider speaks another dialect, and under which rule.

A refusal that no row names is a failure; so is one that does not name the field at fault.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.support.typed import faults


@dataclass(frozen=True)
class Rule:
    """Both dialects are regular expressions, as is ``param``; ``about`` must be found in the message."""

    client: str
    provider: str
    param: str
    about: str
    why: str


_PLACE: Final = r"(messages|input|system)(\[\d+\])?.*"
_HOSTED: Final = (
    "web_search_call|file_search_call|code_interpreter_call|image_generation_call|computer_call|mcp_|local_shell|shell_call"
    "|apply_patch|tool_search|additional_tools|item_reference|compaction|program|custom_tool"
    "|server_tool_use|_tool_result|mcp_tool|container_upload|search_result|tool_reference"
)

RULES: Final[tuple[Rule, ...]] = (
    Rule(".*", ".*", _PLACE, "file id", "DI-153 a file id is known to one provider only"),
    Rule(
        ".*",
        ".*",
        _PLACE,
        "files|media type|image",
        "DI-152, DI-154 a kind of file or image that others do not take",
    ),
    Rule("chat", ".*", _PLACE, "audio", "DI-155 audio input"),
    Rule(".*", ".*", _PLACE, _HOSTED, "DI-158 an item or block of a hosted tool"),
    Rule(".*", "messages", _PLACE, "JSON object", "DI-165 arguments that are no JSON object"),
    Rule(".*", "messages", _PLACE, "no call|no result", "DI-169 results without call, calls without result"),
    Rule("messages", ".*", "mcp_servers", "", "DI-158 hosted tools of the provider"),
    Rule("chat", ".*", "web_search_options", "", "DI-191 hosted search"),
    Rule(".*", ".*", "tool_choice", "tool", "DI-191 a tool choice that demands a hosted tool"),
    Rule(".*", "responses", "stop|stop_sequences", "", "DI-201 stop sequences"),
    Rule("messages", "chat", "stop_sequences", "", "DI-201 more than four stop sequences"),
    Rule("chat", ".*", "n", "", "DI-202 several answers"),
    Rule(".*", "messages", "logprobs|top_logprobs|include", "", "DI-203 log probabilities"),
    Rule("chat", ".*", "logit_bias", "", "DI-206 bias of tokens"),
    Rule(".*", "messages", "response_format|text.format", "", "DI-210 JSON without a schema"),
    Rule("responses", ".*", "previous_response_id|conversation|prompt|background", "", "DI-215 state that a provider keeps"),
    Rule("chat", ".*", "modalities|audio", "", "DI-218 audio output"),
)


def allowed(client: str, provider: str, request: Mapping[str, Any], error: Mapping[str, Any]) -> str | None:
    """The rule that allows this refusal, or None. Anthropic's errors have no ``param``: there the message names the field."""
    message = str(error["message"])
    for rule in RULES:
        fits = re.fullmatch(rule.client, client) and re.fullmatch(rule.provider, provider)
        if fits and any(re.fullmatch(rule.param, name) for name in _named(error)) and re.search(rule.about, message):
            return rule.why
    # Some recordings are of requests that their own provider refused, or of providers that take more than the dialect has.
    if re.search("Invalid|Missing required", message) and faults(client, dict(request)):
        return "DI-114 not a request of its own dialect"
    return None


def _named(error: Mapping[str, Any]) -> list[str]:
    """The fields that an error names: in ``param``, or at the head of its message or in quotes in it."""
    if "param" in error:
        return [str(error["param"])]
    message = str(error["message"])
    return [message.partition(": ")[0], *re.findall(r"'(\w+)'", message)]
