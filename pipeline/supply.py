"""What the steps of chains get beside their options: what requests share, the gateway's policies, and how to read our batches."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from random import random
from typing import Any, Final, TypeVar

import reactivex
from reactivex import Observable
from reactivex.abc import SchedulerBase

from operators.balance import Turns
from operators.budget import Budget
from operators.chain import Step
from operators.drill import Times
from operators.flight import Flights
from operators.hedges import Hedges
from operators.load import Loads
from operators.slots import Slots
from operators.store import Store
from pipeline import chain as sentence
from pipeline.encode import BEAT
from pipeline.errors import classify, forget_frames
from pipeline.events import Batch
from pipeline.exchange import Exchange
from pipeline.noting import note
from pipeline.policies import (
    FAILURES,
    WORDS,
    again,
    all_tokens,
    bytes_of_batch,
    caller_of,
    drilled,
    elsewhere,
    forked,
    garbled,
    identity_of,
    is_whole,
    label_of,
    output_tokens,
    phase_of,
    session_of,
    weight_of,
    weight_of_batch,
    words_of,
)
from pipeline.resuming import Said
from pipeline.rewriting import Redacting, over_events, spelled
from pipeline.shared import Shared

S = TypeVar("S")

TRIPPING: Final = frozenset(
    {
        *("admit", "buffer_limit", "fault", "first_event_timeout", "hedge", "idle_timeout"),
        *("output_limit", "pace", "rate_limit", "total_timeout"),
    }
)
"""Steps that act on streams, and are counted when they do."""

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
        random: 0 <= x < 1.
        version: of all that an answer depends on; what keeps answers begins anew with another one.
    """

    def __init__(
        self,
        shared: Shared,
        chain: str,
        label: str = "",
        candidate: FindCandidate = no_candidate,
        random: Callable[[], float] = random,
        version: Hashable = None,
    ) -> None:
        self.shared = shared
        self.chain = chain
        self.label = label
        self._candidate = candidate
        self._random = random
        self._version = version

    def __call__(self, step: Step) -> Mapping[str, Any]:
        """By parameter name. A step of your own may ask for ``circuits``, ``key``, ``when`` and ``beat``."""
        if step.name in TRIPPING:
            # A counter that begins at its first event hides that event from every rate.
            self.shared.metrics.guard_trips.labels(step.name, self.chain)
        supply = _TABLE.get(step.name)
        return supply(self, step) if supply is not None else self._common()

    def _common(self) -> dict[str, Any]:
        return {"circuits": self.shared.circuits, "key": label_of, "when": elsewhere, "beat": BEAT}

    def breaker(self, step: Step) -> dict[str, Any]:
        """All chains share the circuits: a candidate that is down is down for every model."""
        return {"circuits": self.shared.circuits, "key": label_of}

    def retry(self, step: Step) -> dict[str, Any]:
        """A try at the same candidate. All chains share its budget: a candidate in trouble gets no storm (TR-E9)."""
        budget = self.shared.state(("budget", self.label), Budget)
        return {"when": again, "on_retry": self._on_retry, "budget": budget, "random": self._random}

    def failover(self, step: Step) -> dict[str, Any]:
        """A try at another candidate."""
        return {"when": elsewhere, "on_failover": self._on_failover, "words": words_of, "known_words": WORDS}

    def resume(self, step: Step) -> dict[str, Any]:
        """What an answer is, and who goes on with it."""
        return {"remember": self._remembered, "when": elsewhere}

    def output_limit(self, step: Step) -> dict[str, Any]:
        """Tokens as the provider counts them."""
        return {"output_tokens": output_tokens}

    def pace(self, step: Step) -> dict[str, Any]:
        """Events a second, which for most providers are tokens a second; before there are any, bytes a second."""
        # Where it ends the answer, its error is counted, as every guard's.
        on_slow = None if step.options.get("ends") else self._tripped(step.name)
        return {"weigh": weight_of_batch, "before": bytes_of_batch, "on_slow": on_slow}

    def admit(self, step: Step) -> dict[str, Any]:
        """A chain's slots are shared by all its routes, for streams and bodies; around attempts each candidate has its own."""

        def make(*terms: Any) -> Slots:
            return self._kept(step, partial(Slots, *terms))

        return {"make": make, "key": caller_of, "on_wait": self._queue_wait}

    def rate_limit(self, step: Step) -> dict[str, Any]:
        """For each client's key (where there are no keys, for all together); around an attempt for its candidate."""
        key = caller_of if not self.label else self._this_candidate
        return {"limits": self.shared.limits(self._place(step)), "key": key, "cost": all_tokens}

    def share(self, step: Step) -> dict[str, Any]:
        """Identical requests of whoever may use the model."""
        return {"key": identity_of, "flights": self._kept(step, Flights, self._version), "scope": forked}

    def cache(self, step: Step) -> dict[str, Any]:
        """Whole answers to identical requests."""
        hit, miss = (self.shared.metrics.cached.labels(self.chain, word) for word in ("hit", "miss"))

        def found(scheduler: SchedulerBase | None) -> None:
            hit.inc()
            note(scheduler, step.name, "hit")

        return {
            "key": identity_of,
            "store": self._kept(step, Store, self._version),
            "keep": is_whole,
            "on_hit": found,
            "on_miss": lambda _: miss.inc(),
        }

    def redact(self, step: Step) -> dict[str, Any]:
        """Each block of an answer is a text of its own; one that is JSON may write a word in another way."""
        return {"over": Redacting, "spellings": spelled}

    def edit(self, step: Step) -> dict[str, Any]:
        """A person's function sees events, not batches."""
        return {"lift": over_events}

    def hedge(self, step: Step) -> dict[str, Any]:
        """Requests of a chain learn from each other how long a first event takes."""
        probes = {"on_hedge": self._on_hedge, "on_win": self._on_win, "on_lose": self._on_lose}
        return {**self.failover(step), **probes, "hedges": self._kept(step, Hedges)}

    def balance(self, step: Step) -> dict[str, Any]:
        """A session stays with its candidate, whose cache knows it, unless the order itself is the point."""
        session = None if step.options.get("by", "order") == "order" else session_of
        return {
            "key": label_of,
            "weight": weight_of,
            "loads": self.shared.state("loads", Loads),
            "turns": self._kept(step, Turns),
            "session": session,
            "random": self._random,
        }

    def fault(self, step: Step) -> dict[str, Any]:
        """A drill fails like a provider; all its routes count its ``times`` together, around attempts each candidate for itself.

        Raises ValueError for a status that no failure has.
        """
        status = step.options.get("status")
        if status is not None and status not in FAILURES:
            raise ValueError(f"fault: status must be from {FAILURES[0]} to {FAILURES[-1]}, not {status!r}")

        def make(times: int | None) -> Times:
            return self._kept(step, partial(Times, times))

        return {
            "failure": drilled,
            "garbage": garbled,
            "make": make,
            "random": self._random,
            "on_fault": self._tripped("fault"),
        }

    def mirror(self, step: Step) -> dict[str, Any]:
        """Any candidate can be asked the same. All routes of the chain share the step's ``most``."""

        def make(most: int) -> Slots:
            return self._kept(step, partial(Slots, most))

        return {"candidate": self._candidate, "make": make, "random": self._random, "on_mirrored": self._on_mirrored}

    def trace(self, step: Step) -> dict[str, Any]:
        """Whoever wants a trace of a request puts a sheet into its exchange; nobody does yet, so that it costs nothing."""
        return {"sheets": lambda scope: getattr(scope, "sheet", None)}

    def heartbeat(self, step: Step) -> dict[str, Any]:
        """The one batch that no attempt said."""
        return {"beat": BEAT}

    def _kept(self, step: Step, make: Callable[[], S], version: Hashable = None) -> S:
        """What the requests of this chain (around an attempt: for this candidate) share at this step; other options, another."""
        return self.shared.state(self._place(step), make, version)

    def _place(self, step: Step) -> Hashable:
        # Their printed form hides what must not be read, so it cannot tell options apart.
        options = tuple((name, repr(step.options[name])) for name in sorted(step.options))
        return self.chain, self.label, step.label, step.name, options

    def _this_candidate(self, scheduler: SchedulerBase | None) -> str:
        return self.label

    def _tripped(self, name: str) -> Callable[..., None]:
        """A probe that counts how often a step did something."""
        counter = self.shared.metrics.guard_trips.labels(name, self.chain)
        return lambda *_: counter.inc()

    def _queue_wait(self, seconds: float) -> None:
        self.shared.metrics.queue_wait.observe(seconds)

    def _remembered(self, scheduler: SchedulerBase | None) -> Said:
        assert isinstance(scheduler, Exchange)
        return Said(scheduler, elsewhere, partial(self._on_resumed, scheduler))

    def _on_resumed(self, exchange: Exchange, earlier: str, later: str, error: Exception) -> None:
        note(exchange, "resume", f"{later} goes on where {earlier} broke off ({classify(error).reason})")
        self.shared.metrics.failovers.labels(earlier, later, classify(error).reason, "stream").inc()

    def _on_hedge(self, slow: sentence.Attempt, started: sentence.Attempt) -> None:
        self.shared.metrics.tripped("hedge", self.chain)
        self.shared.metrics.hedges.labels(started.candidate.label, "launched").inc()

    def _on_win(self, winner: sentence.Attempt, hedge: bool) -> None:
        if hedge:
            self.shared.metrics.hedges.labels(winner.candidate.label, "won").inc()

    def _on_lose(self, loser: sentence.Attempt, hedge: bool, said: list[Batch]) -> None:
        metrics, label = self.shared.metrics, loser.candidate.label
        if hedge:
            metrics.hedges.labels(label, "lost").inc()
        tokens = max((all_tokens(batch) or 0 for batch in said), default=0)
        if tokens:
            metrics.lost_tokens.labels(label).add(tokens)

    def _on_mirrored(self, to: str, outcome: str) -> None:
        self.shared.metrics.mirrored.labels(to, outcome).inc()

    def _on_retry(self, number: int, error: Exception, wait: float) -> None:
        self.shared.metrics.attempts.labels(self.label, "retried", classify(error).reason).inc()
        # Nobody will hear more of it, and its frames know the answer that goes on.
        forget_frames(error)

    def _on_failover(self, earlier: sentence.Attempt, later: sentence.Attempt, error: Exception) -> None:
        reason = classify(error)
        self.shared.metrics.failovers.labels(
            earlier.candidate.label, later.candidate.label, reason.reason, phase_of(reason)
        ).inc()
        forget_frames(error)


_TABLE: Mapping[str, Callable[[Supplier, Step], Mapping[str, Any]]] = {
    "admit": Supplier.admit,
    "balance": Supplier.balance,
    "breaker": Supplier.breaker,
    "cache": Supplier.cache,
    "edit": Supplier.edit,
    "failover": Supplier.failover,
    "fault": Supplier.fault,
    "heartbeat": Supplier.heartbeat,
    "hedge": Supplier.hedge,
    "pipeline.steps:inject": lambda *_: {},
    "pipeline.steps:mirror": Supplier.mirror,
    "output_limit": Supplier.output_limit,
    "pace": Supplier.pace,
    "rate_limit": Supplier.rate_limit,
    "redact": Supplier.redact,
    "resume": Supplier.resume,
    "retry": Supplier.retry,
    "share": Supplier.share,
    "trace": Supplier.trace,
}
