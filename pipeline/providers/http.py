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
from yarl import URL

from operators.errors import TooLarge
from operators.source import FlowGate, from_async
from pipeline.dialects import DIALECTS
from pipeline.dispatch import payload
from pipeline.errors import GatewayError, Kind
from pipeline.exchange import Exchange
from pipeline.providers.frame import Frame, Head, Whole
from pipeline.providers.headers import to_client, to_provider
from pipeline.providers.pool import Answer, ConnectTimeout, Destination, Pool, request_head
from pipeline.request import Losses, Sent
from pipeline.resolve import Candidate
from pipeline.telemetry.context import passed_on

# An error body is read up to here; what is longer is not an explanation.
ERROR_BODY_LIMIT: Final = 256 * 1024

# A count that takes longer than an answer's first words is of no use, in seconds.
COUNT_PATIENCE: Final = 30.0

# DI-205: from this version on sampling parameters are refused; the older one still takes them.
VERSION_WITH_SAMPLING: Final = "2023-06-01"
VERSION_NEWEST: Final = "2026-10-21"


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
        self._pool = pool
        self._gauge = gauge
        self._connect_timeout = connect_timeout
        self._body_limit = body_limit
        headers = {key.lower(): value for key, value in headers.items()}
        base = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "penstock"}
        if credential is not None:
            base[credential[0]] = credential[1]
        self._fields = {
            streamed: {**base, **headers, "accept": "text/event-stream" if streamed else "application/json"}
            for streamed in (True, False)
        }
        self._heads = {streamed: request_head(self.url, fields) for streamed, fields in self._fields.items()}

    def open(self, candidate: Candidate) -> Observable[Frame]:
        """One attempt a subscription (see ``providers.Provider``)."""

        async def produce(push: Callable[[Frame], None], exchange: Exchange) -> None:
            # Each candidate loses what it loses; what an earlier one could not carry is no news.
            sent = exchange.send(Losses(candidate.target.allow), candidate.name)
            body = payload(exchange, candidate, sent)
            head = self._head(exchange, candidate, self.url, sent.number)
            self._gauge(1)
            try:
                response = await self._post(self._destination, head, body)
                try:
                    await self._read(response, push, exchange.gate, sent)
                finally:
                    # Not read to its end: the connection is of no use to anybody else (TR-S15).
                    response.close()
            finally:
                self._gauge(-1)

        return from_async(produce, scoped=True)

    async def count_tokens(self, body: bytes, exchange: Exchange, candidate: Candidate) -> int:
        """What a Messages provider says that the request holds, in tokens.

        Raises:
            GatewayError: it refused, cannot be reached, did not answer in time, or not with a number.
        """
        url = URL(self.base_url + DIALECTS[self.dialect].path + "/count_tokens", encoded=True)
        to = Destination(url, self._connect_timeout)
        try:
            async with asyncio.timeout(COUNT_PATIENCE):
                response = await self._post(to, self._head(exchange, candidate, url, 0), body)
                try:
                    if response.status != 200:
                        raise await self._refusal(response)
                    return int(orjson.loads(await _all(response.content, self._body_limit))["input_tokens"])
                finally:
                    response.close()
        except TimeoutError as error:
            raise GatewayError(Kind.TIMEOUT) from error
        except (aiohttp.ClientError, OSError) as error:
            raise GatewayError(Kind.CUT) from error
        except (KeyError, TypeError, ValueError, TooLarge) as error:
            raise GatewayError(Kind.BAD_REPLY) from error

    @cached_property
    def _destination(self) -> Destination:
        return Destination(self.url, self._connect_timeout)

    def _head(self, exchange: Exchange, candidate: Candidate, url: URL, number: int) -> bytes:
        own = to_provider(self.dialect, exchange.headers) if exchange.dialect.name == self.dialect else {}
        span = exchange.span
        own.update(passed_on(exchange.headers) if span is None else span.headers(number))
        own.update(exchange.added)
        fields = self._fields[exchange.stream]
        if self.dialect == "messages" and "anthropic-version" not in own and "anthropic-version" not in fields:
            own["anthropic-version"] = VERSION_WITH_SAMPLING if candidate.target.sampling else VERSION_NEWEST
        # Most clients send nothing that their provider has to see.
        return request_head(url, {**fields, **own}) if own or url is not self.url else self._heads[exchange.stream]

    async def _post(self, to: Destination, head: bytes, body: bytes) -> Answer:
        try:
            return await self._pool.post(to, head, body)
        except ConnectTimeout as error:
            text = f"The provider {self.name!r} did not accept a connection within {self._connect_timeout:g} s."
            raise GatewayError(Kind.UNREACHABLE, text) from error
        except (aiohttp.ClientConnectionError, OSError) as error:
            raise GatewayError(Kind.UNREACHABLE, f"The provider {self.name!r} cannot be reached.") from error
        except aiohttp.ClientError as error:
            raise GatewayError(Kind.BAD_REPLY, f"The provider {self.name!r} did not answer in HTTP.") from error

    async def _read(self, response: Answer, push: Callable[[Frame], None], gate: FlowGate, sent: Sent) -> None:
        if response.status >= 300:
            raise await self._refusal(response)
        head = Head(sent, response.status, response.content_type, to_client(response.headers.items()))
        content = response.content
        try:
            if "json" in head.content_type:
                push(Whole(head, await _all(content, self._body_limit)))
                return
            push(head)
            await response.forward(push, gate)
        except aiohttp.ClientPayloadError as error:
            raise GatewayError(Kind.CUT) from error
        except (aiohttp.ClientError, OSError) as error:
            raise GatewayError(Kind.CUT, "The connection to the provider was lost.") from error

    async def _refusal(self, response: Answer) -> GatewayError:
        if response.status < 400:
            return GatewayError(Kind.BAD_REPLY, f"The provider {self.name!r} answered with a redirect, which is not followed.")
        try:
            body = await response.content.read(ERROR_BODY_LIMIT)
            while len(body) < ERROR_BODY_LIMIT and not response.content.at_eof():
                body += await response.content.read(ERROR_BODY_LIMIT - len(body))
        except (aiohttp.ClientError, OSError):
            # The status alone says enough.
            body = b""
        headers = {name.lower(): value for name, value in response.headers.items()}
        error = DIALECTS[self.dialect].read_error(response.status, headers, body)
        error.headers = {**to_client(response.headers.items()), **error.headers}
        return error


async def _all(content: aiohttp.StreamReader, limit: int) -> bytes:
    """A whole body. Raises TooLarge over ``limit`` bytes."""
    data = await content.readany()
    pieces, size = [data], len(data)
    while size <= limit and not content.at_eof():
        data = await content.readany()
        pieces.append(data)
        size += len(data)
    if size > limit:
        raise TooLarge("body_limit", limit)
    return b"".join(pieces)
