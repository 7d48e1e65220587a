"""A chain as it runs: the positions that the file writes, and the built-in default for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from operators.chain import Chain, Step
from pipeline.chain import DEFAULT
from pipeline.config import Config, ConfigError, Problem, StepConfig
from pipeline.order import contradictions


def effective(config: Config, name: str) -> Chain:
    """The chain called ``name``. A step that the default has at the same position keeps the default's reason.

    Raises:
        ConfigError: a step of the file stands already in a position that keeps the default, or the order makes no sense.
    """
    written = config.chains[name].positions if name in config.chains else {}
    problems = list(_twice(written))
    if problems:
        raise ConfigError(problems)
    positions = dict(DEFAULT.positions)
    places = {}
    for position, steps in written.items():
        reasons = {step.label: step.reason for step in positions[position]}
        positions[position] = tuple(_step(step, step.reason or reasons.get(step.label, "")) for step in steps)
        places.update({step.label: step.where for step in steps})
    chain = Chain(positions)
    # The default contradicts nothing, so what is at fault, or what it is at fault with, stands in the file.
    problems = [Problem(places[step.label], f"{sentence}.") for step, sentence in contradictions(chain) if step.label in places]
    if problems:
        raise ConfigError(problems)
    return chain


def _step(step: StepConfig, reason: str) -> Step:
    return Step(step.name, step.options, reason, None if step.label == step.name else step.label)


def _twice(written: Mapping[str, tuple[StepConfig, ...]]) -> Iterator[Problem]:
    kept = {step.label: position for position, step in DEFAULT if position not in written}
    for steps in written.values():
        for step in steps:
            if step.label in kept:
                sentence = f"the step {step.label} stands already in the default of {kept[step.label]}; it can stand once."
                yield Problem(step.where, sentence)


def chains(config: Config) -> dict[str, Chain]:
    """Every chain that ``config`` names or writes, the default first. Raises ConfigError."""
    return {name: effective(config, name) for name in ("default", *sorted({*config.chains} - {"default"}))}
