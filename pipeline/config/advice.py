"""What there is to say of a valid configuration: a summary, and warnings where its author hardly means what it says."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from ipaddress import ip_address
from urllib.parse import urlsplit

from pipeline.config.models import Config


def summary(config: Config) -> str:
    """One line that says what a valid configuration holds."""
    counts = (
        (len(config.models), "model"),
        (sum(len(model.candidates) for model in config.models), "candidate"),
        (len(config.providers), "provider"),
        (len({"default", *config.chains}), "chain"),
    )
    words = ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts)
    return f"{config.source}: good. {words} ({config.digest})"


def advise(config: Config) -> list[str]:
    """Warnings, each with the dotted path that it is about."""
    return [*_open_host(config), *_base_urls(config), *_hidden_models(config)]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _open_host(config: Config) -> Iterator[str]:
    if not config.server.keys and not is_loopback(config.server.host):
        yield f"server.host: listens on {config.server.host}, but without server.keys only loopback clients are served."


def _base_urls(config: Config) -> Iterator[str]:
    for name, provider in config.providers.items():
        path = urlsplit(provider.base_url).path
        if provider.dialect == "messages" and path.endswith("/v1"):
            yield f"providers.{name}.base_url: ends in /v1, which is appended for messages; the Anthropic form is without it."
        elif provider.dialect in ("chat", "responses") and not path:
            yield f"providers.{name}.base_url: has no path; the OpenAI form ends in /v1."


def _hidden_models(config: Config) -> Iterator[str]:
    """Patterns are tried in their order, whole names first."""
    earlier: list[str] = []
    for index, model in enumerate(config.models):
        if "*" in model.name:
            by = next((pattern for pattern in earlier if fnmatchcase(model.name, pattern)), None)
            if by is not None:
                yield f'models[{index}].name: "{model.name}" is never reached; "{by}" stands above it.'
            earlier.append(model.name)
