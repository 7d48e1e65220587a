"""Why a step stands where it stands, where its chain's author gave no reason: what `penstock show` says beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ANYWHERE: Final = ""

_REASONS: Final[Mapping[str, Mapping[str, str]]] = {
    "admit": {
        "attempt": "One candidate's attempts wait for a slot; the next candidate has to wait for its own.",
        "request": "A request waits for a slot once, whichever candidates it then tries.",
    },
    "balance": {_ANYWHERE: "Before anything is dispatched: who is tried first."},
    "breaker": {_ANYWHERE: "Before anything is dispatched: a candidate that is down is not tried."},
    "buffer_limit": {_ANYWHERE: "On raw bytes, before the decoder gathers them into an event."},
    "cache": {_ANYWHERE: "Above failover: a whole answer is kept, whoever gave it, and given again to whoever asks the same."},
    "edit": {
        "attempt": "On one candidate's events, before anybody decides about the answer.",
        "request": "On the events that the client gets, whoever answered.",
    },
    "failover": {_ANYWHERE: "Only while nothing of an answer was shown; afterwards an error is an error."},
    "fault": {
        "wire": "Before the decoder: the gateway meets it as bytes of a provider.",
        "attempt": "Behind the decoder: what stands above it meets it as a candidate's fault.",
    },
    "first_event_timeout": {
        "wire": "On raw bytes: also a sign of life that is no event counts.",
        "attempt": "Below failover: a silent candidate is given up for the next one.",
        "request": "Above failover: all candidates together have this long to begin.",
    },
    "heartbeat": {_ANYWHERE: "Above failover: it speaks for the gateway, not for an attempt that may still fail unseen."},
    "hedge": {_ANYWHERE: "Where one stream is made of the candidates: a slow one is raced by the next."},
    "idle_timeout": {
        "wire": "On raw bytes: also a comment that keeps the line open ends a silence.",
        "attempt": "One candidate's silence between its events, wherever they go.",
        "request": "The silence that a client would see, whoever answers.",
    },
    "inject": {
        "attempt": "Each attempt asks with it; what stands above sees the client's own request.",
        "request": "All candidates are asked with it; what stands below takes it for the client's own.",
    },
    "mirror": {_ANYWHERE: "Above failover: what the client gets is compared, whoever answered."},
    "output_limit": {
        "wire": "Raw bytes of one attempt.",
        "attempt": "One candidate's answer; the next one starts from nothing.",
        "request": "What a client gets, whoever answered.",
    },
    "pace": {
        "attempt": "One candidate's pace: one that trickles before it says anything is given up for the next.",
        "request": "The pace that a client sees, whoever answers.",
    },
    "rate_limit": {
        "attempt": "Each attempt counts, also those whose answers nobody sees.",
        "request": "A request counts once, however many candidates it tries.",
    },
    "redact": {
        "attempt": "One candidate's words: those of others pass as they are said.",
        "request": "Whatever a client gets to read, whoever answered.",
    },
    "resume": {_ANYWHERE: "Behind the choice: an answer that breaks off goes on with a candidate that continues."},
    "retry": {_ANYWHERE: "Below failover: the same candidate gets another try before the next one is asked."},
    "share": {_ANYWHERE: "Above failover: identical requests share one answer, and all its attempts."},
    "total_timeout": {
        "wire": "One attempt's bytes, from the first to the last.",
        "attempt": "One candidate gets this long, tries and all that stand below.",
        "request": "Above failover: all candidates together get this long.",
    },
    "trace": {_ANYWHERE: "It writes down what passes here, between its neighbours."},
}


def reason(name: str, position: str) -> str:
    """Why the step ``name`` of the catalogue stands in ``position``; "" where there is nothing to say."""
    reasons = _REASONS.get(name, {})
    return reasons.get(position) or reasons.get(_ANYWHERE, "")
