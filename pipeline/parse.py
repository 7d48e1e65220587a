"""The parse station: a client's bytes become an exchange, or an error that says what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from operators.clock import Clock
from pipeline.dialects import Dialect
from pipeline.errors import GatewayError, Kind
from pipeline.exchange import Exchange
from pipeline.wire.jsontext import parse_json


def parse(
    dialect: Dialect,
    raw: bytes,
    clock: Clock,
    *,
    id: str,
    headers: Mapping[str, str],
    began: float | None = None,
    counting: bool = False,
) -> Exchange:
    """Read a client's body. Only what every provider needs is checked here; the rest is read when a translation needs it.

    ``counting``: nothing will be generated, so what only generating needs may be absent (DI-106).

    Raises:
        GatewayError: not JSON, not an object, a required field missing or of a wrong type (400, ``param``).
    """
    body = parse_json(raw)
    model = body.get("model")
    # TR-M4, TR-P16: no model is the client's mistake, never a crash and never a default.
    if not isinstance(model, str) or not model:
        found = "missing" if model is None else _shown(model)
        raise GatewayError(Kind.BAD_REQUEST, f"`model` must be a non-empty string; it is {found}.", param="model")
    stream = body.get("stream")
    # TR-P10: the string "false" is not false.
    if stream is not None and not isinstance(stream, bool):
        raise GatewayError(Kind.BAD_REQUEST, f"`stream` must be true or false; it is {_shown(stream)}.", param="stream")
    if not counting:
        dialect.check(body)
    return Exchange(clock, id, dialect, body, raw, headers, began)


_NAMES: Final = {list: "an array", dict: "an object"}


def _shown(value: Any) -> str:
    """What was found, in few words, however large it is."""
    if isinstance(value, (list, dict)):
        return f"{_NAMES[type(value)]} of {len(value)}"
    return repr(value[:40] if isinstance(value, str) else value)
