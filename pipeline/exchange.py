"""One request's context, handed on by hand: what every station may know of the exchange it works for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from operators.clock import Clock, Scope
from operators.source import FlowGate
from pipeline.events import UNKNOWN, Opened
from pipeline.request import Answering, Losses, Request, Sent
from pipeline.wire.jsontext import bounded, write_json

if TYPE_CHECKING:
    from pipeline.chain import Attempt
    from pipeline.dialects import Dialect
    from pipeline.telemetry.context import Span
    from pipeline.traces import Trace

# More than this waiting for a slow client shuts the flow gate; the provider's socket then slows down (RELIABILITY).
HIGH_WATER = 64 * 1024

NOTHING_LOST = Losses()
NO_HEADERS: Mapping[str, str] = {}


def nothing_to_abort(error: Exception) -> None:
    """The chain is not subscribed yet, or no more."""


class Exchange(Scope):
    """A client's request and everything learned about its answer so far.

    Made once a request by the server; lives until the answer ended or the client left. Nothing here is shared between requests.
    It is the scope of its chain's one subscription: the chain is built once for all requests, and every station finds here, in
    the scheduler that the operators hand on, whom it works for.
    """

    gate: FlowGate

    opened: Opened | None = None
    """The attempt whose answer the client gets; set when its first event passes the encoder."""
    usage = UNKNOWN
    """What is known of it. Replaced as more becomes known, never changed."""
    error: Exception | None = None
    """What the answer failed with, before or after it was opened."""
    queued_since: float | None = None
    """When all of its attempts under way began to stand in a queue, on the clock of ``began``; None where they do not."""
    waited = 0.0
    """Seconds in queues, without the one in which it stands now."""
    first_event_at: float | None = None
    first_write_at: float | None = None
    ways: Sequence[Attempt] = ()
    """The attempts at all candidates of its route, in their order; set when the first one is looked for."""
    caller = ""
    """The name of the client's key; "" where there are no keys."""
    added: Mapping[str, str] = NO_HEADERS
    """Headers of the operator's that every provider request of this exchange carries."""
    rewritten = False
    """Whether the answer is written anew although its bytes are in the client's own form: it is a part of another one."""
    trace: Trace | None = None
    """Where the taps write what they see; None: nobody wants to know."""
    span: Span | None = None
    """Its ids where spans are made; None: the client's trace context is passed on as it came."""
    shared = False
    """Whether its answer goes to several clients (``share``)."""
    _neutral: Request | None = None

    def __init__(
        self,
        clock: Clock,
        id: str,
        dialect: Dialect,
        body: dict[str, Any],
        raw: bytes,
        headers: Mapping[str, str],
        began: float | None = None,
    ) -> None:
        super().__init__(clock, FlowGate())
        self.id = id
        self.dialect = dialect
        self.body = body
        self.raw = raw
        self.headers = headers
        """The client's request headers; only allow-listed ones ever leave."""
        self.model: str = body["model"]
        self.stream: bool = bool(body.get("stream"))
        self.label = "other"
        """The model's bounded name for metrics: as configured, never as the client wrote it."""
        self.parsed_at = time.monotonic()
        self.began = self.parsed_at if began is None else began
        """Monotonic time at which the request was taken; the marks above are on the same clock."""
        self.attempts = 0
        self.abort: Callable[[Exception], None] = nothing_to_abort
        """End the answer with an error, from outside (drain). Set while the chain is subscribed."""
        self.ended = False
        """The provider said that the answer is complete, and all of it was encoded."""

    def fork(self) -> Exchange:
        """Another exchange for the same request, with an answer, a gate, clocks and attempts of its own, and not traced."""
        fork = Exchange(self, self.id, self.dialect, self.body, self.raw, self.headers, self.began)
        fork.label, fork.caller, fork.added = self.label, self.caller, self.added
        return fork

    def amended(self, body: dict[str, Any] | None, headers: Mapping[str, str] = NO_HEADERS) -> Exchange:
        """The same exchange with another request: all but what is asked for is shared with this one.

        Args:
            body: the request in the client's dialect, where it is another one.
            headers: further headers of the operator's for the provider requests.

        Raises:
            GatewayError: the body cannot be written.
        """
        return Amended(self, body, headers)

    def send(self, losses: Losses, candidate: str = "") -> Sent:
        """Another attempt goes out. Two may be under way at the same time, so what belongs to one is not kept here.

        ``candidate``: its name, under which a span finds the attempt.
        """
        self.attempts += 1
        if self.span is not None and self.trace is not None:
            self.trace.sent(candidate, self.attempts)
        return Sent(self.attempts, losses)

    def queued(self, waiting: bool) -> None:
        """It begins to stand in a queue, or has left it."""
        now = time.monotonic()
        if self.queued_since is not None:
            self.waited += now - self.queued_since
        self.queued_since = now if waiting else None

    @property
    def losses(self) -> Losses:
        """What the request that was accepted could not carry."""
        return NOTHING_LOST if self.opened is None else self.opened.sent.losses

    @property
    def request(self) -> Request:
        """The request in neutral form, parsed when first needed: a same-dialect exchange never needs it.

        Raises:
            GatewayError: the body is not a valid request of its dialect.
        """
        if self._neutral is None:
            self._neutral = self.dialect.parse(bounded(self.body, self.raw))
        return self._neutral

    def answering(self, *, relayed: bool, seal: Callable[[str, str], str | None]) -> Answering:
        """What an encoder needs. A relay gets the bare request: it never looks into it."""
        request = Request(self.dialect.name, self.model, self.stream, self.body) if relayed else self.request
        return Answering(request=request, request_id=self.id, losses=self.losses, created=int(time.time()), seal=seal)


def _of_original(name: str) -> Any:
    def get(self: Amended) -> Any:
        return getattr(self.original, name)

    def set_(self: Amended, value: Any) -> None:
        setattr(self.original, name, value)

    return property(get, set_)


class Amended(Exchange):
    """An exchange whose request was changed on its way; see ``Exchange.amended``."""

    attempts = _of_original("attempts")
    ended = _of_original("ended")
    opened = _of_original("opened")
    ways = _of_original("ways")

    def __init__(self, original: Exchange, body: dict[str, Any] | None, headers: Mapping[str, str]) -> None:
        self.original = original
        for name, value in vars(original).items():
            if name not in _SHARED:
                setattr(self, name, value)
        if body is not None:
            self.body, self.raw, self._neutral = body, write_json(body), None
        self.added = {**original.added, **headers}


_SHARED: Final = frozenset(name for name, value in vars(Amended).items() if isinstance(value, property)) | {"original"}
