"""What the gateway runs with: frozen, complete, checked. Plain dataclasses, so that a serving process holds no schema library.

The fields mean what their namesakes in ``sections.py`` say; here they have lost their short forms and found their defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.config.problems import Place

POSITIONS = ("candidates", "wire", "attempt", "answer", "request")
"""Where a step can stand in a chain, in the order in which a request meets them."""


class Secret:
    """A text that no print, log or error ever shows. Two are equal when their texts are; compare keys of clients elsewhere."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """The text itself: for the header that carries it, and nothing else."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True, slots=True)
class KeyConfig:
    """A client's key. ``models`` are patterns; none means all. What is None is not limited."""

    name: str
    key: Secret
    models: tuple[str, ...] = ()
    admin: bool = False
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Where and how clients are served. Limits are in bytes, times in seconds, ``wrong_keys`` counts those of a minute."""

    host: str = "127.0.0.1"
    port: int = 8787
    workers: int = 1
    buffered_limit: int = 256 * 1024 * 1024
    body_limit: int = 32 * 1024 * 1024
    header_limit: int = 32 * 1024
    send_timeout: float = 60.0
    wrong_keys: int = 10
    drain: float = 30.0
    cors: tuple[str, ...] = ()
    keys: tuple[KeyConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """Who answers. ``dialect`` and ``base_url`` are "" for the demo only; timeouts are in seconds, ``body_limit`` in bytes."""

    name: str
    kind: Literal["http", "demo"] = "http"
    dialect: Literal["chat", "responses", "messages", ""] = ""
    base_url: str = ""
    api_key: Secret | None = None
    auth: Literal["bearer", "x-api-key"] = "bearer"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    transport: Literal["auto", "sse"] = "auto"
    max_in_flight: int | None = None
    queue: int = 64
    queue_timeout: float = 30.0
    connect_timeout: float = 5.0
    body_limit: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PriceConfig:
    """What a million tokens cost. What is None costs as much as ``input``."""

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None


@dataclass(frozen=True, slots=True)
class CandidateConfig:
    """One way to serve a model. ``model`` is "*" to pass the client's name through."""

    use: str
    provider: str
    model: str
    weight: int = 1
    description: str = ""
    continues: bool = False
    max_tokens: int | None = None
    thinking: Literal["adaptive", "budget"] | None = None
    sampling: bool = False
    system_turns: bool = False
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    reasoning_field: str | None = None
    allow: tuple[str, ...] = ()
    price: PriceConfig | None = None


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A name that clients use (or a pattern with "*"), and who serves it, in the order in which they are tried."""

    name: str
    candidates: tuple[CandidateConfig, ...]
    chain: str = "default"
    balance: Literal["order", "round_robin", "weighted", "ewma"] = "order"


@dataclass(frozen=True, slots=True)
class StepConfig:
    """One step of a chain: its name in the catalogue (or ``module:function``), converted options, and where it stands.

    ``label`` is what it is called in its chain: its name, unless the file gives it another one.
    """

    name: str
    options: Mapping[str, Any] = field(repr=False)
    """Words that are not to be read and headers may be among them."""
    where: Place
    label: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CaseConfig:
    """A marble case of a chain. ``source`` and ``subscriptions`` hold drawings by candidate; ``column`` is in seconds.

    ``failures`` holds statuses, one or one for each try, where a candidate's are not ``failure``.
    """

    name: str
    source: Mapping[str, tuple[str, ...]]
    expect: str
    error: str
    subscriptions: Mapping[str, tuple[str, ...]]
    continues: tuple[str, ...]
    failure: int
    failures: Mapping[str, tuple[int, ...]]
    column: float
    values: Mapping[str, str]
    where: Place


@dataclass(frozen=True, slots=True)
class ChainConfig:
    """``positions`` holds only what the file says; what it leaves out keeps the built-in default."""

    positions: Mapping[str, tuple[StepConfig, ...]]
    tests: tuple[CaseConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class StateConfig:
    """Where that is kept which outlives a request."""

    store: Literal["memory"] = "memory"


@dataclass(frozen=True, slots=True)
class TracesConfig:
    """What is kept of each request. ``keep`` is a number of requests, ``file_size`` is in bytes; no ``file``: none is written."""

    keep: int = 1000
    bodies: bool = False
    file: str | None = None
    file_size: int = 64 * 1024 * 1024
    files: int = 5


@dataclass(frozen=True, slots=True)
class LogsConfig:
    """What is logged, and how it looks. ``auto``: for people on a terminal, JSON lines elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"


@dataclass(frozen=True, slots=True)
class TelemetryConfig:
    """``otel``: spans of requests are made and sent. Where to, and which, is said by the variables of OpenTelemetry."""

    otel: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """An effective configuration. Its repr, like everything else of it, holds no secret."""

    server: ServerConfig
    providers: Mapping[str, ProviderConfig]
    models: tuple[ModelConfig, ...]
    chains: Mapping[str, ChainConfig]
    state: StateConfig
    digest: str
    """Short, stable, without secrets: what ``x-penstock-config`` says."""
    source: str
    """The file's name, or "embedded default"."""
    traces: TracesConfig = TracesConfig()
    logs: LogsConfig = LogsConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
