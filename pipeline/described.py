"""A configuration in words, as data: what `penstock show` prints and the console shows. Nothing secret is in it."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypedDict

from operators import catalog
from operators.chain import Chain, Step
from operators.options import HIDDEN, shown
from pipeline.config import CandidateConfig, Config, ModelConfig, ProviderConfig
from pipeline.config.places import written
from pipeline.config.units import show_size, show_time
from pipeline.effective import chains
from pipeline.reasons import reason


class DescribedCandidate(TypedDict):
    """``facts``: what the file says of it beside its name."""

    candidate: str
    facts: str


class DescribedModel(TypedDict):
    """What clients say, and who answers, in the order in which they are tried."""

    model: str
    chain: str
    facts: str
    candidates: list[DescribedCandidate]


class DescribedProvider(TypedDict):
    """``key``: whether there is one, and how it is sent."""

    provider: str
    dialect: str
    base_url: str
    key: str
    limits: str


# `as` is a word of Python.
DescribedStep = TypedDict("DescribedStep", {"step": str, "as": str, "options": str, "reason": str})
"""A step with its options in the units of the configuration; ``as``: its own name where it has one, else ""."""


class DescribedPosition(TypedDict):
    """One of the five positions; without steps it lets everything pass."""

    position: str
    steps: list[DescribedStep]


class DescribedChain(TypedDict):
    """A chain as it runs; ``cases``: how many marble cases it has."""

    chain: str
    cases: int
    positions: list[DescribedPosition]


class Described(TypedDict):
    """A whole configuration."""

    config: str
    source: str
    models: list[DescribedModel]
    providers: list[DescribedProvider]
    chains: list[DescribedChain]


def described(config: Config) -> Described:
    """All of it.

    Raises:
        ConfigError: a chain makes no sense; a configuration that serves has none of these.
    """
    return {
        "config": config.digest,
        "source": config.source,
        "models": [_model(model) for model in config.models],
        "providers": [_provider(name, provider) for name, provider in config.providers.items()],
        "chains": [
            {"chain": name, "cases": _cases(config, name), "positions": list(_positions(chain))}
            for name, chain in chains(config).items()
        ],
    }


def _cases(config: Config, name: str) -> int:
    return len(config.chains[name].tests) if name in config.chains else 0


def _model(model: ModelConfig) -> DescribedModel:
    candidates: list[DescribedCandidate] = [{"candidate": each.use, "facts": _facts(each)} for each in model.candidates]
    balance = f"balance: {model.balance}" if model.balance != "order" else ""
    return {"model": model.name, "chain": model.chain, "facts": balance, "candidates": candidates}


def _facts(candidate: CandidateConfig) -> str:
    """What the file says of a candidate beside its ``use``."""
    facts = {fact.name: (getattr(candidate, fact.name), fact.default) for fact in fields(candidate)}
    return _options({name: value for name, (value, default) in facts.items() if default is not MISSING and value != default})


def _provider(name: str, provider: ProviderConfig) -> DescribedProvider:
    if provider.kind != "http":
        return {"provider": name, "dialect": "any", "base_url": "embedded", "key": "", "limits": _limits(provider)}
    key = f"set ({provider.auth})" if provider.api_key else "none"
    return {
        "provider": name,
        "dialect": provider.dialect,
        "base_url": provider.base_url,
        "key": key,
        "limits": _limits(provider),
    }


def _limits(provider: ProviderConfig) -> str:
    return _options({"max_in_flight": provider.max_in_flight, "queue": provider.queue} if provider.max_in_flight else {})


def _positions(chain: Chain) -> Iterator[DescribedPosition]:
    for position, steps in chain.positions.items():
        yield {"position": position, "steps": [_step(step, position) for step in steps]}


def _step(step: Step, position: str) -> DescribedStep:
    factory = catalog.resolve(step.name)
    times = {name for name, option in catalog.options(factory).items() if option.is_time}
    called = written(step.name)
    return {
        "step": called,
        "as": step.label if step.label != called else "",
        "options": _options(step.options, times),
        "reason": _reason(step, position),
    }


def _reason(step: Step, position: str) -> str:
    """Its author's; else the standing one; of a step of your own what it does."""
    return (
        step.reason
        or reason(written(step.name), position)
        or (inspect.getdoc(catalog.resolve(step.name)) or "").partition("\n")[0]
    )


def _options(options: Mapping[str, Any], times: Collection[str] = ()) -> str:
    return ", ".join(f"{name}: {_value(name, value, time=name in times)}" for name, value in options.items())


def _value(name: str, value: Any, *, time: bool) -> str:
    """With the unit that the configuration takes: seconds for times, bytes for what is called so."""
    if isinstance(value, bool):
        return str(value).lower()
    if time and value is not None:
        return show_time(float(value))
    if isinstance(value, int) and name == "bytes":
        return show_size(value)
    if isinstance(value, Mapping) or name in HIDDEN:
        return shown(name, value)
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)
