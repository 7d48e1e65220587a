"""What is promised to clients, and by which numbers it is judged."""

from __future__ import annotations

from typing import Final

from pipeline.dashboards.model import share
from pipeline.errors import Kind

BROKEN: Final = tuple(
    kind.reason
    for kind in (
        *(Kind.PROVIDER, Kind.BAD_REPLY, Kind.CUT, Kind.UNREACHABLE, Kind.OVERLOADED, Kind.TIMEOUT, Kind.INTERNAL),
        # The gateway's own account or key at a provider.
        Kind.BILLING,
    )
)
"""Outcomes that break the promise. What a client did wrong, or did not wait for, does not."""

SUCCESS: Final = 0.995
"""Of the requests that a client asked right and waited for."""

FIRST_TOKEN: Final = 5.0
"""Seconds; a bound of the histogram."""
FIRST_TOKENS: Final = 0.95
"""Of the streams, within that time."""

REQUESTS: Final = "penstock_requests_total"
FIRST: Final = "gen_ai_server_time_to_first_token_seconds"


def broken_share(window: str, matchers: str = "") -> str:
    """PromQL: the share of requests that broke the promise."""
    broken = "|".join(BROKEN)
    bad = f'sum(rate({REQUESTS}{{outcome=~"{broken}"{matchers}}}[{window}]))'
    return f'{bad} / sum(rate({REQUESTS}{{outcome=~"ok|{broken}"{matchers}}}[{window}]))'


def good_share(window: str, matchers: str = "", by: str = "") -> str:
    """PromQL: the share of requests that kept it. ``by``: for each value of this label."""
    total = f"sum by ({by}) " if by else "sum"
    good = f'{total}(rate({REQUESTS}{{outcome="ok"{matchers}}}[{window}]))'
    return share(good, f'{total}(rate({REQUESTS}{{outcome=~"ok|{"|".join(BROKEN)}"{matchers}}}[{window}]))')


def quick_share(window: str, matchers: str = "") -> str:
    """PromQL: the share of streams whose first token came in time."""
    quick = f'sum(rate({FIRST}_bucket{{le="{FIRST_TOKEN}"{matchers}}}[{window}]))'
    inside = f"{{{matchers.removeprefix(',')}}}" if matchers else ""
    return f"{quick} / sum(rate({FIRST}_count{inside}[{window}]))"
