"""What the tests of the nine pairs share: one scripted provider under three names, the gateway before it, the list of pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import pytest

from tests.support.clients import DIALECTS, Outcome, ask, hello
from tests.support.gateway import Gateway
from tests.support.scripted import Lane, Script, ScriptedProvider

IDLE: Final = 0.3
"""Seconds of silence that the configured chain forgives in the middle of an answer."""

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass
class Pairs:
    """Each lane's model is named after the provider's dialect; the configuration passes the name on as it is."""

    provider: ScriptedProvider
    gateway: Gateway

    def lane(self, pair: str, *scripts: Script) -> Lane:
        """A model of the pair's provider that is answered by these scripts."""
        return self.provider.lane(*scripts, name=f"{pair.split(':')[1]}>")

    def ask(self, pair: str, lane: Lane, *, stream: bool, request: Mapping[str, Any] | None = None) -> Outcome:
        """The lane's answer through the gateway, as the client's official SDK has it."""
        client = pair.split(":")[0]
        return ask(client, self.gateway.base_url(client), hello(client, lane.model) | dict(request or {}), stream=stream)

    def direct(self, pair: str, lane: Lane, *, stream: bool) -> Outcome:
        """The same answer without the gateway, as the provider's official SDK has it."""
        dialect = pair.split(":")[1]
        return ask(dialect, self.provider.base_url(dialect), hello(dialect, lane.model), stream=stream)


def configuration(provider: ScriptedProvider) -> dict[str, Any]:
    """A provider of each dialect and a chain that tries once, so that what the provider says is what the client gets."""
    return {
        "providers": {
            dialect: {"dialect": dialect, "base_url": provider.base_url(dialect), "api_key": "provider-key"}
            for dialect in DIALECTS
        },
        "models": [{"name": f"{dialect}>*", "candidates": [f"{dialect}/*"], "chain": "once"} for dialect in DIALECTS],
        "chains": {
            "once": {
                "candidates": [],
                "attempt": [{"first_event_timeout": {"seconds": 5}}, {"idle_timeout": {"seconds": IDLE}}],
            }
        },
    }


ALL: Final = [f"{client}:{provider}" for client in DIALECTS for provider in DIALECTS]

each_pair: Final = pytest.mark.parametrize("pair", ALL)
each_way: Final = pytest.mark.parametrize("stream", [True, False], ids=["stream", "body"])


def row(name: str) -> Callable[[Function], Function]:
    """The name of a test's row in the table at the end of the run, where it has no parameter ``case``."""

    def mark(function: Function) -> Function:
        function.row = name  # type: ignore[attr-defined]
        return function

    return mark
