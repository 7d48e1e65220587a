"""An OTLP receiver: takes spans over HTTP as collectors do, and reads them with the official classes."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PATIENCE: Final = 20.0


class Seen:
    """One span, with the service that made it and its attributes as plain values."""

    def __init__(self, service: str, span: Span) -> None:
        self.service = service
        self.span = span
        self.name = span.name
        self.trace_id = span.trace_id.hex()
        self.id = span.span_id.hex()
        self.parent = span.parent_span_id.hex()
        self.attributes = {
            each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value") for each in span.attributes
        }
        self.events = [
            (
                event.name,
                {each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value") for each in event.attributes},
            )
            for event in span.events
        ]


class Receiver:
    """Use as a context manager; ``url`` is what OTEL_EXPORTER_OTLP_ENDPOINT wants."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        self.raw: list[bytes] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                receiver.take(gzip.decompress(data) if self.headers.get("content-encoding") == "gzip" else data)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def take(self, data: bytes) -> None:
        """Read one request."""
        self.raw.append(data)
        for each in ExportTraceServiceRequest.FromString(data).resource_spans:
            service = next(fact.value.string_value for fact in each.resource.attributes if fact.key == "service.name")
            self.spans += [Seen(service, span) for scope in each.scope_spans for span in scope.spans]

    def wait(self, right: Callable[[list[Seen]], bool]) -> list[Seen]:
        """The spans, once they are right."""
        until = time.monotonic() + PATIENCE
        while not right(self.spans):
            assert time.monotonic() < until, [(span.service, span.name) for span in self.spans]
            threading.Event().wait(0.02)
        return self.spans

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
