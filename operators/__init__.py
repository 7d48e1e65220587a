"""Guards for streams of anything, as operators of reactivex: plain functions from Observable to Observable.

Nothing here knows HTTP or language models. Your own operators need nothing else than :class:`Stream` and :class:`Link`.
"""

from operators.admit import Slots, admit
from operators.breaker import breaker, watch
from operators.buffer_limit import buffer_limit
from operators.catalog import CATALOG, build, options, resolve, validate
from operators.chain import Chain, Step
from operators.circuit import Circuit, Circuits
from operators.clock import Clock, Scope
from operators.commit import commits, retryable
from operators.edit import edit
from operators.errors import (
    ChainError,
    Elapsed,
    Exhausted,
    GuardError,
    Interrupted,
    NoScheduler,
    Overloaded,
    StepError,
    TooLarge,
    TooSlow,
)
from operators.failover import failover
from operators.heartbeat import heartbeat
from operators.output_limit import output_limit
from operators.redact import redact
from operators.redactor import Redactor
from operators.retry import retry
from operators.source import FlowGate, from_async
from operators.stream import Link, Operator, Stream
from operators.tap import tap
from operators.through import Codec, through
from operators.timeout import first_event_timeout, idle_timeout, total_timeout

__all__ = [
    "CATALOG",
    "Chain",
    "ChainError",
    "Circuit",
    "Circuits",
    "Clock",
    "Codec",
    "Elapsed",
    "Exhausted",
    "FlowGate",
    "GuardError",
    "Interrupted",
    "Link",
    "NoScheduler",
    "Operator",
    "Overloaded",
    "Redactor",
    "Scope",
    "Slots",
    "Step",
    "StepError",
    "Stream",
    "TooLarge",
    "TooSlow",
    "admit",
    "breaker",
    "buffer_limit",
    "build",
    "commits",
    "edit",
    "failover",
    "first_event_timeout",
    "from_async",
    "heartbeat",
    "idle_timeout",
    "options",
    "output_limit",
    "redact",
    "resolve",
    "retry",
    "retryable",
    "tap",
    "through",
    "total_timeout",
    "validate",
    "watch",
]
