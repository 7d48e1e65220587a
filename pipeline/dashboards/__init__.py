"""Dashboards and rules for the chains in use: what ``penstock dashboards`` writes."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Config
from pipeline.dashboards.boards import BOARDS
from pipeline.dashboards.model import Board, Scope
from pipeline.dashboards.prometheus import prometheus_files, provisioning_files
from pipeline.dashboards.readme import TITLE, readme
from pipeline.dashboards.scope import scope_of

EXTRA = "penstock[dashboards]"


class ExtraMissing(Exception):
    """The library that writes Grafana's format is not installed."""


class Foreign(Exception):
    """The folder has a README.md of somebody else's."""


def boards(scope: Scope) -> tuple[Board, ...]:
    """The dashboards with the panels that this scope can answer."""
    return tuple(scope.of(board(scope)) for board in BOARDS)


def files(config: Config) -> dict[str, str]:
    """All texts by their paths below the folder; the same configuration gives the same texts.

    Raises:
        ConfigError: a chain makes no sense.
        ExtraMissing: Grafana's SDK is not installed.
    """
    try:
        from pipeline.dashboards.grafana import dashboard_json
    except ImportError as error:
        raise ExtraMissing(f'penstock: this needs Grafana\'s SDK: pip install "{EXTRA}"') from error

    scope = scope_of(config)
    found = {f"grafana/dashboards/penstock-{board.name}.json": dashboard_json(board, scope) for board in boards(scope)}
    return {**found, **provisioning_files(scope.console), **prometheus_files(), "README.md": readme(boards(scope))}


def write(config: Config, folder: Path) -> list[Path]:
    """Write ``files`` below ``folder``, and tell their paths.

    Raises:
        Foreign: README.md there was not written by this command; nothing was written.
        OSError: it cannot be written. And what ``files`` raises.
    """
    readme_there = folder / "README.md"
    if readme_there.is_file() and not readme_there.read_bytes().startswith(TITLE.encode()):
        raise Foreign(f"penstock: {readme_there} is not of `penstock dashboards` and would be lost; name a folder of their own")
    written = []
    for name, text in files(config).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
