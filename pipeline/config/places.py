"""Where a step of the catalogue can stand, and why only there. Your own steps stand where you say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pipeline.config.problems import listed, nearest

# Steps whose options are words of the gateway: the library knows no system text and no header.
FACTORIES: Mapping[str, str] = {"inject": "pipeline.steps:inject", "mirror": "pipeline.steps:mirror"}

NO_ANSWER = "needs a step that makes one stream of the candidates. Example: `answer: [failover]`."


class Places(NamedTuple):
    """The positions in which a step makes sense; anywhere else every request would fail, or the step would do nothing."""

    positions: tuple[str, ...]
    why: str

    def refusal(self, name: str, position: str) -> str:
        """What to say of the step ``name`` in another position."""
        return f"the step {name} cannot stand in {position}; it belongs to {listed(self.positions)}: {self.why}."


_CHOICE = Places(("candidates",), "it works on the list of candidates, before any of them is tried")
_ANSWER = Places(("answer",), "it makes one stream of the candidates, and only answer hands it those")
_TIME = Places(("wire", "attempt", "request"), "it measures a stream, and here there is none")
_WHOLE = Places(("request",), "it works on the client's stream, whoever gave the answer")
_EVENTS = Places(("attempt", "request"), "it works on the events of one stream, and here there are none")

PLACES: Mapping[str, Places] = {
    "breaker": _CHOICE,
    "balance": _CHOICE,
    "buffer_limit": Places(("wire",), "it counts raw bytes between two events, and behind the decoder there are none"),
    "retry": Places(("attempt",), "above failover an answer may be shown already, and what was shown is not asked for again"),
    "first_event_timeout": _TIME,
    "idle_timeout": _TIME,
    "total_timeout": _TIME,
    "output_limit": _TIME,
    "pace": _EVENTS,
    "failover": _ANSWER,
    "hedge": _ANSWER,
    "resume": Places(("answer",), "it goes on where the answer that failover or hedge chose broke off"),
    "heartbeat": Places(("request",), "below failover it would speak for an attempt that may still fail unseen"),
    "admit": _EVENTS,
    "rate_limit": _EVENTS,
    "share": _WHOLE,
    "cache": _WHOLE,
    "mirror": _WHOLE,
    "edit": _EVENTS,
    "redact": _EVENTS,
    "inject": _EVENTS,
    "fault": Places(("wire", "attempt"), "it plays a provider that misbehaves"),
    "trace": Places(("wire", "attempt", "answer", "request"), "it writes down what passes in a stream, and here there is none"),
}


def no_step(name: str) -> str:
    """What to say of a name that is none of the catalogue's."""
    guess = nearest(name, PLACES) or f" There are {listed(list(PLACES), 'and')}; your own: `module:function`."
    return f'there is no step "{name}".{guess}'


def written(name: str) -> str:
    """What a configuration calls the step with this factory."""
    return next((called for called, factory in FACTORIES.items() if factory == name), name)
