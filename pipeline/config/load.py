"""penstock.yaml to an effective configuration: everything is checked before anything is used, and all faults are told at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from pipeline.config import defaults, notyet, references, steps
from pipeline.config.explain import explain
from pipeline.config.models import (
    CandidateConfig,
    CandidateSection,
    ChainConfig,
    Config,
    File,
    ModelConfig,
    ModelSection,
    ProviderConfig,
    ProviderSection,
)
from pipeline.config.problems import ConfigError, Place, Problem, UnreadableError
from pipeline.config.tree import read

DEFAULT_FILE = Path("penstock.yaml")


def load(path: Path | None, env: Mapping[str, str]) -> Config:
    """The effective configuration of a file.

    Args:
        path: the file; None takes ./penstock.yaml, and the embedded default where there is none.
        env: where ``${NAME}`` comes from.

    Raises:
        UnreadableError: the file is not there or cannot be read.
        ConfigError: what is wrong with it, every fault with its line.
    """
    if path is None:
        if not DEFAULT_FILE.exists():
            return default_config(env)
        path = DEFAULT_FILE
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError([Problem(Place(str(path), 0, 0), "is not a text in UTF-8.")]) from None
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise UnreadableError([Problem(Place(str(path), 0, 0), f"cannot be read: {reason}.")]) from None
    return parse(text, str(path), env)


def default_config(env: Mapping[str, str]) -> Config:
    """What is served without a file: the demo, and OpenAI and Anthropic where their keys are in ``env``."""
    return parse(defaults.text(env), defaults.SOURCE, env)


def parse(text: str, source: str, env: Mapping[str, str]) -> Config:
    """The effective configuration of a YAML text; ``source`` is its name in messages. Raises ConfigError."""
    tree = read(text, source, env)
    notyet.check(tree)
    file: File | None = None
    try:
        file = File.model_validate(tree.value)
    except ValidationError as error:
        explain(tree, error)
    references.check(tree)
    chains = steps.chains(tree)
    if tree.problems or file is None:
        raise ConfigError(tree.problems)
    return _effective(file, chains, source)


# The sections were validated with the file; the effective forms only add what follows from it.
def _effective(file: File, chains: Mapping[str, ChainConfig], source: str) -> Config:
    sections = {references.DEMO: ProviderSection(kind="demo"), **file.providers}
    providers = {name: _provider(name, section) for name, section in sections.items()}
    models = tuple(ModelConfig.model_construct(**{**dict(model), "candidates": _candidates(model)}) for model in file.models)
    return Config(
        server=file.server,
        providers=MappingProxyType(providers),
        models=models,
        chains=MappingProxyType(dict(chains)),
        state=file.state,
        digest=_digest(file, chains),
        source=source,
    )


def _provider(name: str, section: ProviderSection) -> ProviderConfig:
    auth = section.auth or ("x-api-key" if section.dialect == "messages" else "bearer")
    return ProviderConfig.model_construct(
        **{**dict(section), "name": name, "auth": auth, "headers": MappingProxyType(dict(section.headers))}
    )


def _candidates(model: ModelSection) -> tuple[CandidateConfig, ...]:
    return tuple(_candidate(section) for section in model.candidates)


def _candidate(section: CandidateSection) -> CandidateConfig:
    provider, _, model = section.use.partition("/")
    return CandidateConfig.model_construct(**dict(section), provider=provider, model=model)


def _digest(file: File, chains: Mapping[str, ChainConfig]) -> str:
    """Secrets count by their presence, headers by their names: two runs that differ in a key only have the same digest."""
    said = file.model_dump(mode="json", exclude={"providers": {"__all__": {"headers"}}, "chains": True})
    said["headers"] = {name: sorted(provider.headers) for name, provider in file.providers.items()}
    said["chains"] = {
        name: {position: [(step.name, step.options) for step in steps] for position, steps in chain.positions.items()}
        for name, chain in chains.items()
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:12]
