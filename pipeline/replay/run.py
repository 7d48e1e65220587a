"""A recorded request through a chain, in virtual time: assembled as for serving, but for providers that play the recording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast

from reactivex.abc import DisposableBase, ObserverBase

from operators.circuit import Circuits
from operators.virtual import VirtualClock
from pipeline.assemble import assemble
from pipeline.config import Config, ModelConfig, ProviderConfig, ServerConfig
from pipeline.config.problems import nearest
from pipeline.dialects import DIALECTS
from pipeline.effective import chains
from pipeline.errors import GatewayError, Kind, classify
from pipeline.exchange import Exchange
from pipeline.metrics import Metrics
from pipeline.played import almost_one
from pipeline.replay.axis import shown
from pipeline.replay.model import in_turn, model_of, without_turns
from pipeline.replay.players import Player, Stage, healthy
from pipeline.replay.recording import Recording, ReplayError, recording
from pipeline.shared import Shared
from pipeline.summary import Summary
from pipeline.traces import Trace
from pipeline.traces.row import CODES

Others = Literal["healthy", "silent", "failing"]
"""What a candidate does that was never asked."""

LONGEST: Final = 3600.0
"""Seconds that a replay goes on behind the recorded end: a chain without limits may wait for ever."""

_NOT_RECORDED: Final = "(not recorded)"
_BODIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "chat": {"messages": [{"role": "user", "content": _NOT_RECORDED}]},
    "responses": {"input": _NOT_RECORDED},
    "messages": {"messages": [{"role": "user", "content": _NOT_RECORDED}], "max_tokens": 1024},
}


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of it. ``own``: the chain has the name of the recorded one, so that the same should have come of it."""

    chain: str
    own: bool
    recorded: Recording
    replayed: Recording
    notes: tuple[str, ...]
    """What was assumed, and what cannot be known; a sentence each."""
    unknown: Mapping[int, float]
    """Attempt of the replay -> from when on, in seconds, it is not known what it would have done."""


def replay(recorded: Recording, config: Config, chain: str | None, others: Others) -> Replay:
    """Run it.

    Args:
        recorded: the request.
        config: where chains and candidates are looked up.
        chain: its name; None takes the recording's own.
        others: what a candidate does that was never asked.

    Raises:
        ReplayError: there is no such chain, or nobody could be asked.
        ConfigError: a chain of the configuration makes no sense.
    """
    name = chain or recorded.chain or "default"
    known = chains(config)
    if name not in known:
        where = "" if chain else "the request ran through it, and "
        raise ReplayError(f'there is no chain "{name}": {where}{config.source} has {", ".join(known)}.{nearest(name, known)}')
    return _Run(recorded, config, model_of(recorded, config, name), others, own=name == (recorded.chain or "default")).run()


