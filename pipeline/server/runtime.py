"""What a running gateway holds: the assembly in force, the requests in flight, the state of its doors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from operators.clock import Clock
from operators.slots import Slots
from pipeline.assemble import Assembly
from pipeline.exchange import Exchange
from pipeline.logs import Logs
from pipeline.metrics import Metrics
from pipeline.recorder import Recorder
from pipeline.server.auth import Keyring
from pipeline.server.cors import Cors
from pipeline.workers.colleagues import Colleagues

Handler = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]
"""(request, request id) -> response, or a GatewayError."""


@dataclass(slots=True)
class Runtime:
    """Replaced piece by piece in one go by a reload; read anew by each request."""

    assembly: Assembly
    keyring: Keyring
    cors: Cors
    metrics: Metrics
    recorder: Recorder
    logs: Logs
    colleagues: Colleagues
    clock: Clock
    started: int
    """Unix seconds."""
    slots: Callable[[], Sequence[Slots]] = list
    """All places where requests wait for a slot."""
    loop_lag: float = 0.0
    """How late the event loop was, in seconds, when it was last looked at."""
    draining: bool = False
    exchanges: set[Exchange] = field(default_factory=set)

    @property
    def body_limit(self) -> int:
        return self.assembly.config.server.body_limit

    def headers(self, request_id: str, extra: Mapping[str, str]) -> dict[str, str]:
        """What every response carries."""
        return {
            **extra,
            "x-request-id": request_id,
            "request-id": request_id,
            "x-penstock-config": self.assembly.config.digest,
        }
