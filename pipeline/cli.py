"""The command ``penstock``: what went wrong is a sentence on stderr and an exit status, never a traceback.

Each command imports what it needs when it runs, so that ``--help`` is quick and a serving process holds nothing it does not use.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

FAULT = 1
USAGE = 2

Command = TypeVar("Command", bound=Callable[..., Any])


def main() -> None:
    """The entry point: runs the command line and ends the process."""
    # Steps of your own (module:function) are found where you are, behind everything that is installed.
    sys.path.append(os.getcwd())
    try:
        penstock(prog_name="penstock")
    except BrokenPipeError:
        # The reader of our output left (`penstock show | head`); the interpreter's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAULT)
    except Exception as error:
        if os.environ.get("PENSTOCK_TRACEBACK"):
            raise
        _fail(_told(error))


def _told(error: Exception) -> str:
    """What a person is told. The text of a foreign exception may hold anything, so it is not part of it."""
    from operators.errors import ChainError
    from pipeline.config import ConfigError

    if isinstance(error, ConfigError | ChainError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"penstock: {error.strerror}" + (f" ({error.filename})" if error.filename else "")
    return f"penstock: a fault of ours ({type(error).__name__}); with PENSTOCK_TRACEBACK=1 it says where."


def _fail(message: str, status: int = FAULT) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(status)


def _not_yet(what: str) -> NoReturn:
    _fail(f"penstock: not yet: {what} is not built yet.", USAGE)


def _with_config(command: Command) -> Command:
    """CONFIG: ./penstock.yaml by default, then the embedded default."""
    return click.argument("config", required=False, type=click.Path(path_type=Path))(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="penstock", message="penstock %(version)s")
def penstock() -> None:
    """A gateway for LLM streams: any dialect in, any provider out.

    CONFIG is a configuration file: by default ./penstock.yaml, and where there is none, the embedded default.
    """


@penstock.command()
@_with_config
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 picks a free one and prints it.")
@click.option("--workers", type=click.IntRange(1), help="Processes.")
def serve(config: Path | None, host: str | None, port: int | None, workers: int | None) -> None:
    """Serve until SIGTERM or SIGINT, then drain; SIGHUP reloads."""
    if workers is not None and workers > 1:
        _not_yet("serving with several workers")
    from pipeline.config.apart import Loader

    # Reads the configuration while the gateway is being imported.
    load = Loader(config)
    from pipeline.app import serve as run

    sys.exit(run(load, host=host, port=port))


@penstock.command()
@_with_config
def check(config: Path | None) -> None:
    """Validate a configuration and run the marble cases of its chains: each fault with its line."""
    from pipeline.config import ConfigError, load
    from pipeline.config.advice import advise, summary

    found = load(config, os.environ)
    # Imported late: a bad file is told at once, without the gateway that the chains bring along.
    from pipeline.effective import chains

    bound = chains(found)
    tests = {name: chain.tests for name, chain in found.chains.items() if chain.tests}
    if tests:
        from pipeline.cases import faults

        problems = list(faults(bound, tests))
        if problems:
            raise ConfigError(problems)
    for warning in advise(found, bound):
        print(f"{found.source}: warning: {warning}", file=sys.stderr)
    print(summary(found))


@penstock.command()
@_with_config
def show(config: Path | None) -> None:
    """Print models, candidates and each chain, a step a line."""
    from pipeline.config import load

    found = load(config, os.environ)
    from pipeline.report import show as report

    report(found, sys.stdout)


@penstock.command()
def schema() -> None:
    """Print the JSON Schema of the configuration."""
    import json

    from pipeline.config.schema import json_schema

    print(json.dumps(json_schema(), indent=2))


@penstock.command()
@click.argument("trace", type=click.Path(path_type=Path))
@click.option("--chain", default="default", help="Through which chain.")
@click.option("--config", type=click.Path(path_type=Path), help="The configuration.")
def replay(trace: Path, chain: str, config: Path | None) -> None:
    """Run a recorded request in virtual time (not yet)."""
    _not_yet("replay")


@penstock.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
def dashboards(folder: Path | None) -> None:
    """Write the Grafana dashboards (not yet)."""
    _not_yet("writing dashboards")