class _Run:
    def __init__(self, recorded: Recording, config: Config, model: ModelConfig, others: Others, *, own: bool) -> None:
        self._own = own
        self._recorded = recorded
        self._model = model
        self._others = others
        self._clock = VirtualClock()
        self._balanced = model.balance != "order" or any(step.name == "balance" for step in chains(config)[model.chain].steps)
        if self._balanced:
            self._model = in_turn(recorded, model)
        self._circuits = Circuits(now=lambda: self._clock.second)
        self._stage = Stage(recorded, others, lambda: self._clock.second, waits=own)
        self._config = config
        self._route = self._assembled()
        self._skipped = list(self._left_out())

    def _assembled(self) -> Any:
        """The chain as for serving. Quotas of clients and queues of providers belong to many requests: there are none."""
        names = dict.fromkeys(candidate.provider for candidate in self._model.candidates)
        config = replace(
            self._config,
            server=ServerConfig(),
            providers={name: ProviderConfig(name) for name in names},
            models=(self._model,),
            chains={name: without_turns(chain) for name, chain in self._config.chains.items()},
        )
        shared = Shared(cast(Any, None), Metrics("replay"), self._circuits)
        return assemble(config, shared, lambda provider: Player(provider.name, self._stage), almost_one).resolver.routes[0]

    def _left_out(self) -> Iterator[str]:
        """Candidates that stand before one that was asked, and were not: their circuit was open."""
        uses = [candidate.use for candidate in self._model.candidates]
        asked = {attempt.candidate for attempt in self._recorded.attempts}
        last = max((index for index, use in enumerate(uses) if use in asked), default=-1)
        nobody = not asked and self._recorded.outcome not in ("ok", "client_left") and not self._recorded.trips
        for use in uses if nobody else uses[:last]:
            if use not in asked:
                ticket = self._circuits.of(use).begin()
                assert ticket is not None
                ticket.fail(_Down(self._recorded))
                yield use

    def run(self) -> Replay:
        exchange, trace = self._exchange()
        client = _Client(exchange, trace)
        self._clock.advance(self._recorded.parsed + self._recorded.queued)
        stream = self._route.stream if self._recorded.stream else self._route.body
        client.subscription = stream.subscribe(client, scheduler=exchange)
        left = self._recorded.seconds if self._recorded.outcome == "client_left" else None
        self._until(client, left)
        replayed = self._told(exchange, trace, client)
        unknown = {replayed.of(use)[number - 1]: known for use, known, number in self._stage.unknown(replayed.ended)}
        since = {attempt.number: attempt.began + known for attempt, known in unknown.items()}
        return Replay(self._model.chain, self._own, self._recorded, replayed, tuple(self._notes(replayed)), since)

    def _exchange(self) -> tuple[Exchange, Trace]:
        recorded = self._recorded
        body = {"model": recorded.asked, "stream": recorded.stream, **_BODIES[recorded.dialect]}
        exchange = Exchange(self._clock, recorded.id, DIALECTS[recorded.dialect], body, b"{}", {})
        digest, now, chain = self._config.digest, lambda: self._clock.second, self._model.chain
        trace = Trace(recorded.id, recorded.at, 0.0, recorded.dialect, 0, digest, now, chain)
        exchange.trace = trace
        return exchange, trace

    def _until(self, client: _Client, left: float | None) -> None:
        """Let time pass until the client has its answer, or left."""
        loop = self._clock.virtual
        until = self._recorded.ended + LONGEST if left is None else left
        while not client.over:
            due = min((handle.when for handle in loop.waiting), default=until)
            if due >= until:
                break
            loop.run(due)
        if not client.over:
            loop.run(until)
            client.leave()

    def _told(self, exchange: Exchange, trace: Trace, client: _Client) -> Recording:
        """The replay as a recording."""
        recorded, opened = self._recorded, exchange.opened
        outcome = "ok"
        status: int | None = 200
        cause: tuple[str, str] | None = None
        if client.left and not exchange.ended:
            outcome, status = "client_left" if recorded.outcome == "client_left" else "", None
        elif not exchange.ended:
            error = classify(client.error or exchange.error or GatewayError(Kind.CUT))
            outcome, status, cause = error.reason, error.status, (error.reason, error.message)
        trace.end(
            Summary.of(
                kind=(recorded.dialect, recorded.model, "", outcome, outcome, recorded.stream),
                asked=recorded.asked,
                parsed=recorded.parsed,
                answered_by=opened.candidate if opened is not None else "",
                over=client.ended_at if client.ended_at is not None else self._clock.second,
                status=status,
                error=cause,
            )
        )
        client.let_go()
        told = trace.to_json()
        return recording(told)

    def _notes(self, replayed: Recording) -> Iterator[str]:
        recorded = self._recorded
        if self._balanced and len(self._model.candidates) > 1:
            yield "Whose turn it was (balance) depends on other requests: candidates are asked in the order of the recording."
        yield from (
            f"{use} stands before who was asked and was not asked itself: its breaker is taken as open." for use in self._skipped
        )
        for use in self._stage.asked:
            known, tries = len(recorded.of(use)), self._stage.tries(use)
            if not known:
                yield f"{use} was not asked in the recording: {self._assumption()} (--others healthy, silent or failing)."
            elif tries > known:
                yield f"{use} was asked {tries} times, {known} of them recorded: the others are assumed to go as its last one."
        for use, known_for, number in self._stage.unknown(replayed.ended):
            yield (
                f"Unknown after {shown(known_for)} of try {number} at {use}: it was let go there, so what it would have said "
                "is not recorded. The replay takes it as silent from then on."
            )
        if recorded.queued:
            yield f"The request waited {shown(recorded.queued)} in queues. That is kept: queues depend on other requests."
        if not replayed.outcome:
            yield f"The replay was stopped after {shown(replayed.ended)}: nothing in this chain would have ended it."

    def _assumption(self) -> str:
        if self._others == "silent":
            return "assumed silent"
        if self._others == "failing":
            return "assumed to fail with 503 at once"
        model = healthy(self._recorded)
        return "assumed to answer " + (f"as {model.candidate} did" if model is not None else "with one word after 1 s")


class _Down(GatewayError):
    """Why a circuit was open: with the words in which the request failed, where it did for that."""

    def __init__(self, recorded: Recording) -> None:
        name = recorded.outcome.upper()
        super().__init__(Kind[name] if name in Kind.__members__ else Kind.OVERLOADED)

    @property
    def cool_down(self) -> float:
        return LONGEST * 2


class _Client(ObserverBase[bytes]):
    """Takes the answer, as fast as it comes."""

    def __init__(self, exchange: Exchange, trace: Trace) -> None:
        self.subscription: DisposableBase | None = None
        self.error: Exception | None = None
        self.ended_at: float | None = None
        self.left = False
        self._exchange = exchange
        self._trace = trace

    @property
    def over(self) -> bool:
        return self.ended_at is not None

    def on_next(self, data: bytes) -> None:
        if not self.over:
            self._trace.client.add(self._trace.now(), CODES["bytes"], len(data))
        if self._exchange.ended:
            self._end("completed")

    def on_error(self, error: Exception) -> None:
        self.error = error
        self._end("error")

    def on_completed(self) -> None:
        self._end("completed")

    def leave(self) -> None:
        """The client went, or nobody waits any longer."""
        self.left = True
        self._end("dispose")

    def _end(self, how: str) -> None:
        if self.ended_at is None:
            self.ended_at = self._trace.now()
            # An error that an encoder said in the answer's own form completes the stream.
            said = how == "completed" and not self._exchange.ended
            self._trace.client.add(self.ended_at, CODES["error" if said else how])

    def let_go(self) -> None:
        if self.subscription is not None:
            self.subscription.dispose()
