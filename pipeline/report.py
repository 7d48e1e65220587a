"""A configuration as people read it: tables in a terminal, plain lines in a pipe, nothing secret in either."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from operators import catalog
from operators.chain import Chain, Step
from operators.options import HIDDEN, shown
from pipeline.config import CandidateConfig, Config, ModelConfig, ProviderConfig
from pipeline.config.places import written
from pipeline.config.units import show_size, show_time
from pipeline.effective import chains
from pipeline.reasons import reason

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
    yield _heading("Models", "what clients say, and who answers, in the order in which they are tried")
    yield _models(config.models)
    yield _heading("Providers", "clients may also say provider/model")
    yield _providers(config.providers)
    for name, chain in chains(config).items():
        yield _heading(f"Chain {name}", f"from the choice of candidates to the client's stream{_cases(config, name)}")
        yield _chain(chain)


def _cases(config: Config, name: str) -> str:
    count = len(config.chains[name].tests) if name in config.chains else 0
    return f"; {count} marble case{'' if count == 1 else 's'} for `penstock check`" if count else ""


def _heading(title: str, note: str) -> Text:
    return Text.assemble("\n", (title, "bold"), (f"  {note}", "dim"))


def _grid(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _models(models: tuple[ModelConfig, ...]) -> Table:
    table = _grid("model", "candidates", "chain", "facts")
    for model in models:
        for index, candidate in enumerate(model.candidates):
            name, chain = (model.name, model.chain) if index == 0 else ("", "")
            facts = _facts(candidate)
            if index == 0 and model.balance != "order":
                facts = ", ".join(filter(None, [f"balance: {model.balance}", facts]))
            table.add_row(Text(name, "bold"), Text(candidate.use, "cyan"), Text(chain), Text(facts, "dim"))
    return table


def _facts(candidate: CandidateConfig) -> str:
    """What the file says of a candidate beside its ``use``."""
    facts = {fact.name: (getattr(candidate, fact.name), fact.default) for fact in fields(candidate)}
    return _options({name: value for name, (value, default) in facts.items() if default is not MISSING and value != default})


def _providers(providers: Mapping[str, ProviderConfig]) -> Table:
    table = _grid("provider", "dialect", "base_url", "key", "limits")
    for name, provider in providers.items():
        limits = {"max_in_flight": provider.max_in_flight, "queue": provider.queue} if provider.max_in_flight else {}
        key = f"set ({provider.auth})" if provider.api_key else "none"
        cells = (provider.dialect, provider.base_url, key) if provider.kind == "http" else ("any", "embedded", "")
        table.add_row(Text(name, "bold"), *map(Text, cells), Text(_options(limits), "dim"))
    return table


def _chain(chain: Chain) -> Table:
    table = _grid("position", "step", "reason for its place")
    for position, steps in chain.positions.items():
        for index, step in enumerate(steps):
            factory = catalog.resolve(step.name)
            times = {name for name, option in catalog.options(factory).items() if option.is_time}
            called = written(step.name)
            name = Text.assemble((called, "bold"), (f" as {step.label}", "bold") if step.label != called else "")
            words = Text.assemble(name, " ", (_options(step.options, times), "cyan"))
            table.add_row(Text(position if index == 0 else ""), words, Text(_reason(step, position), "dim"))
        if not steps:
            table.add_row(Text(position), Text("none", "dim"), Text())
    return table


def _reason(step: Step, position: str) -> str:
    """Its author's; else the standing one; of a step of your own what it does."""
    return step.reason or reason(written(step.name), position) or catalog.promise(catalog.resolve(step.name))


def _options(options: Mapping[str, Any], times: Collection[str] = ()) -> str:
    return ", ".join(f"{name}: {_value(name, value, time=name in times)}" for name, value in options.items())


def _value(name: str, value: Any, *, time: bool) -> str:
    """With the unit that the configuration takes: seconds for times, bytes for what is called so."""
    if isinstance(value, bool):
        return str(value).lower()
    if time and value is not None:
        return show_time(float(value))
    if isinstance(value, int) and name == "bytes":
        return show_size(value)
    if isinstance(value, Mapping) or name in HIDDEN:
        return shown(name, value)
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)
