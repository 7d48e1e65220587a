"""The command ``penstock``: what went wrong is a sentence on stderr and an exit status, never a traceback.

Each command imports what it needs when it runs, so that ``--help`` is quick and a serving process holds nothing it does not use.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

FAULT = 1
USAGE = 2

app = typer.Typer(
    name="penstock",
    help="A gateway for LLM streams: any dialect in, any provider out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigFile = Annotated[
    Path | None,
    typer.Argument(metavar="CONFIG", help="By default ./penstock.yaml, then the embedded default.", show_default=False),
]


def main() -> None:
    """The entry point: runs the command line and ends the process."""
    # Steps of your own (module:function) are found where you are, behind everything that is installed.
    sys.path.append(os.getcwd())
    try:
        app()
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


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"penstock {version('penstock')}")
        raise typer.Exit


@app.callback()
def penstock(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
) -> None:
    """A gateway for LLM streams: any dialect in, any provider out."""


@app.command()
def serve(
    config: ConfigFile = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default=False)] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one and prints it.", show_default=False),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.", show_default=False)] = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; SIGHUP reloads."""
    if workers is not None and workers > 1:
        _not_yet("serving with several workers")
    from pipeline.config.apart import Loader

    # Reads the configuration while the gateway is being imported.
    load = Loader(config)
    import logging

    from pipeline.app import serve as run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    raise typer.Exit(run(load, host=host, port=port, workers=workers))


@app.command()
def check(config: ConfigFile = None) -> None:
    """Validate the configuration: each fault with file, line and the nearest right name."""
    from pipeline.config import load
    from pipeline.config.advice import advise, summary

    found = load(config, os.environ)
    # Imported late: a bad file is told at once, without the gateway that the chains bring along.
    from pipeline.effective import chains

    chains(found)
    for warning in advise(found):
        print(f"{found.source}: warning: {warning}", file=sys.stderr)
    print(summary(found))


@app.command()
def show(config: ConfigFile = None) -> None:
    """Print models, candidates and each chain, a step a line with its options and the reason for its place."""
    from pipeline.config import load

    found = load(config, os.environ)
    from pipeline.report import show as report

    report(found, sys.stdout)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    import json

    from pipeline.config.schema import json_schema

    print(json.dumps(json_schema(), indent=2))


@app.command()
def replay(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="A recorded request.", show_default=False)],
    chain: Annotated[str, typer.Option(help="Through which chain.")] = "default",
    config: Annotated[Path | None, typer.Option(help="The configuration.", show_default=False)] = None,
) -> None:
    """Run a recorded request through a chain in virtual time (not yet)."""
    _not_yet("replay")


@app.command()
def dashboards(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.")] = Path("dashboards"),
) -> None:
    """Write the Grafana dashboards and Prometheus rules (not yet)."""
    _not_yet("writing dashboards")
