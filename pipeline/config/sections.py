"""The schema of penstock.yaml: what the file may say, with the words that the JSON Schema and the messages use.

Only reading a configuration needs this; what comes out of it are the plain models of ``models.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_lowercase
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from pipeline.config.fields import (
    Amount,
    Dialect,
    Flag,
    HeaderValue,
    Name,
    Origin,
    Positive,
    Secret,
    Size,
    Status,
    Time,
    Url,
    Whole,
    use_of,
    wrong,
)
from pipeline.config.headers import fault_of


class Record(BaseModel):
    """A section of the file: frozen, no unknown keys, no values in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        """A key with nothing behind it (all its lines commented out) is as good as no key."""
        if not isinstance(value, dict):
            return value
        return {key: item for key, item in value.items() if item is not None or key not in cls.model_fields}


class KeySection(Record):
    """A client's key."""

    name: Name = Field(examples=["alice"])
    """Who the client is, in logs and metrics."""
    key: Secret = Field(min_length=1, examples=["${ALICE_KEY}"])
    """The secret that the client sends."""
    models: tuple[str, ...] = Field(default=(), examples=[["gpt-*"]])
    """Which models it may use, as patterns; none means all."""
    admin: Flag = Field(default=False)
    """Whether it may use the /debug and /sessions paths."""
    requests_per_minute: Positive | None = Field(default=None, examples=[600])
    """Most requests in a minute, over all models; they come back evenly. Without it, any number."""
    tokens_per_minute: Positive | None = Field(default=None, examples=[200000])
    """Most tokens in a minute, in and out, as providers count them. Without it, any number."""


class ServerSection(Record):
    """Where and how clients are served."""

    host: Name = Field(default="127.0.0.1", examples=["127.0.0.1"])
    """Address to listen on."""
    port: Whole = Field(default=8787, ge=0, le=65535, examples=[8787])
    """Port to listen on; 0 picks a free one."""
    workers: Positive = Field(default=1, examples=[1])
    """Processes that share the port. Limits are for all together; breakers, caches and retry budgets are each one's own."""
    buffered_limit: Size = Field(default=256 * 1024 * 1024, examples=["256MiB"])
    """Bytes that may wait for slow clients, all together; over it new requests are refused (503)."""
    body_limit: Size = Field(default=32 * 1024 * 1024, examples=["32MiB"])
    """Largest request body, after decompression."""
    header_limit: Size = Field(default=32 * 1024, examples=["32KiB"])
    """Longest first line, name or value of a header that a request may bring (431 over it)."""
    send_timeout: Time = Field(default=60.0, examples=["60s"])
    """How long a client that has more to read may take nothing of it; over it, its connection is closed."""
    wrong_keys: Positive = Field(default=10, examples=[10])
    """How many wrong keys one address may send in a minute; over it, its keys are refused unseen (429)."""
    drain: Time = Field(default=30.0, examples=["30s"])
    """How long requests in flight may go on after a stop was asked for."""
    cors: tuple[Origin, ...] = Field(default=(), examples=[["https://app.example.com"]])
    """Origins whose pages may call the gateway from a browser."""
    keys: tuple[KeySection, ...] = Field(default=(), examples=[[{"name": "alice", "key": "${ALICE_KEY}"}]])
    """Clients' keys; without any, only loopback clients are served."""


