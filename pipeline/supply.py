"""What the steps of chains get beside their options: what requests share, the gateway's policies, and how to read our batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import reactivex
from reactivex import Observable
from reactivex.abc import SchedulerBase

from operators.balance import Turns
from operators.chain import Step
from operators.fault import noise
from operators.hedges import Hedges
from operators.load import Loads
from pipeline import chain as sentence
from pipeline.dialects import DIALECTS
from pipeline.encode import BEAT
from pipeline.errors import GatewayError, Kind, classify
from pipeline.events import Batch
from pipeline.exchange import Exchange
from pipeline.shared import Shared

S = TypeVar("S")

# How Codex and Claude Code call their conversations (clients.md).
SESSION_HEADERS: Final = ("session-id", "thread-id", "x-claude-code-session-id")


FindCandidate = Callable[[str], Observable[Any]]


def no_candidate(use: str) -> Observable[Any]:
    """Where nothing is served, everybody is found, and nobody answers."""
    return reactivex.never()


class Supplier:
    """Supplies the steps of one chain; call it with a step.

    Args:
        shared: what outlives a reload.
        chain: its name.
        label: of the candidate whose attempts the steps guard; "" for the steps around all attempts.
        candidate: ``provider/model`` -> the attempt at it. Raises ValueError where there is none.
    """

    def __init__(self, shared: Shared, chain: str, label: str = "", candidate: FindCandidate = no_candidate) -> None:
        self.shared = shared
        self.chain = chain
        self.label = label
        self._candidate = candidate

    def __call__(self, step: Step) -> Mapping[str, Any]:
        """By parameter name. A step of your own may ask for any of what the catalogue's steps get."""
        supply = _TABLE.get(step.name)
        return supply(self, step) if supply is not None else self._common()

    def _common(self) -> dict[str, Any]:
        return {"circuits": self.shared.circuits, "key": label_of, "when": elsewhere, "beat": BEAT}

    def breaker(self, step: Step) -> dict[str, Any]:
        """All chains share the circuits: a candidate that is down is down for every model."""
        return {"circuits": self.shared.circuits, "key": label_of}

    def retry(self, step: Step) -> dict[str, Any]:
        """A try at the same candidate."""
        return {"when": again, "on_retry": self._on_retry}

    def failover(self, step: Step) -> dict[str, Any]:
        """A try at another candidate."""
        return {"when": elsewhere, "on_failover": self._on_failover}

    def hedge(self, step: Step) -> dict[str, Any]:
        """Requests of a chain learn from each other how long a first event takes."""
        return {**self.failover(step), "hedges": self._kept(step, Hedges), "on_hedge": self._tripped("hedge")}

    def balance(self, step: Step) -> dict[str, Any]:
        """A session stays with its candidate, whose cache knows it, unless the order itself is the point."""
        session = None if step.options.get("by", "order") == "order" else session_of
        return {
            "key": label_of,
            "weight": weight_of,
            "loads": self.shared.state("loads", Loads),
            "turns": self._kept(step, Turns),
            "session": session,
        }

    def fault(self, step: Step) -> dict[str, Any]:
        """A drill fails like a provider."""
        return {"failure": drilled, "garbage": garbled, "on_fault": self._tripped("fault")}

    def mirror(self, step: Step) -> dict[str, Any]:
        """Any candidate can be asked the same."""
        return {"candidate": self._candidate, "on_mirrored": self._on_mirrored}

    def trace(self, step: Step) -> dict[str, Any]:
        """Who asked for a trace of this request has put a sheet into its exchange."""
        return {"sheets": lambda scope: getattr(scope, "sheet", None)}

    def heartbeat(self, step: Step) -> dict[str, Any]:
        """The one batch that no attempt said."""
        return {"beat": BEAT}

    def _kept(self, step: Step, make: Callable[[], S]) -> S:
        """What the requests of this chain share at this step; other options, another state."""
        return self.shared.state((self.chain, step.label, str(step)), make)

    def _tripped(self, name: str) -> Callable[..., None]:
        """A probe that counts how often a step did something."""
        counter = self.shared.metrics.guard_trips.labels(name, self.chain)
        return lambda *_: counter.inc()

    def _on_mirrored(self, to: str, outcome: str) -> None:
        self.shared.metrics.mirrored.labels(to, outcome).inc()

    def _on_retry(self, number: int, error: Exception, wait: float) -> None:
        self.shared.metrics.attempts.labels(self.label, "retried", classify(error).reason).inc()

    def _on_failover(self, earlier: sentence.Attempt, later: sentence.Attempt, error: Exception) -> None:
        reason = classify(error)
        self.shared.metrics.failovers.labels(
            earlier.candidate.label, later.candidate.label, reason.reason, phase_of(reason)
        ).inc()


_TABLE: Mapping[str, Callable[[Supplier, Step], Mapping[str, Any]]] = {
    "balance": Supplier.balance,
    "breaker": Supplier.breaker,
    "failover": Supplier.failover,
    "heartbeat": Supplier.heartbeat,
    "hedge": Supplier.hedge,
    "fault": Supplier.fault,
    "pipeline.steps:inject": lambda *_: {},
    "pipeline.steps:mirror": Supplier.mirror,
    "retry": Supplier.retry,
    "trace": Supplier.trace,
}


def label_of(attempt: sentence.Attempt) -> str:
    """A candidate's key wherever candidates are told apart."""
    return attempt.candidate.label


def weight_of(attempt: sentence.Attempt) -> float:
    """As the configuration has it."""
    return attempt.candidate.weight


def session_of(scheduler: SchedulerBase | None) -> str | None:
    """The conversation that a request belongs to, by what its client says of it."""
    if not isinstance(scheduler, Exchange):
        return None
    for name in SESSION_HEADERS:
        value = scheduler.headers.get(name)
        if value:
            return value
    body = scheduler.body
    metadata = body.get("metadata")
    said = body.get("prompt_cache_key") or (metadata.get("user_id") if isinstance(metadata, dict) else None) or body.get("user")
    return said if isinstance(said, str) else None


def drilled(status: int | None) -> Exception:
    """What a provider's answer of this status is to everybody."""
    return DIALECTS["chat"].read_error(500 if status is None else status, {}, b"")


def garbled(item: Any) -> Any:
    """What nobody can read; of an event that was read already only the error is left."""
    if isinstance(item, Batch):
        raise GatewayError(Kind.BAD_REPLY)
    return noise(item) if isinstance(item, bytes) else item


def again(error: Exception) -> bool:
    """The policy of retry: what the same candidate may do better (DI-114)."""
    return classify(error).retryable


def elsewhere(error: Exception) -> bool:
    """The policy of failover: what another candidate may do better (DI-114: also one with another credential)."""
    known = classify(error)
    return known.retryable or (known.from_provider and known.kind in (Kind.BILLING, Kind.FORBIDDEN, Kind.UNAUTHENTICATED))


def phase_of(error: GatewayError) -> str:
    """How far an attempt came: a bounded word for metrics."""
    if error.kind is Kind.UNREACHABLE:
        return "connect"
    if error.from_provider:
        return "headers"
    return "first_event"
