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
    _open_what_is_closed()
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


def _open_what_is_closed() -> None:
    """Who starts a service may close its standard streams: then sockets would get their numbers, and be written into."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one: those below it are open.
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def _told(error: Exception) -> str:
    """What a person is told. The text of a foreign exception may hold anything, so it is not part of it."""
    from operators.errors import ChainError
    from pipeline.config import ConfigError
    from pipeline.replay.recording import ReplayError

    if isinstance(error, ConfigError | ChainError | ReplayError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"penstock: {error.strerror}" + (f" ({error.filename})" if error.filename else "")
    return f"penstock: a fault of ours ({type(error).__name__}); with PENSTOCK_TRACEBACK=1 it says where."


def _fail(message: str, status: int = FAULT) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(status)


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
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that share the port.")
def serve(config: Path | None, host: str | None, port: int | None, workers: int | None) -> None:
    """Serve until SIGTERM or SIGINT, then drain; SIGHUP reloads."""
    from pipeline.config.apart import Loader

    # Reads the configuration while the gateway is being imported.
    load = Loader(config)
    from pipeline.app import serve as run

    sys.exit(run(load, host=host, port=port, workers=workers))


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
@click.argument("trace")
@click.option("--chain", metavar="NAME", help="Through which chain; by default through the one that it ran through.")
@click.option("--config", type=click.Path(path_type=Path), help="Where chains and candidates are looked up.")
@click.option("--id", metavar="ID", help="Which trace of several; by default the last one.")
@click.option(
    "--others",
    type=click.Choice(["healthy", "silent", "failing"]),
    default="healthy",
    show_default=True,
    help="What candidates do that were not asked in the recording.",
)
@click.option("--save", metavar="FILE", type=click.Path(path_type=Path), help="Write it as a marble case of the chain.")
def replay(trace: str, chain: str | None, config: Path | None, id: str | None, others: Any, save: Path | None) -> None:
    """Run a recorded request through a chain in virtual time, and say what would have differed.

    TRACE is a file (the JSON of a trace, or JSON lines), - for standard input, or http://GATEWAY/debug/traces/ID; the key
    for that is PENSTOCK_KEY.
    """
    from pipeline.replay.reading import read

    recorded = read(trace, id, sys.stdin, os.environ)
    from pipeline.config import load

    found = load(config, os.environ)
    from pipeline.replay.run import replay as run
    from pipeline.replay.show import show as report

    replayed = run(recorded, found, chain, others)
    report(replayed, found.digest, sys.stdout)
    if save is not None:
        from pipeline.replay.save import save as write

        print(write(replayed, found, save))


@penstock.command()
@click.argument("folder", metavar="[DIR]", required=False, default="dashboards", type=click.Path(path_type=Path))
@click.option("--config", type=click.Path(path_type=Path), help="The configuration; by default ./penstock.yaml.")
def dashboards(folder: Path, config: Path | None) -> None:
    """Write Grafana dashboards and Prometheus rules for the chains in use into DIR (./dashboards)."""
    from pipeline.config import load

    found = load(config, os.environ)
    from pipeline.dashboards import ExtraMissing, Foreign, write

    try:
        written = write(found, folder)
    except (ExtraMissing, Foreign) as error:
        _fail(str(error), USAGE)
    print(f"{folder}: {len(written)} files for {found.source}; README.md there says what is what")
