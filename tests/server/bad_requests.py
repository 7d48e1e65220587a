"""Bad requests as data: what is sent, and what the refusal must say. Run by test_bad_requests.py."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from tests.server.bad_fields import ABSENT, OWN, USER

PATHS: Final = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
BODY_LIMIT: Final = 256 * 1024

BASE: Final[Mapping[str, dict[str, Any]]] = {
    "chat": {"model": "demo", "messages": [USER]},
    "responses": {"model": "demo", "input": "Hi"},
    "messages": {"model": "demo", "max_tokens": 100, "messages": [USER]},
}


@dataclass(frozen=True)
class Bad:
    """One bad request.

    ``words`` must all stand in the message; ``param`` is the OpenAI field of that name, and in Messages stands in the message.
    """

    name: str
    dialect: str
    body: bytes | dict[str, Any] | None
    status: int
    words: tuple[str, ...]
    param: str | None = None
    method: str = "POST"
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: Mapping[str, str] = field(default_factory=dict)
    """Headers of the refusal."""

    @property
    def wire(self) -> bytes:
        """The body as it is sent."""
        if isinstance(self.body, dict):
            return orjson.dumps(self.body)
        return self.body or b""


def changed(dialect: str, **fields: Any) -> dict[str, Any]:
    """A good body with some fields changed or, ``ABSENT``, left out."""
    return {name: value for name, value in {**BASE[dialect], **fields}.items() if value is not ABSENT}


def bodies(dialect: str) -> Iterator[Bad]:
    """Bodies that are no request, whatever the dialect."""
    deep = orjson.dumps(BASE[dialect])[:-1] + b',"x":' + b"[" * 500 + b"]" * 500 + b"}"
    rows: tuple[tuple[str, bytes, tuple[str, ...]], ...] = (
        ("an empty body", b"", ("empty", "JSON object")),
        ("null", b"null", ("JSON object", "null")),
        ("an array", b"[]", ("JSON object", "array")),
        ("a string", b'"demo"', ("JSON object", "string")),
        ("broken JSON", b'{"model": "demo",\n "messages": [}', ("line 2", "column 15", "'}'")),
        ("half a JSON", b'{"model": "demo"', ("line 1", "ends")),
        ("NaN", b'{"model": "demo", "temperature": NaN}', ("line 1", "column 34", "'N'")),
        ("bytes that are no UTF-8", b'{"model": "d\xe9mo"}', ("UTF-8", "byte 13")),
        ("a form", b"model=demo&prompt=Hi", ("column 1", "'m'")),
        ("JSON without a bottom", deep, ("deep", "200")),
    )
    for name, body, words in rows:
        yield Bad(name, dialect, body, 400, words)
    unknown: dict[str, Any] = {"headers": {"Content-Encoding": "snappy"}}
    yield Bad("an unknown content encoding", dialect, b"xx", 415, ("'snappy'", "gzip", "zstd"), **unknown)
    for coding in ("gzip", "deflate", "br", "zstd"):
        yield Bad(f"no {coding}", dialect, b"{}{}{}{}", 400, (repr(coding),), headers={"Content-Encoding": coding})
    huge = orjson.dumps({"x": "y" * BODY_LIMIT})
    yield Bad("a body over the limit", dialect, huge, 413, (str(BODY_LIMIT),))
    yield Bad("a bomb", dialect, gzip.compress(bytes(2**24)), 413, (str(BODY_LIMIT),), headers={"Content-Encoding": "gzip"})


def common(dialect: str) -> Iterator[Bad]:
    """Fields that every dialect has."""
    rows: tuple[tuple[str, dict[str, Any], int, str, tuple[str, ...]], ...] = (
        ("no model", {"model": ABSENT}, 400, "model", ("missing",)),
        ("model null", {"model": None}, 400, "model", ()),
        ("model empty", {"model": ""}, 400, "model", ("''",)),
        ("model a number", {"model": 5}, 400, "model", ("5",)),
        ("model an object", {"model": {"name": "demo"}}, 400, "model", ("string",)),
        ("a misspelt model", {"model": "demmo"}, 404, "model", ("'demmo'", "'demo'")),
        ("a model like no other", {"model": "zzz"}, 404, "model", ("'zzz'", "/v1/models")),
        ("a misspelt model of a provider", {"model": "demo/fsat"}, 404, "model", ("'fsat'", "'fast'")),
        ("a very long model", {"model": "x" * 5000}, 404, "model", ("xxx",)),
        ("stream as a string", {"stream": "false"}, 400, "stream", ("true or false", "'false'")),
        ("stream a number", {"stream": 1}, 400, "stream", ("true or false", "1")),
        ("tools an object", {"tools": {}}, 400, "tools", ("array",)),
        ("a tool that is no object", {"tools": ["look"]}, 400, "tools[0]", ("object",)),
        ("metadata a string", {"metadata": "x"}, 400, "metadata", ("object",)),
    )
    for name, fields, status, param, words in rows:
        yield Bad(name, dialect, changed(dialect, **fields), status, words, param)


def fields(dialect: str) -> Iterator[Bad]:
    """What only this dialect has."""
    for name, changes, place, words in OWN[dialect]:
        yield Bad(name, dialect, changed(dialect, **changes), 400, words, place)


def counting() -> Iterator[Bad]:
    """count_tokens refuses what cannot be counted (TR-U6: never zero for it)."""
    for row in itertools.chain(
        list(bodies("messages"))[:6], (Bad("no messages", "messages", {"model": "demo"}, 400, (), "messages"),)
    ):
        yield Bad(row.name, "messages", row.body, row.status, row.words, row.param, path="/v1/messages/count_tokens")


NO_RETRY: Final = {"x-should-retry": "false"}

DOOR: Final = (
    Bad("a path that is not there", "chat", None, 404, ("'/nothing'",), method="GET", path="/v1/nothing"),
    Bad("a misspelt path", "chat", {}, 404, ("/v1/chat/completions",), path="/v1/chat/completion"),
    Bad("another misspelt path", "chat", {}, 404, ("/v1/messages",), path="/v1/message"),
    Bad("a path that climbs", "chat", None, 404, (), method="GET", path="/v1/../../etc/passwd"),
    Bad("a path that splits lines", "chat", None, 404, (), method="GET", path="/v1/%0d%0aset-cookie:a=b"),
    Bad(
        "GET where POST belongs",
        "chat",
        None,
        405,
        ("GET", "POST"),
        method="GET",
        path=PATHS["chat"],
        answer={"allow": "POST, OPTIONS"},
    ),
    Bad(
        "PUT on messages",
        "messages",
        {},
        405,
        ("PUT", "POST"),
        method="PUT",
        path=PATHS["messages"],
        answer={"allow": "POST, OPTIONS"},
    ),
    Bad("GET on count_tokens", "messages", None, 405, ("GET",), method="GET", path="/v1/messages/count_tokens"),
    Bad("PATCH on responses", "responses", {}, 405, ("PATCH",), method="PATCH", path=PATHS["responses"]),
    Bad("DELETE on the models", "chat", None, 405, ("DELETE", "GET"), method="DELETE", path="/v1/models"),
    Bad("a method of other servers", "chat", None, 405, ("PROPFIND",), method="PROPFIND", path=PATHS["chat"]),
    Bad("POST on health", "chat", {}, 405, ("GET",), path="/healthz"),
    Bad("a GET for a WebSocket", "responses", None, 426, ("POST",), method="GET", path=PATHS["responses"]),
    Bad("batches", "messages", {}, 501, (), path="/v1/messages/batches", answer=NO_RETRY),
    Bad("a batch", "messages", None, 501, (), method="GET", path="/v1/messages/batches/b_1/results", answer=NO_RETRY),
    Bad("a stored response", "responses", None, 404, ("stored",), method="GET", path="/v1/responses/resp_1"),
    Bad("a model that is not listed", "chat", None, 404, ("'demmo'", "'demo'"), "model", method="GET", path="/v1/models/demmo"),
    Bad("a page of no size", "chat", None, 400, ("'none'",), "limit", method="GET", path="/v1/models?limit=none"),
    Bad(
        "a model that is not listed, for the other SDK",
        "messages",
        None,
        404,
        ("'demmo'", "'demo'"),
        method="GET",
        path="/v1/models/demmo",
        headers={"anthropic-version": "2026-10-21"},
    ),
)


def strangers(dialect: str) -> Iterator[Bad]:
    """Pages and names that a gateway without keys does not answer."""
    yield Bad("a stranger's page", dialect, BASE[dialect], 403, ("server.cors",), headers={"Origin": "https://evil.example"})
    yield Bad("a page without an origin", dialect, BASE[dialect], 403, ("'null'",), headers={"Origin": "null"})
    yield Bad("a stranger's name", dialect, BASE[dialect], 403, ("'evil.example'",), headers={"Host": "evil.example"})


def unknown_callers(dialect: str) -> Iterator[Bad]:
    """What a gateway with keys answers to those who have none, or not the right one."""
    challenge = {**NO_RETRY, "www-authenticate": "Bearer"}
    key = {"x-api-key": "sk-alice"}
    yield Bad("no key", dialect, BASE[dialect], 401, ("Bearer", "x-api-key"), answer=challenge)
    yield Bad(
        "a key without its scheme",
        dialect,
        BASE[dialect],
        401,
        ("Bearer",),
        headers={"Authorization": "sk-alice"},
        answer=challenge,
    )
    yield Bad("a wrong key", dialect, BASE[dialect], 401, ("server.keys",), headers={"x-api-key": "sk-bob"}, answer=challenge)
    status = 400 if dialect == "messages" else 403
    yield Bad(
        "a model of others", dialect, changed(dialect, model="demo/fast"), status, ("'demo/fast'", "gpt-*"), "model", headers=key
    )


def without_keys() -> list[Bad]:
    """Everything for a gateway without keys."""
    rows = [*DOOR, *counting()]
    for dialect in PATHS:
        rows += [*bodies(dialect), *common(dialect), *fields(dialect), *strangers(dialect)]
    return rows


def with_keys() -> list[Bad]:
    """Everything for a gateway with keys."""
    return [row for dialect in PATHS for row in unknown_callers(dialect)]
