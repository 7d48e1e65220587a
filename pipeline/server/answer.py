"""What is behind each path: generate, count tokens, list models, health, metrics."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import Final

import orjson
from aiohttp import web
from prometheus_client.exposition import choose_encoder

from operators.tap import quietly
from pipeline.dialects import DIALECTS, Dialect
from pipeline.dispatch import payload
from pipeline.emit import Emission
from pipeline.errors import GatewayError, Kind, classify, forget_frames
from pipeline.exchange import Exchange, nothing_to_abort
from pipeline.exposition import END, blocks
from pipeline.parse import parse
from pipeline.providers.http import HttpProvider
from pipeline.request import Losses, Sent
from pipeline.resolve import Candidate, Route
from pipeline.server.auth import Caller
from pipeline.server.body import read_body
from pipeline.server.models import get_model, list_models
from pipeline.server.refusal import status_of
from pipeline.server.runtime import Handler, Runtime
from pipeline.server.tokens import estimate
from pipeline.summary import Summary
from pipeline.whole import Gathering
from pipeline.workers.colleagues import Unanswered

log = logging.getLogger("penstock")

# A service that has no such path says so in one of these ways.
_CANNOT_COUNT: Final = frozenset({Kind.NOT_FOUND, Kind.METHOD, Kind.UNSUPPORTED})


class Answerer:
    """The handlers. Each takes (request, request id) and returns a response or raises a GatewayError."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def generate(self, dialect: Dialect) -> Handler:
        """The handler of a dialect's own path."""
        return partial(self._generate, dialect)

    async def _generate(self, dialect: Dialect, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        runtime = self._runtime
        metrics = runtime.metrics
        began = time.monotonic()
        caller: Caller | None = None
        try:
            caller = self._authenticate(request)
            if runtime.draining:
                metrics.sheds.labels("draining").inc()
                raise GatewayError(Kind.OVERLOADED, "The gateway is stopping.", retry_after=1)
            if metrics.buffered > runtime.assembly.config.server.buffered_limit:
                raise self._shed()
            raw = await read_body(request, runtime.body_limit)
            exchange, route = self._begin(dialect, request, request_id, raw, caller, began)
        except (GatewayError, asyncio.CancelledError) as error:
            self._refused(dialect, request_id, began, error, caller)
            raise
        metrics.in_flight[dialect.name] += 1
        runtime.exchanges.add(exchange)
        quietly(runtime.recorder.begin, exchange, route)
        outcome, status = "client_left", None
        failure: GatewayError | None = None
        try:
            headers = self._headers(request, request_id)
            if exchange.stream:
                emission = Emission(exchange, request, headers, metrics.wait_for_clients, metrics.pauses.observe)
                response = await emission.run(route.stream)
            else:
                response = await Gathering(exchange).run(route.body, request, headers)
            status = response.status
            if not exchange.ended:
                failure = _told(exchange)
            outcome = "ok" if failure is None else failure.reason
            return response
        except (asyncio.CancelledError, ConnectionResetError):
            raise
        except Exception as error:
            failure = classify(error)
            outcome, status = failure.reason, status_of(failure, dialect)
            raise _tried(failure, exchange) from failure.__cause__
        finally:
            metrics.in_flight[dialect.name] -= 1
            runtime.exchanges.discard(exchange)
            quietly(self._ended, exchange, outcome, status, failure)
            # It knows the chain, the chain knows the exchange: neither waits for the collector.
            exchange.abort = nothing_to_abort

    def _ended(self, exchange: Exchange, outcome: str, status: int | None, failure: GatewayError | None) -> None:
        """Count and record a request that ended, each whatever becomes of the other."""
        summary = Summary(exchange, outcome, status, failure)
        quietly(self._runtime.metrics.ended, summary)
        self._runtime.recorder.end(exchange, summary, failure)

    def _refused(self, dialect: Dialect, request_id: str, began: float, error: BaseException, caller: Caller | None) -> None:
        """Count and record a request that came to nothing before it was known what it asks for (TR-O3)."""
        known = error if isinstance(error, GatewayError) else None
        outcome = "client_left" if known is None else known.reason
        self._runtime.metrics.refused(dialect.name, outcome)
        status = None if known is None else status_of(known, dialect)
        name = None if caller is None else caller.name
        quietly(self._runtime.recorder.refused, request_id, dialect.name, began, outcome, status, known, name)

    def _begin(
        self,
        dialect: Dialect,
        request: web.BaseRequest,
        request_id: str,
        raw: bytes,
        caller: Caller,
        began: float,
        *,
        counting: bool = False,
    ) -> tuple[Exchange, Route]:
        runtime = self._runtime
        exchange = parse(
            dialect,
            raw,
            runtime.clock,
            id=request_id,
            headers=request.headers,
            began=began,
            counting=counting,
        )
        if not caller.allows(exchange.model):
            raise caller.refuse(exchange.model, dialect.name)
        route = runtime.assembly.resolver.resolve(exchange.model)
        exchange.label = route.model
        exchange.caller = caller.name
        return exchange, route

    def _shed(self) -> GatewayError:
        """Slow clients hold too many bytes: new work waits, before the machine swaps."""
        limit = self._runtime.assembly.config.server.buffered_limit
        self._runtime.metrics.sheds.labels("buffered_limit").inc()
        text = f"More than {limit} bytes wait for slow clients (`server.buffered_limit`); try again shortly."
        return GatewayError(Kind.OVERLOADED, text, retry_after=1, limit="buffered_limit")

    def _authenticate(self, request: web.BaseRequest) -> Caller:
        return self._runtime.keyring.authenticate(request.headers, request.remote)

    async def count_tokens(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        """DI-106: from the provider where it can count, else an estimate that says so."""
        runtime = self._runtime
        caller = self._authenticate(request)
        raw = await read_body(request, runtime.body_limit)
        exchange, route = self._begin(DIALECTS["messages"], request, request_id, raw, caller, time.monotonic(), counting=True)
        headers = self._headers(request, request_id)
        tokens = await _counted(exchange, route.candidates[0])
        if tokens is None:
            tokens = estimate(exchange.request)
            headers["x-penstock-estimate"] = "true"
        return web.json_response({"input_tokens": tokens}, headers=headers)

    async def list_models(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        """DI-40, DI-110: one answer that both families of SDKs parse."""
        runtime = self._runtime
        caller = self._authenticate(request)
        body = list_models(self._models(), caller, runtime.started, request.query)
        return web.Response(body=body, headers=self._json(request, request_id))

    async def get_model(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        """DI-111. The id may hold slashes."""
        runtime = self._runtime
        caller = self._authenticate(request)
        name = request.path.partition("/models/")[2]
        body = get_model(self._models(), name, caller, runtime.started)
        return web.Response(body=body, headers=self._json(request, request_id))

    def _models(self) -> list[tuple[str, str]]:
        routes = self._runtime.assembly.resolver.routes
        return [(route.model, route.description) for route in routes]

    def _headers(self, request: web.BaseRequest, request_id: str) -> dict[str, str]:
        runtime = self._runtime
        return runtime.headers(request_id, runtime.cors.headers(request.headers))

    def _json(self, request: web.BaseRequest, request_id: str) -> dict[str, str]:
        return {"content-type": "application/json", **self._headers(request, request_id)}

    async def health(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        """Alive."""
        return web.Response(text="ok\n", headers=self._headers(request, request_id))

    async def ready(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        """Ready to take requests: not draining, and some candidate may be tried."""
        headers = self._headers(request, request_id)
        if self._runtime.draining:
            return web.Response(status=503, text="draining\n", headers=headers)
        if not self._runtime.assembly.reachable:
            return web.Response(status=503, text="no candidate can be reached\n", headers=headers)
        return web.Response(text="ready\n", headers=headers)

    async def metrics(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        """Prometheus, in the format that the scraper asks for: what all workers have counted.

        Scrapers have no key. Without keys only this machine is served, here as everywhere.
        """
        self._runtime.keyring.greet(request.headers, request.remote)
        content_type = _format(request.headers.get("accept", ""))
        openmetrics = content_type.startswith("application/openmetrics-text")
        response = web.StreamResponse(headers={**self._headers(request, request_id), "content-type": content_type})
        families = self._runtime.colleagues.families()
        try:
            first = await anext(families)
        except Unanswered:
            raise GatewayError(Kind.OVERLOADED, "What all workers have counted is not known now.", retry_after=1) from None
        await response.prepare(request)
        if request.method != "HEAD":
            for block in blocks(first, openmetrics=openmetrics):
                await response.write(block)
            async for family in families:
                for block in blocks(family, openmetrics=openmetrics):
                    await response.write(block)
                    # Streams go on between any two.
                    await asyncio.sleep(0)
            await response.write(END[openmetrics])
        return response

    async def summary(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        """TR-X19: what a stranger may know."""
        return web.Response(body=orjson.dumps({"name": "penstock", "status": "ok"}), headers=self._json(request, request_id))


async def _counted(exchange: Exchange, candidate: Candidate) -> int | None:
    """The candidate's own count; None where it cannot count, or does not now.

    Raises:
        GatewayError: the provider finds the request itself at fault.
    """
    provider = candidate.provider
    if not isinstance(provider, HttpProvider) or provider.dialect != "messages":
        return None
    try:
        return await provider.count_tokens(
            payload(exchange, candidate, Sent(1, Losses(candidate.target.allow))), exchange, candidate
        )
    except GatewayError as error:
        if error.retryable or error.kind in _CANNOT_COUNT:
            return None
        raise


def _format(accept: str) -> str:
    """The content type of metrics that a scraper asks for; plain text where nobody understands what it asks for."""
    try:
        return choose_encoder(accept)[1]
    except (TypeError, ValueError):
        return choose_encoder("")[1]


def own_fault(error: GatewayError, request_id: str) -> None:
    """TR-E17: a client is told nothing of a fault of ours, so the log tells all, under the request's id."""
    if error.kind is Kind.INTERNAL:
        log.error("request %s failed", request_id, exc_info=error.__cause__ or error)


def _told(exchange: Exchange) -> GatewayError:
    """The error that stands in the answer itself."""
    error = classify(exchange.error or GatewayError(Kind.CUT))
    own_fault(error, exchange.id)
    forget_frames(exchange.error)
    return error


def _tried(error: GatewayError, exchange: Exchange) -> GatewayError:
    """DI-116: what was tried several times here need not be tried again by the client's SDK."""
    error.headers = {**error.headers, "x-penstock-attempts": str(exchange.attempts)}
    if exchange.attempts > 1 and error.retry_after is None and "x-should-retry" not in error.headers:
        error.headers = {**error.headers, "x-should-retry": "false"}
    return error
