"""What there is to say of a valid configuration: a summary, and warnings where its author hardly means what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.config.models import POSITIONS, Config
from pipeline.config.units import show_time

if TYPE_CHECKING:
    from operators.chain import Chain, Step

_LIMITS = ("first_event_timeout", "idle_timeout", "total_timeout")


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


def advise(config: Config, chains: Mapping[str, Chain]) -> list[str]:
    """Warnings, each with the dotted path that it is about. ``chains`` are those of ``pipeline.effective``."""
    found = [*_open_host(config), *_base_urls(config), *_hidden_models(config)]
    for name, chain in chains.items():
        found += [*_never_trips(config, name, chain), *_nobody_continues(config, name, chain), *_balances(config, name, chain)]
    return found


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


def _path(config: Config, name: str, *steps: Step) -> str:
    """Where the first of the steps that the file writes stands in it."""
    written = config.chains[name].positions.values() if name in config.chains else ()
    places = {each.label: each.where.path for position in written for each in position}
    return next((places[step.label] for step in steps if step.label in places), f"chains.{name}")


def _never_trips(config: Config, name: str, chain: Chain) -> Iterator[str]:
    """A time limit that one above it always comes before."""
    limits = [step for position in POSITIONS for step in chain.positions[position] if step.name in _LIMITS]
    for index, inner in enumerate(limits):
        for outer in limits[index + 1 :]:
            above, below = outer.options["seconds"], inner.options["seconds"]
            if outer.name in (inner.name, "total_timeout") and below >= above:
                yield (
                    f"{_path(config, name, inner, outer)}: {inner.label} ({show_time(float(below))}) never trips; "
                    f"{outer.label} above it ends the stream after {show_time(float(above))}."
                )
                break


def _nobody_continues(config: Config, name: str, chain: Chain) -> Iterator[str]:
    """resume asks only candidates that say that they continue."""
    candidates = [each for model in config.models if model.chain == name for each in model.candidates]
    for step in chain.positions["answer"]:
        if step.name == "resume" and not any(each.continues for each in candidates):
            yield (
                f"{_path(config, name, step)}: does nothing; no candidate of a model with this chain says `continues: true` "
                "(it goes on from an assistant turn that it is given)."
            )


def _balances(config: Config, name: str, chain: Chain) -> Iterator[str]:
    """A chain that balances goes before what its models say."""
    step = next((step for step in chain.positions["candidates"] if step.name == "balance"), None)
    for index, model in enumerate(config.models if step is not None else ()):
        if model.chain == name and model.balance != "order":
            yield f"models[{index}].balance: does nothing; the chain {name} has a step balance of its own."
