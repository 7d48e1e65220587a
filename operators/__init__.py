"""Guards for streams of anything, as operators of reactivex: plain functions from Observable to Observable.

Nothing here knows HTTP or language models. Your own operators need nothing else than :class:`Stream` and :class:`Link`.
"""

from operators.admit import admit
from operators.balance import Turns, balance
from operators.breaker import breaker, watch
from operators.budget import Budget
from operators.buffer_limit import buffer_limit
from operators.cache import Store, cache
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
    Injected,
    Interrupted,
    NoScheduler,
    Overloaded,
    RateLimited,
    StepError,
    TooCostly,
    TooLarge,
    TooSlow,
)
from operators.failover import failover
from operators.fault import fault
from operators.gcra import Gcra
from operators.heartbeat import heartbeat
from operators.hedge import hedge
from operators.hedges import FirstEvents, Hedges
from operators.inject import inject
from operators.limits import Limits, Quota
from operators.load import Load, Loads
from operators.measure import measure
from operators.mirror import mirror
from operators.output_limit import output_limit
from operators.pace import pace
from operators.rate_limit import rate_limit
from operators.redact import redact
from operators.redactor import Redactor
from operators.resume import Memory, resume
from operators.retry import retry
from operators.shadow import Summary
from operators.share import Flights, share
from operators.sheet import Sheet
from operators.slots import Slots
from operators.source import FlowGate, from_async
from operators.stream import Link, Operator, Stream
from operators.tap import tap
from operators.through import Codec, through
from operators.timeout import first_event_timeout, idle_timeout, total_timeout
from operators.trace import trace

__all__ = [
    "CATALOG",
    "Budget",
    "Chain",
    "ChainError",
    "Circuit",
    "Circuits",
    "Clock",
    "Codec",
    "Elapsed",
    "Exhausted",
    "FirstEvents",
    "Flights",
    "FlowGate",
    "Gcra",
    "GuardError",
    "Hedges",
    "Injected",
    "Interrupted",
    "Limits",
    "Link",
    "Load",
    "Loads",
    "Memory",
    "NoScheduler",
    "Operator",
    "Overloaded",
    "Quota",
    "RateLimited",
    "Redactor",
    "Scope",
    "Sheet",
    "Slots",
    "Step",
    "StepError",
    "Store",
    "Stream",
    "Summary",
    "TooCostly",
    "TooLarge",
    "TooSlow",
    "Turns",
    "admit",
    "balance",
    "breaker",
    "buffer_limit",
    "build",
    "cache",
    "commits",
    "edit",
    "failover",
    "fault",
    "first_event_timeout",
    "from_async",
    "heartbeat",
    "hedge",
    "idle_timeout",
    "inject",
    "measure",
    "mirror",
    "options",
    "output_limit",
    "pace",
    "rate_limit",
    "redact",
    "resolve",
    "resume",
    "retry",
    "retryable",
    "share",
    "tap",
    "through",
    "total_timeout",
    "trace",
    "validate",
    "watch",
]
