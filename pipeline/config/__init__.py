"""penstock.yaml as frozen models: checked as a whole, errors that teach, nothing secret ever printed."""

from pipeline.config.load import DEFAULT_FILE, default_config, load, parse
from pipeline.config.models import (
    POSITIONS,
    CandidateConfig,
    CaseConfig,
    ChainConfig,
    Config,
    KeyConfig,
    LogsConfig,
    ModelConfig,
    ProviderConfig,
    ServerConfig,
    StepConfig,
    TracesConfig,
)
from pipeline.config.problems import ConfigError, Place, Problem, UnreadableError

__all__ = [
    "DEFAULT_FILE",
    "POSITIONS",
    "CandidateConfig",
    "CaseConfig",
    "ChainConfig",
    "Config",
    "ConfigError",
    "KeyConfig",
    "LogsConfig",
    "ModelConfig",
    "Place",
    "Problem",
    "ProviderConfig",
    "ServerConfig",
    "StepConfig",
    "TracesConfig",
    "UnreadableError",
    "default_config",
    "load",
    "parse",
]
