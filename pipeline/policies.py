"""What the guards ask about our errors, batches and requests: which error is worth another try, what a batch weighs, who asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final

from reactivex.abc import SchedulerBase

from operators.errors import Overloaded, RateLimited
from operators.fault import noise
from pipeline import chain as sentence
from pipeline.dialects import DIALECTS
from pipeline.errors import GatewayError, Kind, classify
from pipeline.events import Batch
from pipeline.exchange import Exchange
from pipeline.providers.frame import Whole
from pipeline.providers.headers import to_provider

# How Codex and Claude Code call their conversations (clients.md).
SESSION_HEADERS: Final = ("session-id", "thread-id", "x-claude-code-session-id")

FAILURES: Final = range(400, 600)
"""Statuses of answers that are failures."""

PHASES: Final = ("connect", "headers", "first_event")
WORDS: Final = frozenset({*(kind.reason for kind in Kind), *PHASES})
"""What `also` and `never` of failover may name: the reasons of our errors, and how far an attempt came."""


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
    """What nobody can read, as bytes or a body; a head is neither. Of an event that was read already only the error is left."""
    if isinstance(item, Batch):
        raise GatewayError(Kind.BAD_REPLY)
    if isinstance(item, Whole):
        return replace(item, body=noise(item.body))
    return noise(item) if isinstance(item, bytes) else item


def again(error: Exception) -> bool:
    """The policy of retry: what the same candidate may do better (DI-114)."""
    return classify(error).retryable


def elsewhere(error: Exception) -> bool:
    """The policy of failover: what another candidate may do better (DI-114: also one with another credential)."""
    known = classify(error)
    return known.retryable or (known.from_provider and known.kind in (Kind.BILLING, Kind.FORBIDDEN, Kind.UNAUTHENTICATED))


def blamed(error: Exception) -> bool:
    """What counts against a candidate: not that a limit of the gateway's own kept a request from it."""
    return not isinstance(error, Overloaded | RateLimited) and getattr(error, "retryable", True)


def slowed(error: Exception) -> bool:
    """What makes a candidate look slow to whoever chooses among them."""
    return blamed(error) and elsewhere(error)


def phase_of(error: GatewayError) -> str:
    """How far an attempt came: a bounded word for metrics."""
    if error.kind is Kind.UNREACHABLE:
        return "connect"
    if error.from_provider:
        return "headers"
    return "first_event"


def words_of(error: Exception) -> Iterator[str]:
    """The reason of an error, and how far the attempt came."""
    known = classify(error)
    yield known.reason
    yield phase_of(known)


def weight_of_batch(batch: Batch) -> float:
    """Events that commit; what only keeps the line open is nothing."""
    return sum(event.phase > 0 for event in batch.events) if batch.commits else 0


def bytes_of_batch(batch: Batch) -> float:
    """Before an answer begins there is nothing but bytes: the first events of a stream, which say nothing yet, and comments."""
    return batch.size


def output_tokens(batch: Batch) -> int | None:
    """What a batch says of all output tokens so far."""
    return batch.usages[-1].output if batch.usages else None


def all_tokens(batch: Batch) -> int | None:
    """What a batch says of all tokens so far, whichever way they went."""
    if not batch.usages:
        return None
    usage = batch.usages[-1]
    if usage.input is None and usage.output is None:
        return None
    return (usage.input or 0) + (usage.output or 0)


def caller_of(scheduler: SchedulerBase | None) -> str:
    """The client's key, by its name."""
    return getattr(scheduler, "caller", "")


def identity_of(scheduler: SchedulerBase | None) -> tuple[Any, ...] | None:
    """Two requests with the same identity have the same answer: the bytes of the body, and every header that a provider sees."""
    if not isinstance(scheduler, Exchange):
        return None
    dialect = scheduler.dialect.name
    seen = {**to_provider(dialect, scheduler.headers), **scheduler.added}
    # A digest, so that a key takes as little room as it seems to.
    said = blake2b(scheduler.raw, digest_size=32).digest()
    return dialect, scheduler.label, said, *sorted(seen.items())


def forked(scheduler: SchedulerBase | None) -> SchedulerBase | None:
    """Who asked first may leave while others go on. Its trace is where the attempts are told, as shared ones."""
    if not isinstance(scheduler, Exchange):
        return scheduler
    fork = scheduler.fork()
    fork.trace, fork.span, fork.shared = scheduler.trace, scheduler.span, True
    return fork


def is_whole(batches: list[Batch]) -> bool:
    """Whether the provider said that the answer is complete."""
    return bool(batches) and batches[-1].ends
