"""What any dialect can ask: the neutral request, and what happens to the parts that another dialect cannot carry.

Same dialect on both sides: ``Request.body`` goes out as it came, but for ``model`` (DI-141). Another dialect: ``parse`` of
the client's dialect fills the neutral fields, ``build`` of the provider's dialect reads them. A field that no other dialect
knows lies in ``extra`` with its weight: a hint is dropped and counted, a significant one refused by name (DI-140).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.errors import GatewayError, Kind

Role = Literal["system", "developer", "user", "assistant"]


@dataclass(slots=True)
class TextPart:
    text: str
    cache: dict[str, Any] | None = None
    """Messages ``cache_control`` or Responses ``prompt_cache_breakpoint``, verbatim (DI-147, DI-216)."""
    native: dict[str, Any] | None = None


@dataclass(slots=True)
class ImagePart:
    """An image by ``url``, by ``data`` (base64, with ``media_type``) or by ``file_id``: exactly one of the three."""

    url: str | None = None
    data: str | None = None
    media_type: str | None = None
    file_id: str | None = None
    detail: str | None = None
    cache: dict[str, Any] | None = None


@dataclass(slots=True)
class FilePart:
    """A document by ``data`` (base64), ``text`` (plain), ``url`` or ``file_id``."""

    data: str | None = None
    media_type: str | None = None
    text: str | None = None
    url: str | None = None
    file_id: str | None = None
    filename: str | None = None
    cache: dict[str, Any] | None = None


@dataclass(slots=True)
class AudioPart:
    data: str
    format: str


@dataclass(slots=True)
class RefusalPart:
    text: str


@dataclass(slots=True)
class ReasoningPart:
    """Reasoning in the history. ``opaque`` is valid only for the provider that made it (DI-160, DI-161)."""

    text: str = ""
    summary: list[str] = field(default_factory=list)
    opaque: str | None = None
    opaque_kind: str | None = None
    """signature | redacted | encrypted, as the client's dialect named it."""
    id: str | None = None


@dataclass(slots=True)
class ToolCallPart:
    id: str
    name: str
    arguments: str
    """JSON text exactly as it stood (Messages: compact dump of the object), or free text for a custom tool."""
    custom: bool = False
    cache: dict[str, Any] | None = None


@dataclass(slots=True)
class ToolResultPart:
    call_id: str
    parts: list[TextPart | ImagePart | FilePart]
    is_error: bool = False
    custom: bool = False
    cache: dict[str, Any] | None = None


@dataclass(slots=True)
class ForeignPart:
    """An item or block that only its own dialect knows (hosted tool calls, item references, compaction): significant."""

    kind: str
    native: dict[str, Any]


Part = TextPart | ImagePart | FilePart | AudioPart | RefusalPart | ReasoningPart | ToolCallPart | ToolResultPart | ForeignPart


@dataclass(slots=True)
class Message:
    """One turn, its parts in order. Tool results are parts of a ``user`` message (as in Messages)."""

    role: Role
    parts: list[Part]
    name: str | None = None
    where: str = ""
    """Place in the client's body, for errors: ``messages[3]``, ``input[0]``, ``system``."""


@dataclass(slots=True)
class Tool:
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    custom: bool = False
    format: dict[str, Any] | None = None
    """Custom tools: {type: text} or {type: grammar, definition, syntax} (flat form)."""
    cache: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """Fields that only the client's dialect knows: hints."""


@dataclass(slots=True)
class ForeignTool:
    """A tool kind that only the client's dialect knows: a hint, unless the tool choice demands it."""

    kind: str
    name: str | None
    native: dict[str, Any]


@dataclass(slots=True)
class ToolChoice:
    mode: Literal["auto", "none", "required", "named", "allowed", "foreign"]
    name: str | None = None
    custom: bool = False
    allowed: list[str] = field(default_factory=list)
    allowed_mode: Literal["auto", "required"] = "auto"
    native: Any = None


@dataclass(slots=True)
class Format:
    """Structured output."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


@dataclass(slots=True)
class Thinking:
    """What the client asked of the model's reasoning (DI-207, DI-220 to DI-232). None: not asked."""

    effort: str | None = None
    """none | minimal | low | medium | high | xhigh | max"""
    mode: Literal["enabled", "adaptive", "disabled", "between_tools"] | None = None
    budget: int | None = None
    summary: str | None = None
    """auto | concise | detailed | omitted"""


