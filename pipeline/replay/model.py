"""Who can be asked in a replay, and in which order."""

from __future__ import annotations

from dataclasses import replace

from pipeline.config import CandidateConfig, ChainConfig, Config, ModelConfig
from pipeline.replay.recording import Recording, ReplayError


def model_of(recorded: Recording, config: Config, chain: str) -> ModelConfig:
    """The model as the configuration has it, and whoever else was asked, for the chain ``chain``.

    Raises:
        ReplayError: nobody could be asked.
    """
    found = next((model for model in config.models if model.name == recorded.model), None)
    candidates = [_named(candidate, recorded.asked) for candidate in found.candidates] if found is not None else []
    asked = dict.fromkeys(attempt.candidate for attempt in recorded.attempts)
    if asked and not any(candidate.use in asked for candidate in candidates):
        # Another configuration made the recording, or the client named a candidate.
        candidates = []
    known = {candidate.use for candidate in candidates}
    candidates += [_stranger(recorded, use) for use in asked if use not in known]
    if not candidates:
        raise ReplayError(f'nobody was asked, and {config.source} has no model "{recorded.model}" to say who could be')
    return ModelConfig(recorded.model or "replayed", tuple(candidates), chain, found.balance if found is not None else "order")


def _named(candidate: CandidateConfig, asked: str) -> CandidateConfig:
    if candidate.model != "*":
        return candidate
    return replace(candidate, model=asked, use=f"{candidate.provider}/{asked}")


def _stranger(recorded: Recording, use: str) -> CandidateConfig:
    """A candidate that only the recording knows. Who was first asked when there was something to see went on with it."""
    provider, _, model = use.partition("/")
    first = min(attempt.began for attempt in recorded.of(use))
    return CandidateConfig(use, provider, model, continues=recorded.first_event is not None and first > recorded.first_event)


def in_turn(recorded: Recording, model: ModelConfig) -> ModelConfig:
    """Whose turn it was depends on other requests and on chance; it is known who was asked first."""
    asked = [attempt.candidate for attempt in recorded.attempts]
    order = sorted(model.candidates, key=lambda each: asked.index(each.use) if each.use in asked else len(asked))
    return replace(model, candidates=tuple(order), balance="order")


def without_turns(chain: ChainConfig) -> ChainConfig:
    """The chain without its steps that change the order of candidates."""
    positions = {name: tuple(step for step in steps if step.name != "balance") for name, steps in chain.positions.items()}
    return replace(chain, positions=positions)
