"""The dispatch station: what a candidate is sent. Same dialect: the client's bytes; another: built from the neutral request."""

from __future__ import annotations

import time
from typing import Any

from pipeline.dialects import DIALECTS
from pipeline.exchange import Exchange
from pipeline.request import Sent
from pipeline.resolve import Candidate
from pipeline.seal import MARK, MARK_BYTES
from pipeline.wire.jsontext import bounded, write_json


def payload(exchange: Exchange, candidate: Candidate, sent: Sent) -> bytes:
    """The body of the provider request; what it cannot carry, and the time, are noted in ``sent``.

    Raises:
        GatewayError: the request cannot be said in the candidate's dialect (400, names the field; DI-140).
    """
    dialect = candidate.target.dialect
    sent.at = time.monotonic()
    if dialect != exchange.dialect.name:
        return write_json(DIALECTS[dialect].build(exchange.request, candidate.target, sent.losses))
    sealed = MARK_BYTES in exchange.raw
    if exchange.model == candidate.model and not sealed:
        return exchange.raw
    # DI-141: nothing but the model's name changes.
    body = {**exchange.body, "model": candidate.model}
    if sealed:
        body = _without_sealed(bounded(body, exchange.raw))
        sent.losses.hint("reasoning")
    return write_json(body)


def _without_sealed(value: Any) -> Any:
    """Leave out reasoning that another provider made: its proof, sealed by us in an earlier turn, is refused here (DI-161)."""
    if isinstance(value, dict):
        return {key: _without_sealed(item) for key, item in value.items() if not _is_sealed(item)}
    if isinstance(value, list):
        return [_without_sealed(item) for item in value if not (isinstance(item, dict) and _holds_sealed(item))]
    return value


def _holds_sealed(item: dict[str, Any]) -> bool:
    return item.get("type") in ("thinking", "redacted_thinking", "reasoning") and any(map(_is_sealed, item.values()))


def _is_sealed(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(MARK)
