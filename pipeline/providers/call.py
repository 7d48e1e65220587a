"""One attempt at a provider over HTTP: asked from inside the subscribing, answered from inside the reads of its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aiohttp

from operators.stream import Left, Link
from pipeline.dialects import DIALECTS
from pipeline.dispatch import payload
from pipeline.errors import GatewayError, Kind
from pipeline.providers.asking import ConnectTimeout
from pipeline.providers.frame import Frame, Head, Whole
from pipeline.providers.headers import to_client
from pipeline.request import Losses

if TYPE_CHECKING:
    from pipeline.exchange import Exchange
    from pipeline.providers.answer import Answer
    from pipeline.providers.asking import Asking
    from pipeline.providers.forward import Forward
    from pipeline.providers.http import HttpProvider
    from pipeline.resolve import Candidate

# An error body is read up to here; what is longer is not an explanation.
ERROR_BODY_LIMIT: Final = 256 * 1024


class Call(Link[Frame, Frame]):
    """One subscription. At its end the provider's connection is closed, unless its answer was read to the end (TR-S15)."""

    __slots__ = ("_answer", "_asking", "_body", "_exchange", "_head", "_provider", "_sent")

    def start(self, provider: HttpProvider, candidate: Candidate, exchange: Exchange) -> None:
        """Send the request.

        Raises:
            GatewayError: the candidate cannot carry it; nothing was sent, and this call never began.
        """
        # Each candidate loses what it loses; what an earlier one could not carry is no news.
        sent = self._sent = exchange.send(Losses(candidate.target.allow), candidate.name)
        body = payload(exchange, candidate, sent)
        head = provider.head(exchange, candidate, provider.url, sent.number)
        self._provider = provider
        self._exchange = exchange
        self._answer: Answer | None = None
        self._body: Forward | None = None
        asking = provider.pool.ask(provider.destination, head, body, self._answered, self._unanswered)
        self._asking: Asking | None = asking
        provider.gauge(1)
        asking.begin()

    def ended(self, how: Exception | Left | None) -> None:
        asking, body, answer = self._asking, self._body, self._answer
        self._asking = self._body = self._answer = None
        if asking is not None:
            asking.close()
        if body is not None:
            body.leave()
        if answer is not None:
            answer.close()
        self._provider.gauge(-1)

    def _answered(self, answer: Answer) -> None:
        self._asking = None
        self._answer = answer
        try:
            if answer.status < 300:
                self._accepted(answer)
            elif answer.status < 400:
                # Nobody is interested in its body, which may have no end.
                self.fail(refusal(self._provider, answer, b""))
            else:
                self._follow(answer.gather(ERROR_BODY_LIMIT, self._refused))
        except Exception as error:
            self.fail(error)

    def _accepted(self, answer: Answer) -> None:
        head = self._head = Head(self._sent, answer.status, answer.content_type, to_client(answer.headers.items()))
        if "json" in head.content_type:
            limit = self._provider.body_limit
            body = answer.at_hand(limit)
            if body is None:
                self._follow(answer.gather(limit, self._gathered))
            else:
                self._gathered(body, None)
        else:
            self._push(head)
            if not self.stopped:
                self._follow(answer.forward(self._push, self._exchange.gate, self._forwarded))

    def _follow(self, body: Forward) -> None:
        self._body = body
        body.begin()

    def _push(self, frame: Frame) -> None:
        try:
            self.receiver.on_next(frame)
        except Exception as error:
            self.fail(error)

    def _forwarded(self, error: BaseException | None) -> None:
        if error is None:
            self.complete()
        else:
            self.fail(broken(error))

    def _gathered(self, body: bytes, error: BaseException | None) -> None:
        if error is None:
            self._push(Whole(self._head, body))
            self.complete()
        else:
            self.fail(broken(error))

    def _refused(self, body: bytes, _: BaseException | None) -> None:
        # Where its body breaks off, the status alone says enough.
        answer = self._answer
        assert answer is not None
        try:
            error: Exception = refusal(self._provider, answer, body)
        except Exception as fault:
            error = fault
        self.fail(error)

    def _unanswered(self, error: Exception) -> None:
        self.fail(unanswered(self._provider, error))


def unanswered(provider: HttpProvider, error: Exception) -> Exception:
    """Why there is no answer. What is not the provider's doing stays what it is."""
    name = provider.name
    if isinstance(error, ConnectTimeout):
        text = f"The provider {name!r} did not accept a connection within {provider.connect_timeout:g} s."
        found = GatewayError(Kind.UNREACHABLE, text)
    elif isinstance(error, aiohttp.ClientConnectionError | OSError | UnicodeError):
        # The last one: its name cannot be that of a host.
        found = GatewayError(Kind.UNREACHABLE, f"The provider {name!r} cannot be reached.")
    elif isinstance(error, aiohttp.ClientError):
        found = GatewayError(Kind.BAD_REPLY, f"The provider {name!r} did not answer in HTTP.")
    else:
        return error
    found.__cause__ = error
    return found


def refusal(provider: HttpProvider, answer: Answer, body: bytes) -> GatewayError:
    """The error that a provider answered with; ``body`` is as much of its text as came."""
    if answer.status < 400:
        return GatewayError(Kind.BAD_REPLY, f"The provider {provider.name!r} answered with a redirect, which is not followed.")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    error = DIALECTS[provider.dialect].read_error(answer.status, headers, body[:ERROR_BODY_LIMIT])
    error.headers = {**to_client(answer.headers.items()), **error.headers}
    return error


def broken(error: BaseException) -> Exception:
    """Why a body ended before its end, as its reader tells it. What is not the provider's doing stays what it is."""
    if isinstance(error, Exception) and not isinstance(error, aiohttp.ClientError | OSError):
        return error
    if isinstance(error, aiohttp.ClientPayloadError) or not isinstance(error, Exception):
        found = GatewayError(Kind.CUT)
    else:
        found = GatewayError(Kind.CUT, "The connection to the provider was lost.")
    found.__cause__ = error
    return found
