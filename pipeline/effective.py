"""A chain as it runs: the positions that the file writes, and the built-in default for the rest."""

from __future__ import annotations

from operators.chain import Chain, Step
from pipeline.chain import DEFAULT
from pipeline.config import Config, ConfigError, Problem


def effective(config: Config, name: str) -> Chain:
    """The chain called ``name``. A step that the default has at the same position keeps the default's reason.

    Raises:
        ConfigError: a step of the file stands already in a position that keeps the default.
    """
    written = config.chains[name].positions if name in config.chains else {}
    kept = {step.label: position for position, step in DEFAULT if position not in written}
    problems = [
        Problem(step.where, f"the step {step.name} stands already in the default of {kept[step.name]}; it can stand once.")
        for steps in written.values()
        for step in steps
        if step.name in kept
    ]
    if problems:
        raise ConfigError(problems)
    positions = dict(DEFAULT.positions)
    for position, steps in written.items():
        reasons = {step.name: step.reason for step in positions[position]}
        positions[position] = tuple(Step(step.name, step.options, reasons.get(step.name, "")) for step in steps)
    return Chain(positions)


def chains(config: Config) -> dict[str, Chain]:
    """Every chain that ``config`` names or writes, the default first. Raises ConfigError."""
    return {name: effective(config, name) for name in ("default", *sorted({*config.chains} - {"default"}))}
