"""What one of several workers may use of what is limited for all of them together.

Places and queues are divided: a worker holds its own, so that together they are never more than configured. Rates are not: all
workers fill the same meters (``meters``). What only learns or remembers (breakers, retry budgets, balance, cache, share) is each
worker's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from pipeline.config import Config, ProviderConfig
from pipeline.config.models import ChainConfig, StepConfig

_ADMIT: Final = ("limit", "per_key", "queue")


def portion(config: Config, number: int, count: int) -> Config:
    """The configuration of worker ``number`` (from 0) of ``count``; its digest stays."""
    if count == 1:
        return config

    def part(whole: int, least: int = 1) -> int:
        """Together they are the whole, unless that is less than ``least`` for each."""
        return max(least, whole * (number + 1) // count - whole * number // count)

    def of_provider(provider: ProviderConfig) -> ProviderConfig:
        if provider.max_in_flight is None:
            return provider
        return replace(provider, max_in_flight=part(provider.max_in_flight), queue=part(provider.queue, 0))

    def of_step(step: StepConfig) -> StepConfig:
        if step.name != "admit":
            return step
        options: dict[str, Any] = dict(step.options)
        for name in _ADMIT:
            if options.get(name) is not None:
                options[name] = part(options[name], 0 if name == "queue" else 1)
        return replace(step, options=options)

    def of_chain(chain: ChainConfig) -> ChainConfig:
        return replace(chain, positions={name: tuple(map(of_step, steps)) for name, steps in chain.positions.items()})

    return replace(
        config,
        server=replace(config.server, buffered_limit=part(config.server.buffered_limit)),
        providers={name: of_provider(provider) for name, provider in config.providers.items()},
        chains={name: of_chain(chain) for name, chain in config.chains.items()},
    )


def too_few(config: Config, count: int) -> Iterator[str]:
    """Limits of which there is not one for each worker: each takes one all the same. A sentence each."""
    for provider in config.providers.values():
        if provider.max_in_flight is not None and provider.max_in_flight < count:
            place = f"providers.{provider.name}.max_in_flight"
            yield f"{place} is {provider.max_in_flight}, and each of {count} workers sends one at a time all the same"
