"""Providers behind HTTP, of any of the three dialects: one pooled client, one attempt a subscription.

Guarantees: the connection is closed at once when the attempt is disposed; redirects are never followed; a connect timeout of
its own; only allow-listed headers pass in either direction; every foreign exception leaves as a GatewayError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final

import aiohttp
import orjson
from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase
from yarl import URL

from operators.errors import TooLarge
from operators.stream import Stream
from pipeline.dialects import DIALECTS
from pipeline.errors import GatewayError, Kind
from pipeline.exchange import Exchange
from pipeline.providers.answer import Answer
from pipeline.providers.call import ERROR_BODY_LIMIT, Call, broken, refusal, unanswered
from pipeline.providers.frame import Frame
from pipeline.providers.headers import to_provider
from pipeline.providers.pool import Destination, Pool, request_head
from pipeline.resolve import Candidate
from pipeline.telemetry.context import passed_on

# A count that takes longer than an answer's first words is of no use, in seconds.
COUNT_PATIENCE: Final = 30.0

# DI-205: from this version on sampling parameters are refused; the older one still takes them.
VERSION_WITH_SAMPLING: Final = "2023-06-01"
VERSION_NEWEST: Final = "2026-10-21"


MOST_HEADS: Final = 16
"""Heads of versions that are kept."""

_VERSION: Final = {"anthropic-version"}


class HttpProvider:
    """One configured HTTP service.

    Args:
        name: as configured.
        dialect: of its wire.
        base_url: as its SDK takes it (the OpenAI one ends in /v1, the Anthropic one does not).
        credential: header name and value, or None.
        headers: further request headers of the operator's.
        connect_timeout: seconds for resolving, connecting and the TLS handshake together.
        body_limit: bytes of an answer that is no stream: it has to be read whole before it can be handed on.
        pool: the connections that all providers share.
        gauge: called with +1 and -1 around each open provider connection.
    """

    def __init__(
        self,
        name: str,
        dialect: str,
        base_url: str,
        *,
        credential: tuple[str, str] | None,
        headers: Mapping[str, str],
        connect_timeout: float,
        body_limit: int,
        pool: Pool,
        gauge: Callable[[int], None],
    ) -> None:
        self.name = name
        self.dialect = dialect
        self.base_url = base_url
        self.url = URL(base_url + DIALECTS[dialect].path, encoded=True)
        self.pool = pool
        self.gauge = gauge
        self.connect_timeout = connect_timeout
        self.body_limit = body_limit
        headers = {key.lower(): value for key, value in headers.items()}
        base = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "penstock"}
        if credential is not None:
            base[credential[0]] = credential[1]
        self._fields = {
            streamed: {**base, **headers, "accept": "text/event-stream" if streamed else "application/json"}
            for streamed in (True, False)
        }
        self._heads = {streamed: request_head(self.url, fields) for streamed, fields in self._fields.items()}
        self._of_versions: dict[tuple[bool, str], bytes] = {}

    def open(self, candidate: Candidate) -> Observable[Frame]:
        """One attempt a subscription (see ``providers.Provider`` and :class:`Call`)."""

        def subscribe(observer: ObserverBase[Frame], scheduler: SchedulerBase | None) -> Call:
            assert isinstance(scheduler, Exchange)
            call = Call().begin(observer)
            call.start(self, candidate, scheduler)
            return call

        return Stream(subscribe)

    async def count_tokens(self, body: bytes, exchange: Exchange, candidate: Candidate) -> int:
        """What a Messages provider says that the request holds, in tokens.

        Raises:
            GatewayError: it refused, cannot be reached, did not answer in time, or not with a number.
        """
        url = URL(self.base_url + DIALECTS[self.dialect].path + "/count_tokens", encoded=True)
        head = self.head(exchange, candidate, url, 0)
        try:
            async with asyncio.timeout(COUNT_PATIENCE):
                answer, text, error = await self._asked(self.pool.destination(url, self.connect_timeout), head, body)
        except TimeoutError as late:
            raise GatewayError(Kind.TIMEOUT) from late
        if answer.status != 200:
            raise refusal(self, answer, text)
        try:
            if error is not None:
                raise broken(error)
            return int(orjson.loads(text)["input_tokens"])
        except (KeyError, TypeError, ValueError, TooLarge) as useless:
            raise GatewayError(Kind.BAD_REPLY) from useless

    async def _asked(self, to: Destination, head: bytes, body: bytes) -> tuple[Answer, bytes, BaseException | None]:
        """An answer with as much of its body as is of use, and what broke it off."""
        try:
            answer = await self.pool.post(to, head, body)
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            raise unanswered(self, error) from error
        try:
            if 300 <= answer.status < 400:
                # Nobody is interested in its body, which may have no end.
                return answer, b"", None
            limit = self.body_limit if answer.status == 200 else ERROR_BODY_LIMIT
            return answer, *await answer.gathered(limit)
        finally:
            answer.close()

    @cached_property
    def destination(self) -> Destination:
        """Where it is asked. For the running event loop."""
        return self.pool.destination(self.url, self.connect_timeout)

    def head(self, exchange: Exchange, candidate: Candidate, url: URL, number: int) -> bytes:
        """The head of a request to ``url``, which is the ``number``-th attempt."""
        own = to_provider(self.dialect, exchange.headers) if exchange.dialect.name == self.dialect else {}
        span = exchange.span
        own.update(passed_on(exchange.headers) if span is None else span.headers(number))
        own.update(exchange.added)
        fields = self._fields[exchange.stream]
        if self.dialect == "messages" and "anthropic-version" not in own and "anthropic-version" not in fields:
            own["anthropic-version"] = VERSION_WITH_SAMPLING if candidate.target.sampling else VERSION_NEWEST
        if url is self.url:
            if not own:
                # Most clients send nothing that their provider has to see.
                return self._heads[exchange.stream]
            if own.keys() == _VERSION:
                return self._versioned(exchange.stream, own["anthropic-version"])
        return request_head(url, {**fields, **own})

    def _versioned(self, streamed: bool, version: str) -> bytes:
        """The head of a request that says nothing of its own but the version: most of a Messages provider."""
        key = streamed, version
        head = self._of_versions.get(key)
        if head is None:
            head = request_head(self.url, {**self._fields[streamed], "anthropic-version": version})
            if len(self._of_versions) >= MOST_HEADS:
                # A client may send anything; there are few that are true.
                self._of_versions.clear()
            self._of_versions[key] = head
        return head
