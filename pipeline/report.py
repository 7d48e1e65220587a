"""A configuration as people read it: tables in a terminal, plain lines in a pipe, nothing secret in either."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.config import Config
from pipeline.config.units import show_size, show_time
from pipeline.described import DescribedChain, DescribedModel, DescribedProvider, described

# Wide enough that no line of a pipe is ever wrapped.
_PIPE_WIDTH = 10_000


def show(config: Config, out: TextIO) -> None:
    """Write the whole configuration to ``out``."""
    terminal = out.isatty()
    target: TextIO = out if terminal else io.StringIO()
    console = Console(file=target, width=None if terminal else _PIPE_WIDTH, highlight=False)
    for part in _parts(config):
        console.print(part)
    if isinstance(target, io.StringIO):
        out.write("\n".join(line.rstrip() for line in target.getvalue().splitlines()) + "\n")


def _parts(config: Config) -> Iterator[RenderableType]:
    server = config.server
    yield Text.assemble(("Penstock", "bold"), f"  {config.source}  ({config.digest})")
    keys = ", ".join(f"{key.name} (admin)" if key.admin else key.name for key in server.keys)
    facts = f"body limit {show_size(server.body_limit)}, drain {show_time(server.drain)}"
    yield f"http://{server.host}:{server.port}  {facts}, keys: {keys or 'none, so only loopback clients are served'}"
    words = described(config)
    yield _heading("Models", "what clients say, and who answers, in the order in which they are tried")
    yield _models(words["models"])
    yield _heading("Providers", "clients may also say provider/model")
    yield _providers(words["providers"])
    for chain in words["chains"]:
        cases = _cases(chain["cases"])
        yield _heading(f"Chain {chain['chain']}", f"from the choice of candidates to the client's stream{cases}")
        yield _chain(chain)


def _cases(count: int) -> str:
    return f"; {count} marble case{'' if count == 1 else 's'} for `penstock check`" if count else ""


def _heading(title: str, note: str) -> Text:
    return Text.assemble("\n", (title, "bold"), (f"  {note}", "dim"))


def _grid(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _models(models: Sequence[DescribedModel]) -> Table:
    table = _grid("model", "candidates", "chain", "facts")
    for model in models:
        for index, candidate in enumerate(model["candidates"]):
            name, chain, facts = (model["model"], model["chain"], model["facts"]) if index == 0 else ("", "", "")
            facts = ", ".join(filter(None, [facts, candidate["facts"]]))
            table.add_row(Text(name, "bold"), Text(candidate["candidate"], "cyan"), Text(chain), Text(facts, "dim"))
    return table


def _providers(providers: Sequence[DescribedProvider]) -> Table:
    table = _grid("provider", "dialect", "base_url", "key", "limits")
    for each in providers:
        cells = map(Text, (each["dialect"], each["base_url"], each["key"]))
        table.add_row(Text(each["provider"], "bold"), *cells, Text(each["limits"], "dim"))
    return table


def _chain(chain: DescribedChain) -> Table:
    table = _grid("position", "step", "reason for its place")
    for position in chain["positions"]:
        for index, step in enumerate(position["steps"]):
            name = Text.assemble((step["step"], "bold"), (f" as {step['as']}", "bold") if step["as"] else "")
            words = Text.assemble(name, " ", (step["options"], "cyan"))
            table.add_row(Text(position["position"] if index == 0 else ""), words, Text(step["reason"], "dim"))
        if not position["steps"]:
            table.add_row(Text(position["position"]), Text("none", "dim"), Text())
    return table
