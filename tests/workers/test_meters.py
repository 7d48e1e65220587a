"""Rates are one for all workers: over real forks, and over the real gateway."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from operators.errors import RateLimited
from operators.limits import Limits, Quota
from pipeline.workers.meters import Meters
from tests.support.gateway import Gateway
from tests.workers.load import Load, many


def test_what_forks_take_together_is_no_more_than_there_is() -> None:
    """Each takes all it gets; a fork's exit status says how much that was."""
    meters, now = Meters(), time.monotonic()
    children = []
    for _ in range(4):
        pid = os.fork()
        if not pid:
            limits = Limits(meter=meters.of)
            got = [limits.take("alice", Quota(requests=100), now) for _ in range(60)]
            os._exit(sum(not isinstance(each, RateLimited) for each in got))
        children.append(pid)
    taken = sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children)
    # Two that count at the same microsecond may count as one.
    assert 100 <= taken <= 104


def test_a_new_account_goes_on_with_what_was_used() -> None:
    meters = Meters()
    first, second = Limits(meter=meters.of), Limits(meter=meters.of)
    quota = Quota(requests=2, tokens=10)
    account = first.take("alice", quota, 5.0)
    assert not isinstance(account, RateLimited)
    assert account.tokens is not None
    account.tokens.charge(5.0, 10)
    assert isinstance(second.take("alice", quota, 5.0), RateLimited)
    assert not isinstance(second.take("bob", quota, 5.0), RateLimited)


def test_a_full_table_is_no_fault_and_no_meter_is_anothers() -> None:
    meters = Meters(places=3)
    for number in range(9):
        assert meters.of(number, rate=1, burst=1).take(now=5) == 0.0


def test_a_key_may_use_what_it_was_promised_whichever_worker_it_meets(tmp_path: Path) -> None:
    config: dict[str, Any] = {
        "models": [{"name": "known", "candidates": ["demo/fast"], "chain": "limited"}],
        "chains": {"limited": {"request": [{"rate_limit": {"requests": 30, "per": "1h"}}]}},
    }
    with Gateway(config, tmp_path, workers=2) as gateway:
        load = Load()
        asyncio.run(many(gateway.url, "known", 90, 6, load))
        assert load.ended.total() == 90
        assert 30 <= load.ended["ok"] <= 32