@dataclass(slots=True)
class Extra:
    """A field without a neutral meaning."""

    name: str
    value: Any
    significant: bool = False
    details: dict[str, Any] | None = None
    """What a refusal tells a Messages client beside its text (``error.details``)."""


@dataclass(slots=True)
class Request:
    """A request in neutral form. ``None`` always means: the client did not say."""

    dialect: str
    model: str
    stream: bool
    body: dict[str, Any]
    """The client's JSON, verbatim."""
    messages: list[Message] = field(default_factory=list)
    tools: list[Tool | ForeignTool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    format: Format | None = None
    thinking: Thinking | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: list[str] = field(default_factory=list)
    n: int = 1
    seed: int | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    user: str | None = None
    """``safety_identifier``, else ``user``, else Messages ``metadata.user_id`` (DI-212)."""
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    verbosity: str | None = None
    store: bool | None = None
    prompt_cache_key: str | None = None
    include_usage: bool = False
    """Chat ``stream_options.include_usage``."""
    extra: list[Extra] = field(default_factory=list)


# DI-85: what a client must do about it differs from other refusals.
_CODES: Mapping[str, str] = {"previous_response_id": "previous_response_not_found"}


class Losses:
    """What could not be carried from one dialect to another, by name; each name once.

    ``hint`` drops and remembers; ``significant`` refuses with a 400 that names the field, unless ``allow`` holds its name.
    """

    __slots__ = ("_allow", "dropped")

    def __init__(self, allow: frozenset[str] = frozenset()) -> None:
        self.dropped: list[str] = []
        self._allow = allow

    def hint(self, name: str) -> None:
        """Remember that ``name`` was dropped. ``name`` comes from the dialect's fields, never from client text."""
        if name not in self.dropped:
            self.dropped.append(name)

    def significant(self, param: str, reason: str, *, name: str | None = None, details: dict[str, Any] | None = None) -> None:
        """Refuse the request: dropping ``param`` would change the answer. Raises GatewayError (400, ``param``, ``details``)."""
        label = name or param
        if label in self._allow:
            self.hint(label)
            return
        raise GatewayError(
            Kind.BAD_REQUEST, reason, param=param, code=_CODES.get(label, "unsupported_by_provider"), details=details
        )


class Sent:
    """One request to a provider: the number of the attempt, what it lost on its way, and when it went out."""

    __slots__ = ("at", "losses", "number", "opened_at")

    at: float
    """Monotonic time at which it was ready to be sent."""
    opened_at: float
    """Monotonic time at which the provider accepted it."""

    def __init__(self, number: int, losses: Losses) -> None:
        self.number = number
        self.losses = losses


def add_known(body: dict[str, Any], fields: Mapping[str, Any]) -> None:
    """Put those of ``fields`` that are known into a body that is being built."""
    for name, value in fields.items():
        if value is not None:
            body[name] = value


def _no_unseal(text: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Target:
    """What a request builder must know of the candidate it builds for."""

    dialect: str
    model: str
    provider: str = ""
    max_tokens: int = 8192
    """Sent to Messages providers when the client gave no limit (DI-200)."""
    thinking: Literal["adaptive", "budget"] = "adaptive"
    """Which form of thinking the Messages model takes (DI-220)."""
    sampling: bool = False
    """Whether the Messages model takes temperature, top_p, top_k (version 2023-06-01, DI-205)."""
    system_turns: bool = False
    """Whether the Messages model takes role ``system`` inside ``messages`` (DI-146)."""
    reasoning_field: str = "reasoning_content"
    """Chat: the name of the extension field that carries reasoning (DI-38)."""
    allow: frozenset[str] = frozenset()
    """Significant fields that the operator lets go for this candidate: then they are hints (DI-140)."""
    options: Mapping[str, Any] = field(default_factory=dict)
    unseal: Callable[[str], tuple[str, str] | None] = _no_unseal
    """(opaque_kind, value) of a sealed opaque value that this candidate itself once made, else None (DI-161)."""


@dataclass(slots=True)
class Answering:
    """What an answer encoder must know: whom it answers, and how."""

    request: Request
    request_id: str
    losses: Losses
    created: int
    """Unix seconds; used where the provider gave no time."""
    seal: Callable[[str, str], str | None] = lambda kind, value: None
    """Wrap (opaque_kind, value) so that it survives a turn through a client of another dialect; None: cannot (DI-161)."""
    unsigned_thinking: bool = False
    """Messages clients: whether thinking without a signature is sent at all (DI-160)."""
