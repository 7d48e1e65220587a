"""Bounds how often one address may guess a key (TR-X23), in bounded memory and without locking out its honest neighbours.

Behind one address there may be many clients (a proxy, a NAT). While it is over the limit, keys that it used well before are
still taken; every other key is refused unseen, so that guessing goes on at the pace of the window and no faster.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final, TypeVar

K = TypeVar("K")
V = TypeVar("V")

FAILURES: Final = 10
WINDOW: Final = 60.0
"""Seconds."""
REMEMBERED: Final = 4096
"""Addresses; beyond, the one that failed or logged in longest ago is forgotten."""


@lru_cache(maxsize=REMEMBERED)
def network_of(remote: str) -> str:
    """Whom an address stands for: an IPv6 host owns its whole /64.

    >>> network_of("2001:db8:0:1:aaaa::1"), network_of("192.0.2.7")
    ('2001:db8:0:1::/64', '192.0.2.7')
    """
    try:
        address = ip_address(remote.partition("%")[0])
    except ValueError:
        return remote
    if not isinstance(address, IPv6Address):
        return remote
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, 64), strict=False))


class LoginLimit:
    """Failed logins of each address in the last window.

    Args:
        failures: how many are allowed within the window.
        window: seconds.
        now: monotonic seconds.
    """

    def __init__(
        self,
        failures: int = FAILURES,
        window: float = WINDOW,
        *,
        remembered: int = REMEMBERED,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed = failures
        self._window = window
        self._remembered = remembered
        self._now = now
        self._failed: OrderedDict[str, list[float]] = OrderedDict()
        """Address -> when its latest failures were, at most as many as are allowed."""
        self._trusted: OrderedDict[tuple[str, str], None] = OrderedDict()
        """(address, name of a key) that logged in well."""

    def wait(self, remote: str) -> float:
        """Seconds until this address may try again; 0 when it may now."""
        if not self._failed:
            return 0.0
        times = self._failed.get(network_of(remote))
        if times is None or len(times) < self._allowed:
            return 0.0
        return max(0.0, times[0] + self._window - self._now())

    def fail(self, remote: str) -> None:
        """A key was wrong."""
        name = network_of(remote)
        times = self._failed.setdefault(name, [])
        times.append(self._now())
        del times[: -self._allowed]
        _keep(self._failed, name, self._remembered)

    def succeed(self, remote: str, key: str) -> None:
        """The key of this name was right."""
        mark = (network_of(remote), key)
        if mark not in self._trusted:
            self._trusted[mark] = None
        _keep(self._trusted, mark, self._remembered)

    def trusts(self, remote: str, key: str) -> bool:
        """Whether this address used the key of this name well before."""
        return (network_of(remote), key) in self._trusted


def _keep(table: OrderedDict[K, V], name: K, most: int) -> None:
    table.move_to_end(name)
    while len(table) > most:
        table.popitem(last=False)
