"""YAML text to an effective configuration: everything is checked before anything is used, and all faults are told at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr, ValidationError

from pipeline.config import notyet, references, steps
from pipeline.config.explain import explain
from pipeline.config.models import (
    CandidateConfig,
    CaseConfig,
    ChainConfig,
    Config,
    KeyConfig,
    LogsConfig,
    ModelConfig,
    ProviderConfig,
    Secret,
    ServerConfig,
    StateConfig,
    TracesConfig,
)
from pipeline.config.problems import ConfigError
from pipeline.config.sections import CandidateSection, ChainSection, File, ModelSection, ProviderSection, Record
from pipeline.config.tree import Tree, read


def build(text: str, source: str, env: Mapping[str, str]) -> Config:
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
    chains = {name: replace(chain, tests=_cases(tree, name, file.chains[name])) for name, chain in chains.items()}
    return _effective(file, chains, source)


def _cases(tree: Tree, name: str, section: ChainSection) -> tuple[CaseConfig, ...]:
    places = (tree.place(("chains", name, "tests", index)) for index in range(len(section.tests)))
    return tuple(CaseConfig(**_fields(case), where=place) for case, place in zip(section.tests, places, strict=True))


def _effective(file: File, chains: Mapping[str, ChainConfig], source: str) -> Config:
    sections = {references.DEMO: ProviderSection(kind="demo"), **file.providers}
    keys = tuple(KeyConfig(**_fields(key)) for key in file.server.keys)
    return Config(
        server=ServerConfig(**{**_fields(file.server), "keys": keys}),
        providers=MappingProxyType({name: _provider(name, section) for name, section in sections.items()}),
        models=tuple(_model(model) for model in file.models),
        chains=MappingProxyType(dict(chains)),
        state=StateConfig(**_fields(file.state)),
        digest=_digest(file, chains),
        source=source,
        traces=TracesConfig(**_fields(file.traces)),
        logs=LogsConfig(**_fields(file.logs)),
    )


def _fields(record: Record) -> dict[str, Any]:
    """The fields of a section, which was validated with its file; secrets in the plain form."""
    return {name: Secret(value.get_secret_value()) if isinstance(value, SecretStr) else value for name, value in record}


def _provider(name: str, section: ProviderSection) -> ProviderConfig:
    auth = section.auth or ("x-api-key" if section.dialect == "messages" else "bearer")
    headers = MappingProxyType(dict(section.headers))
    return ProviderConfig(**{**_fields(section), "name": name, "auth": auth, "headers": headers})


def _model(section: ModelSection) -> ModelConfig:
    return ModelConfig(**{**_fields(section), "candidates": tuple(map(_candidate, section.candidates))})


def _candidate(section: CandidateSection) -> CandidateConfig:
    provider, _, model = section.use.partition("/")
    return CandidateConfig(**_fields(section), provider=provider, model=model)


def _digest(file: File, chains: Mapping[str, ChainConfig]) -> str:
    """Secrets count by their presence, headers by their names: two runs that differ in a key only have the same digest."""
    said = file.model_dump(mode="json", exclude={"providers": {"__all__": {"headers"}}, "chains": True})
    said["headers"] = {name: sorted(provider.headers) for name, provider in file.providers.items()}
    said["chains"] = {
        name: {position: [(step.name, _without_values(step.options)) for step in steps] for position, steps in positions.items()}
        for name, positions in ((name, chain.positions) for name, chain in chains.items())
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _without_values(options: Mapping[str, Any]) -> dict[str, Any]:
    """Of mappings (headers) the names."""
    return {name: sorted(value) if isinstance(value, Mapping) else value for name, value in options.items()}
