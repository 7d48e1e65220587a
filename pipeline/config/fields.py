"""The types of single values in penstock.yaml: what is accepted, what it becomes, and the sentence where it is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

from pipeline.config.units import SIZE_PATTERN, TIME_PATTERN, parse_size, parse_time

# What RFC 3986 lets a URL hold. Everything else would go out as it stands, in the first line of each request.
_URL_LETTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*", re.ASCII)
_URL_PATTERN = r"^[hH][tT][tT][pP][sS]?://[!-~]+$"
_PATHS = ("/chat/completions", "/responses", "/messages", "/v1/messages")


def wrong(message: str) -> PydanticCustomError:
    """A fault whose message is a predicate: the value as the file has it is put in front of it."""
    return PydanticCustomError("penstock", "{sentence}", {"sentence": message})


def _measured(parse: Callable[[object], float]) -> Callable[[object], float]:
    def validate(value: object) -> float:
        try:
            return parse(value)
        except ValueError as error:
            raise wrong(str(error)) from None

    return validate


def _whole(value: object) -> object:
    if isinstance(value, str) and value.strip().removeprefix("-").isdecimal():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong("is not a whole number.")
    return value


def _amount(value: object) -> object:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise wrong("is not a number.") from None
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise wrong("is not a number.")
    return float(value)


def _flag(value: object) -> object:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise wrong("is not true or false.")
    return value


def _url(value: str) -> str:
    """Checked, and without a trailing slash."""
    if not _URL_LETTERS.fullmatch(value):
        raise wrong(
            "holds a space or another letter that a URL does not take. "
            "Write a host in its ASCII form (xn--...), other letters percent-encoded (%20)."
        )
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        raise wrong("is not a URL. Write one such as https://api.openai.com/v1.") from None
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or parts.netloc.endswith(":"):
        raise wrong("has no port behind the colon of its host; a port is a number from 1 to 65535.")
    if parts.scheme not in ("http", "https") or not host:
        raise wrong("is not an http or https URL. Write one such as https://api.openai.com/v1.")
    if parts.username is not None or parts.password is not None:
        raise wrong("must not hold a user name or password; a key belongs to `api_key`, other secrets to `headers`.")
    if parts.query or parts.fragment or value.endswith(("?", "#")):
        raise wrong("must not have a query or a fragment; the gateway appends the dialect's path to it.")
    clean = value.rstrip("/")
    for path in _PATHS:
        if clean.endswith(path):
            raise wrong(f'ends with "{path}"; leave it out, the gateway appends the dialect\'s path itself.')
    return clean


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if value != "*" and (not parts.hostname or value != f"{parts.scheme}://{parts.netloc}"):
        raise wrong('is not an origin. Write scheme and host only, such as https://app.example.com, or "*".')
    return value


def _safe(value: str) -> str:
    """Names travel in response headers and metric labels."""
    if not value.strip() or not value.isprintable():
        raise wrong("must not be empty or hold control characters.")
    return value


def _secret(value: SecretStr) -> SecretStr:
    """Without the blanks around it: a variable that is filled from a file often ends in a line feed."""
    text = value.get_secret_value().strip()
    if not text.isprintable() or not text.isascii():
        raise wrong("must hold printable ASCII characters only; it travels in a header.")
    return SecretStr(text)


def use_of(value: object) -> object:
    """The short form of a candidate is its ``use``."""
    return {"use": value} if isinstance(value, str) else value


Dialect = Annotated[Literal["chat", "responses", "messages", ""], WithJsonSchema({"enum": ["chat", "responses", "messages"]})]
Size = Annotated[
    int,
    BeforeValidator(_measured(parse_size)),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": SIZE_PATTERN}]}),
]
Time = Annotated[
    float,
    BeforeValidator(_measured(parse_time)),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": TIME_PATTERN}]}),
]
Whole = Annotated[int, BeforeValidator(_whole)]
Amount = Annotated[float, Field(ge=0), BeforeValidator(_amount)]
Positive = Annotated[int, Field(ge=1), BeforeValidator(_whole)]
Status = Annotated[int, Field(ge=400, le=599), BeforeValidator(_whole)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Name = Annotated[str, AfterValidator(_safe)]
Url = Annotated[str, AfterValidator(_url), WithJsonSchema({"type": "string", "pattern": _URL_PATTERN})]
Origin = Annotated[str, AfterValidator(_origin)]
HeaderValue = Annotated[str, WithJsonSchema({"type": "string", "writeOnly": True})]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
