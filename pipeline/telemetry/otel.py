"""Spans on their way to an OTLP receiver, in a thread of the SDK's own: what happens there never reaches a stream.

Endpoint, headers, sampling, resource and batching are those of the SDK's variables (``OTEL_EXPORTER_OTLP_ENDPOINT``,
``OTEL_TRACES_SAMPLER``, ``OTEL_RESOURCE_ATTRIBUTES`` and the others).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState, set_span_in_context
from opentelemetry.trace.status import Status, StatusCode

from pipeline.config import Config
from pipeline.exchange import Exchange
from pipeline.telemetry.context import Parent, Span, parent_of
from pipeline.telemetry.spans import OPERATION, Told, spans

_KINDS: Final = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT}
_NANO: Final = 1_000_000_000


def telemetry(version: str, config: Config) -> Telemetry | None:
    """What the configuration asks for; None where OTEL_SDK_DISABLED says that nothing is to be sent."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    return Telemetry(version, config)


class Telemetry:
    """Makes spans of requests that ended. One for each process: it has a thread.

    Args:
        version: of the gateway.
        config: where its providers are reached.
    """

    def __init__(self, version: str, config: Config) -> None:
        named = Resource.create({SERVICE_VERSION: version})
        if str(named.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
            named = named.merge(Resource({SERVICE_NAME: "penstock"}))
        # Only for what it reads of the environment: the sampler, the limits, the makers of ids.
        self._provider = TracerProvider(resource=named, shutdown_on_exit=False)
        self._processor = BatchSpanProcessor(OTLPSpanExporter())
        self._scope = InstrumentationScope("penstock", version)
        self._servers: dict[str, tuple[str, int]] = {}
        self.use(config)

    def use(self, config: Config) -> None:
        """Another configuration is in force."""
        urls = {name: urlsplit(provider.base_url) for name, provider in config.providers.items() if provider.base_url}
        self._servers = {
            name: (url.hostname, url.port or (443 if url.scheme == "https" else 80)) for name, url in urls.items() if url.hostname
        }

    def begin(self, exchange: Exchange) -> None:
        """A request was taken: it gets its ids, and it is decided whether it is sampled."""
        ids = self._provider.id_generator
        parent = parent_of(exchange.headers)
        trace_id = parent.trace_id if parent is not None else ids.generate_trace_id()
        chosen = self._provider.sampler.should_sample(
            _context(parent), trace_id, f"{OPERATION} {exchange.label}", SpanKind.SERVER, {"gen_ai.operation.name": OPERATION}
        )
        state = chosen.trace_state.to_header() if chosen.trace_state else ""
        exchange.span = Span(
            trace_id,
            ids.generate_span_id(),
            parent,
            sampled=chosen.decision is Decision.RECORD_AND_SAMPLE,
            state=state,
            new_id=ids.generate_span_id,
        )

    def end(self, span: Span, trace: Mapping[str, Any]) -> None:
        """A sampled request ended: its spans go into the queue of the sender, whatever becomes of them there.

        Args:
            span: its ids.
            trace: its record in JSON, as it may be shown; stages are not needed.
        """
        for told in spans(trace, self._servers.get):
            self._processor.on_end(self._made(span, told))

    def _made(self, span: Span, told: Told) -> ReadableSpan:
        own = self._named(span, span.span_id)
        parent = None
        if told.attempt:
            parent = own
            own = self._named(span, span.attempt(told.attempt))
        elif span.parent is not None:
            parent = _remote(span.parent)
        return ReadableSpan(
            told.name,
            own,
            parent,
            self._provider.resource,
            attributes=told.attributes,
            events=[Event(event.name, event.attributes, int(event.at * _NANO)) for event in told.events],
            kind=_KINDS[told.kind],
            status=Status(StatusCode.ERROR, told.error) if told.error else Status(),
            start_time=int(told.began * _NANO),
            end_time=int(told.ended * _NANO),
            instrumentation_scope=self._scope,
        )

    def _named(self, span: Span, span_id: int) -> SpanContext:
        flags = TraceFlags(TraceFlags.SAMPLED)
        return SpanContext(span.trace_id, span_id, is_remote=False, trace_flags=flags, trace_state=_state(span.state))

    def close(self, seconds: float) -> None:
        """Send what is left, for so many seconds at most; afterwards nothing is sent any more. It blocks: call it in a thread."""
        # A receiver that does not answer would hold the end of the process up.
        sender = threading.Thread(target=self._processor.shutdown, daemon=True, name="penstock-otel-close")
        sender.start()
        sender.join(seconds)


def _context(parent: Parent | None) -> Context:
    return Context() if parent is None else set_span_in_context(NonRecordingSpan(_remote(parent)), Context())


def _remote(parent: Parent) -> SpanContext:
    flags = TraceFlags(parent.flags)
    return SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags, trace_state=_state(parent.state))


def _state(text: str) -> TraceState:
    return TraceState.from_header([text]) if text else TraceState()
