"""Where a configuration comes from: a file, ./penstock.yaml, or the embedded default. Its reader is imported when it reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.config import defaults
from pipeline.config.models import Config
from pipeline.config.problems import Place, Problem, UnreadableError

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
    from pipeline.config.build import build

    return build(text, source, env)
