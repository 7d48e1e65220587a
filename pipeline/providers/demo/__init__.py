"""The embedded demo model: deterministic, needs no key and no network, and fails on demand.

``script.py`` decides what is said, ``voice.py`` says it at a pace as neutral events. The same request gives the same events.
Drills (``fail``, ``cut``, ``stall`` ...) misbehave as providers do, so that a chain can be watched while it copes.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.errors import GatewayError, Kind
from pipeline.providers.demo.script import write
from pipeline.providers.demo.voice import BREAKS_AFTER, Ending, Pause, Push, Voice, for_ever
from pipeline.request import Request

__all__ = ["MODELS", "answer"]


@dataclass(frozen=True, slots=True)
class _Role:
    about: str
    pace: float = 40.0
    """Pieces a second."""
    ending: Ending = "well"
    fails: Kind | None = None
    retry_after: float | None = None
    """Seconds."""
    silent: bool = False
    reasons: bool = False
    calls: bool = False
    refuses: bool = False
    long: bool = False


_ROLES: Final[Mapping[str, _Role]] = {
    "demo": _Role("quotes you, calls your tools, at about 40 tokens a second"),
    "fast": _Role("demo without a pause", pace=math.inf),
    "slow": _Role("demo at 2 tokens a second", pace=2.0),
    "reason": _Role("demo that always reasons before it answers", reasons=True),
    "tools": _Role("demo that calls a tool whenever one is offered", calls=True),
    "long": _Role("demo that says some thousand tokens, at 200 a second", pace=200.0, long=True),
    "refuse": _Role("drill: refuses to answer", refuses=True),
    "fail": _Role("drill: 503 before the first token", fails=Kind.OVERLOADED),
    "fail-400": _Role("drill: 400 before the first token", fails=Kind.BAD_REQUEST),
    "fail-429": _Role("drill: 429 with Retry-After before the first token", fails=Kind.RATE_LIMIT, retry_after=1.0),
    "fail-500": _Role("drill: 500 before the first token", fails=Kind.PROVIDER),
    "cut": _Role(f"drill: the stream is cut after {BREAKS_AFTER} tokens", ending="cut"),
    "stall": _Role(f"drill: nothing more comes after {BREAKS_AFTER} tokens", ending="stall"),
    "silent": _Role("drill: accepts and never answers", silent=True),
}

MODELS: Final[Mapping[str, str]] = {name: role.about for name, role in _ROLES.items()}
"""Model name -> what it does, in one line."""


async def answer(request: Request, model: str, push: Push, pause: Pause) -> None:
    """Answer a request as ``model``; returns after ``End``.

    Args:
        request: in neutral form.
        model: one of MODELS.
        push: takes each batch; the first holds ``Started``.
        pause: waits for so many seconds; called with 0 where there is no pace, so that others get their turn.

    Raises:
        GatewayError: an unknown model (404), a request that the model cannot fulfil (400), or what a drill is for.

    Cancelled, it stops at the next pause and leaves nothing behind.
    """
    role = _ROLES.get(model)
    if role is None:
        near = difflib.get_close_matches(model, _ROLES, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(_ROLES)}."
        raise GatewayError(Kind.MODEL_NOT_FOUND, f"The demo provider has no model {model!r:.80}. {hint}", param="model")
    if role.fails is not None:
        text = f"The demo model {model!r} fails with {role.fails.status}, as it should."
        raise GatewayError(role.fails, text, retry_after=role.retry_after, from_provider=True)
    if role.silent:
        await for_ever()
    script = write(request, reasons=role.reasons, calls=role.calls, refuses=role.refuses, long=role.long)
    await Voice(request, model, push, pause, pace=role.pace, ending=role.ending).speak(script)
