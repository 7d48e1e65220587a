"""A chain as it runs: the positions that the file writes, the built-in default for the rest. All its faults are told at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import reactivex
from reactivex import Observable

from operators.chain import Chain, Step
from operators.circuit import Circuits
from operators.errors import ChainError
from operators.options import nearest
from pipeline.chain import DEFAULT
from pipeline.config import Config, ConfigError, Place, Problem, StepConfig
from pipeline.metrics import Metrics
from pipeline.order import contradictions
from pipeline.shared import Shared
from pipeline.supply import Supplier


def chains(config: Config) -> dict[str, Chain]:
    """Every chain that ``config`` names or writes, the default first. Where a position has the default's steps in the default's
    order, their reasons are the default's.

    Raises:
        ConfigError: a step of the file stands already in a position that keeps the default, the order makes no sense, or a step
            cannot be built; every such fault of every chain.
    """
    found: dict[str, Chain] = {}
    problems: list[Problem] = []
    for name in ("default", *sorted({*config.chains} - {"default"})):
        written = config.chains[name].positions if name in config.chains else {}
        twice = list(_twice(written))
        problems += [*twice, *_unbuildable(name, written, config.providers)]
        if not twice:
            found[name] = _merged(written)
            problems += _disordered(found[name], written)
    if problems:
        raise ConfigError(problems)
    return found


def parted(use: str, providers: Iterable[str]) -> tuple[str, str]:
    """The provider and the model of ``provider/model``.

    Raises:
        ValueError: it has another form, or there is no such provider.
    """
    provider, slash, model = use.partition("/")
    if not slash or not model or "*" in model:
        raise ValueError(f"mirror: to is {use!r}; expected provider/model, such as 'openai/gpt-5.1'")
    if provider not in providers:
        raise ValueError(f"mirror: to is {use!r}, and there is no provider {provider!r}{nearest(provider, providers)}")
    return provider, model


def _merged(written: Mapping[str, tuple[StepConfig, ...]]) -> Chain:
    positions = dict(DEFAULT.positions)
    for position, steps in written.items():
        default = {step.label: step.reason for step in positions[position]}
        # A reason speaks of the neighbours: among others it may be wrong.
        reasons = default if [*default] == [step.label for step in steps] else {}
        positions[position] = tuple(_step(step, step.reason or reasons.get(step.label, "")) for step in steps)
    return Chain(positions)


def _step(step: StepConfig, reason: str = "") -> Step:
    return Step(step.name, step.options, reason, None if step.label == step.name else step.label)


def _twice(written: Mapping[str, tuple[StepConfig, ...]]) -> Iterator[Problem]:
    kept = {step.label: position for position, step in DEFAULT if position not in written}
    for steps in written.values():
        for step in steps:
            if step.label in kept:
                sentence = (
                    f"the step {step.label} stands already in the default of {kept[step.label]}; "
                    f"a second one needs a name of its own. Example: `as: second-{step.label}`."
                )
                yield Problem(step.where, sentence)


def _disordered(chain: Chain, written: Mapping[str, tuple[StepConfig, ...]]) -> Iterator[Problem]:
    """The default contradicts nothing, so what is at fault, or what it is at fault with, stands in the file."""
    places: dict[str, Place] = {step.label: step.where for steps in written.values() for step in steps}
    for step, other, sentence in contradictions(chain):
        yield Problem(places[step.label] if step.label in places else places[other.label], f"{sentence}.")


def _unbuildable(name: str, written: Mapping[str, tuple[StepConfig, ...]], providers: Mapping[str, Any]) -> Iterator[Problem]:
    """What only building a step finds. Each is built as for serving, with a state that nobody else sees."""

    def nobody(use: str) -> Observable[Any]:
        parted(use, providers)
        return reactivex.never()

    supply = Supplier(Shared(cast(Any, None), Metrics("probe"), Circuits()), name, candidate=nobody)
    for step in (step for steps in written.values() for step in steps):
        fault = _fault(_step(step), supply)
        if fault:
            yield Problem(step.where, fault)


def _fault(step: Step, supply: Supplier) -> str:
    """Why a step cannot be built, as a sentence; "" where it can."""
    try:
        built: object = step.build(supply(step))
    except (ChainError, ValueError) as error:
        said = str(error)
        return said if said.endswith((".", "?")) else f"{said}."
    except Exception as error:
        # Of a step of your own: what a foreign exception says may hold anything.
        return f"{step.name} cannot be built ({type(error).__name__} in its function)."
    return "" if callable(built) else f"{step.name} gives {type(built).__name__}; expected an operator, Observable -> Observable."
