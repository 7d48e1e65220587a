"""The sixteen faults of the crash test with the built-in default chain, in virtual time: its minutes cost nothing.

A model has two candidates, A then B. The table says what A does (and B, unless it is healthy), and which function judges. Each
row runs for every client dialect, streamed and not, with A in every dialect, by the default chain and by one that resumes. What
``tests/test_faults.py`` shows over real sockets with short limits, this shows of the limits that serve.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.support import virtual_faults as does
from tests.support import virtual_passes as passes
from tests.support.clients import DIALECTS
from tests.support.virtual_passes import Fault, Run
from tests.support.virtual_provider import CLOSE

FAULTS: Final = (
    Fault(
        "F01",
        "one 429 with Retry-After is waited for, and A answers",
        does.once(does.status(429, retry_after="1")),
        passes.waited_as_asked,
    ),
    Fault(
        "F02",
        "a 429 for ever: B answers, A is skipped while it cools down",
        does.status(429, retry_after="30"),
        passes.skipped_while_cooling_down,
    ),
    Fault("F03", "one 500 costs one retry of A", does.once(does.status(500)), passes.retried_at_a),
    Fault("F04", "503 for ever: B answers, the breaker of A opens", does.status(503), passes.opened_the_breaker),
    Fault("F05", "a reset before the headers: B answers", does.reset, passes.answered_by_b),
    Fault(
        "F06",
        "silence: B answers after the first-event limit, A is not retried",
        does.silent,
        passes.given_up_after_the_first_event_limit,
    ),
    Fault(
        "F07",
        "a first token after the limit: B answers, A's late tokens never appear",
        does.late,
        passes.given_up_after_the_first_event_limit,
    ),
    Fault("F08", "closed after 40 of 60 tokens: continued, or one error", does.broken(40, CLOSE), passes.broken_off_after(40)),
    Fault(
        "F08", "reset after 40 of 60 tokens: continued, or one error", does.broken(40, does.RESET), passes.broken_off_after(40)
    ),
    Fault(
        "F08",
        "an in-band error after 40 of 60 tokens: continued, or one error",
        does.says_failure(40),
        passes.broken_off_after(40),
        streamed=(True,),
    ),
    Fault(
        "F08",
        "a body that A streams and cuts: continued, or one error",
        does.broken(40, CLOSE, as_stream=True),
        passes.one_error_for_a_body,
        streamed=(False,),
    ),
    Fault(
        "F09", "a stall after 20 tokens: as F08, after the idle limit", does.broken(20), passes.broken_off_after(20, passes.IDLE)
    ),
    Fault("F10", "an event that is no JSON: as F08 from that point", does.garbled(20), passes.broken_off_after(20)),
    Fault("F10", "an event that is no JSON before the commit: B answers", does.garbled(0), passes.answered_by_b),
    Fault("F11", "a finish reason without the mark of the end is a complete answer", does.without_mark, passes.complete_at_once),
    Fault("F12", "a context that is too long is told, and tried nowhere else", does.too_long, passes.told_to_the_client),
    Fault(
        "F12",
        "a context that is too long goes to B where that is configured",
        does.too_long,
        passes.asked_elsewhere_as_configured,
        chains=("elsewhere",),
    ),
    Fault("F13", "a content filter is handed on, without a retry", does.filtered, passes.handed_on),
    Fault("F13", "a refusal is handed on, without a retry", does.refusing, passes.handed_on),
    Fault(
        "F14",
        "cut, and B rejects a prefill: the original error, nothing twice",
        does.broken(40, CLOSE),
        passes.original_error,
        does.refuses_prefill,
    ),
    Fault(
        "F15",
        "down for a while: B serves, A is probed and returns without a storm",
        does.down_at_first,
        passes.probed_and_returned,
    ),
    Fault(
        "F16",
        "a failover reports the model and the usage of who answered",
        does.status(503),
        passes.nothing_but_the_failed_one_counts,
    ),
)


@pytest.mark.parametrize(
    ("fault", "client", "stream", "chain", "a"),
    [
        pytest.param(fault, client, stream, chain, a, id=f"{fault}-{client}-{'stream' if stream else 'body'}-{chain}-A-{a}")
        for fault in FAULTS
        for client in DIALECTS
        for stream in fault.streamed
        for chain in fault.chains
        for a in DIALECTS
    ],
)
def test_a_fault_ends_as_the_crash_test_says(fault: Fault, client: str, stream: bool, chain: str, a: str) -> None:
    run = Run(fault, client, a, stream, chain)
    fault.passes(run)
    run.gateway.settle()


def test_the_table_holds_all_sixteen() -> None:
    assert {fault.id for fault in FAULTS} == {f"F{number:02}" for number in range(1, 17)}