class ProviderSection(Record):
    """Who answers."""

    kind: Literal["http", "demo"] = Field(default="http", examples=["http"])
    """What stands behind the name: an HTTP endpoint, or the embedded demo model."""
    dialect: Dialect = Field(default="", examples=["chat"])
    """Which API it speaks: OpenAI Chat Completions, OpenAI Responses or Anthropic Messages."""
    base_url: Url = Field(default="", examples=["https://api.openai.com/v1"])
    """As its SDK takes it: the OpenAI one ends in /v1, the Anthropic one does not."""
    api_key: Secret | None = Field(default=None, examples=["${OPENAI_API_KEY}"])
    """The key that the gateway sends."""
    auth: Literal["bearer", "x-api-key"] | None = Field(default=None, examples=["bearer"])
    """How the key is sent; by default x-api-key for messages, bearer else."""
    headers: Mapping[str, HeaderValue] = Field(default={}, repr=False, examples=[{"x-team": "${TEAM}"}])
    """Further headers of each request to it."""
    transport: Literal["auto", "sse"] = Field(default="auto", examples=["auto"])
    """How streams come from a responses provider."""
    max_in_flight: Positive | None = Field(default=None, examples=[8])
    """Most requests at a time; further ones wait in the queue."""
    queue: Whole = Field(default=64, ge=0, examples=[64])
    """Most requests that wait."""
    queue_timeout: Time = Field(default=30.0, examples=["30s"])
    """Longest wait in the queue."""
    connect_timeout: Time = Field(default=5.0, gt=0, examples=["5s"])
    """Longest wait for a connection."""
    body_limit: Size = Field(default=64 * 1024 * 1024, examples=["64MiB"])
    """Largest answer that is no stream; it is held in memory as a whole."""

    @field_validator("api_key")
    @classmethod
    def _empty_is_none(cls, value: Secret | None) -> Secret | None:
        return value if value is not None and value.get_secret_value() else None

    @field_validator("headers")
    @classmethod
    def _clean_headers(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for name, text in value.items():
            fault = fault_of(name, text)
            if fault is not None:
                raise wrong(fault)
        return value


class PriceSection(Record):
    """What a million tokens cost, in a currency of your own; it only feeds the metric penstock_cost_total."""

    input: Amount = Field(examples=[3])
    """Tokens of the request."""
    output: Amount = Field(examples=[15])
    """Tokens of the answer, reasoning included."""
    cached: Amount | None = Field(default=None, examples=[0.3])
    """Tokens of the request that the provider read from its cache; as `input` where it is left out."""
    cache_write: Amount | None = Field(default=None, examples=[3.75])
    """Tokens of the request that the provider wrote into its cache; as `input` where it is left out."""


class CandidateSection(Record):
    """One way to serve a model. Everything but ``use`` is a fact about the provider's model, or a wish."""

    use: Name = Field(examples=["openai/gpt-5.1"])
    """provider/model; the model * is the name that the client said."""
    weight: Positive = Field(default=1, examples=[3])
    """Its share where candidates are chosen by weight."""
    description: str = Field(default="", examples=["Qwen 3, local"])
    """For people."""
    continues: Flag = Field(default=False)
    """Whether it goes on from an assistant turn that it is given: a cut answer can be resumed."""
    max_tokens: Positive | None = Field(default=None, examples=[8192])
    """Sent to a messages provider when the client gave no limit."""
    thinking: Literal["adaptive", "budget"] | None = Field(default=None, examples=["adaptive"])
    """Which form of thinking a messages model takes."""
    sampling: Flag = Field(default=False)
    """Whether a messages model takes temperature, top_p and top_k."""
    system_turns: Flag = Field(default=False)
    """Whether a messages model takes the role system between the turns."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = Field(default=None, examples=["max_tokens"])
    """Under which name a chat provider takes the limit of tokens."""
    reasoning_field: Name | None = Field(default=None, examples=["reasoning_content"])
    """Under which name a chat provider carries reasoning."""
    allow: tuple[str, ...] = Field(default=(), examples=[["logprobs"]])
    """Losses that are allowed when a request of another dialect cannot be carried whole."""
    price: PriceSection | None = Field(default=None, examples=[{"input": 3, "output": 15}])
    """What its tokens cost."""


Candidate = Annotated[CandidateSection, BeforeValidator(use_of, json_schema_input_type=str | CandidateSection)]


class ModelSection(Record):
    """A name that clients use, and who can serve it."""

    name: Name = Field(examples=["gpt-5"])
    """What clients say; may be a pattern, such as "gpt-*" or "*"."""
    candidates: tuple[Candidate, ...] = Field(min_length=1, examples=[["openai/gpt-5.1"]])
    """In the order in which they are tried."""
    chain: str = Field(default="default", examples=["default"])
    """Which chain its requests run through."""
    balance: Literal["order", "round_robin", "weighted", "ewma"] = Field(default="order", examples=["ewma"])
    """How the first candidate is chosen."""


STEP: Mapping[str, Any] = {"type": ["string", "object"], "maxProperties": 1}
"""What the schema knows of a step without the catalogue."""

Steps = Annotated[tuple[Any, ...], WithJsonSchema({"type": "array", "items": STEP})]


def _drawings(value: object) -> object:
    """One drawing, or one for each try."""
    return (value,) if isinstance(value, str) else value


Drawings = Annotated[tuple[str, ...], BeforeValidator(_drawings, json_schema_input_type=str | tuple[str, ...])]


def _statuses(value: object) -> object:
    """One status, or one for each try."""
    return value if isinstance(value, list) else (value,)


Statuses = Annotated[tuple[Status, ...], BeforeValidator(_statuses, json_schema_input_type=Status | tuple[Status, ...])]


def _by_candidate(value: object) -> object:
    """A drawing alone is candidate a; in a list they are a, b, c and so on."""
    drawings = [value] if isinstance(value, str) else value
    return dict(zip(ascii_lowercase, drawings, strict=False)) if isinstance(drawings, list) else drawings


class CaseSection(Record):
    """A marble case of a chain: what its candidates do, a character a step of time, and what the client then sees."""

    name: str = Field(default="", examples=["B answers when A is silent"])
    """What it shows, for people."""
    source: Annotated[
        Mapping[str, Drawings], BeforeValidator(_by_candidate, json_schema_input_type=str | list[Drawings] | dict[str, Drawings])
    ] = Field(min_length=1, examples=[{"a": "-s-#", "b": "-x-y|"}])
    """A drawing for each candidate (or one for each try): - nothing, a letter a text, s a sign of life, | the end, # an error."""
    expect: str = Field(min_length=1, examples=["----x-y|"])
    """What the client sees; h is a heartbeat, (ab) two things at once."""
    error: str = Field(default="", examples=["idle_timeout"])
    """Which error the # in `expect` is: a guard or a reason."""
    subscriptions: Mapping[str, Drawings] = Field(default={}, examples=[{"a": "^--!", "b": "---^---!"}])
    """When a candidate is tried (^) and let go (!), a drawing a try; [] for never."""
    continues: tuple[str, ...] = Field(default=(), examples=[["b"]])
    """Which candidates go on with an answer that broke off, where the chain has `resume`."""
    failure: Status = Field(default=503, examples=[429])
    """The status of # in `source`."""
    failures: Mapping[str, Statuses] = Field(default={}, examples=[{"a": 429, "b": [503, 400]}])
    """The status of # by candidate (or one for each try), where it is another one than `failure`."""
    column: Time = Field(default=1.0, gt=0, examples=["10s"])
    """How long one character is."""
    values: Mapping[str, str] = Field(default={}, examples=[{"x": "a longer text"}])
    """What characters say, where it is not the character itself: a text, whatever it is."""


class ChainSection(Record):
    """The guards of a request by position; a position that is left out keeps the built-in default."""

    candidates: Steps | None = Field(default=None, examples=[[{"breaker": {"failures": 5, "cool_down": "30s"}}]])
    """Which candidates, in which order."""
    wire: Steps | None = Field(default=None, examples=[[{"buffer_limit": {"bytes": "1MiB"}}]])
    """Raw frames of one attempt."""
    attempt: Steps | None = Field(default=None, examples=[[{"idle_timeout": {"seconds": 60}}]])
    """Events of one attempt."""
    answer: Steps | None = Field(default=None, examples=[["failover"]])
    """Candidates in, one stream out."""
    request: Steps | None = Field(default=None, examples=[[{"total_timeout": {"seconds": "15m"}}]])
    """The client's stream."""
    tests: tuple[CaseSection, ...] = Field(default=(), examples=[[{"source": {"a": "-#", "b": "-x|"}, "expect": "--x|"}]])
    """Marble cases, run by `penstock check`."""


def composed(value: Any) -> Any:
    """A chain that was composed in Python is read elsewhere (see ``steps.chains``)."""
    return {} if isinstance(value, str) else value


Chain = Annotated[ChainSection, BeforeValidator(composed, json_schema_input_type=str | ChainSection)]


class StateSection(Record):
    """What outlives a request."""

    store: Literal["memory"] = Field(default="memory", examples=["memory"])
    """Where it is kept."""


class TracesSection(Record):
    """What is kept of each request, for /debug and the console."""

    keep: Whole = Field(default=1000, ge=0, le=100_000, examples=[1000])
    """How many requests that ended are kept in memory; of failures a quarter as many more. 0: nothing is traced."""
    bodies: Flag = Field(default=False)
    """Whether the texts of requests and answers are kept, up to 256 KiB each (`keep: 1000` may then take 500 MiB)."""
    file: Name | None = Field(default=None, examples=["/var/log/penstock/traces.jsonl"])
    """A file to which each request's trace is added as a line of JSON."""
    file_size: Size = Field(default=64 * 1024 * 1024, ge=4096, examples=["64MiB"])
    """How large the file becomes before the next one is begun."""
    files: Positive = Field(default=5, le=1000, examples=[5])
    """How many files there are at most; the oldest one goes."""


class LogsSection(Record):
    """What is logged to stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", examples=["info"])
    """What is less important is not logged. A line a request is info."""
    format: Literal["auto", "json", "text"] = Field(default="auto", examples=["json"])
    """JSON lines, or text for people; auto: text on a terminal, JSON elsewhere."""


class TelemetrySection(Record):
    """What is told to an observability system. Addresses, sampling and names come from the OTEL_ variables of the environment."""

    otel: Flag = Field(default=False)
    """Whether OpenTelemetry spans are sent (OTLP over HTTP); needs the extra `otel`."""


class File(Record):
    """penstock.yaml: who is served, who answers, and how."""

    server: ServerSection = ServerSection()
    providers: Mapping[str, ProviderSection] = Field(
        default={}, examples=[{"openai": {"dialect": "chat", "base_url": "https://api.openai.com/v1"}}]
    )
    """Who answers, by name. The embedded `demo` is always there."""
    models: tuple[ModelSection, ...] = Field(default=(), examples=[[{"name": "gpt-5", "candidates": ["openai/gpt-5.1"]}]])
    """The names that clients use. `provider/model` is served without an entry."""
    chains: Mapping[str, Chain] = Field(default={}, examples=[{"default": {"request": [{"heartbeat": {"seconds": 15}}]}}])
    """Chains by name; `default` is used where a model names none. A text is `module:name` of a Chain composed in Python."""
    state: StateSection = StateSection()
    traces: TracesSection = TracesSection()
    logs: LogsSection = LogsSection()
    telemetry: TelemetrySection = TelemetrySection()
