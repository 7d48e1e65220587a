"""What a replay prints: both requests as marbles over one axis, a table of what they have in common, and sentences."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from textwrap import wrap
from typing import Final, TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.replay.axis import CUT, shown
from pipeline.replay.compare import Fact, facts, same, sentences
from pipeline.replay.draw import axis_of, drawn, legend
from pipeline.replay.run import Replay

_NARROW: Final = 60
_WIDE: Final = 120
"""Columns at most: longer lines are hard to follow, also where there is room."""


def show(replay: Replay, config_digest: str, out: TextIO) -> None:
    """Write it to ``out``: with colours into a terminal, plain text of the same width else (``COLUMNS`` is respected)."""
    width = min(max(shutil.get_terminal_size().columns, _NARROW), _WIDE)
    target: TextIO = out if out.isatty() else io.StringIO()
    console = Console(file=target, width=width, highlight=False, soft_wrap=False)
    for part in _parts(replay, config_digest, width):
        console.print(part)
    if isinstance(target, io.StringIO):
        out.write("\n".join(line.rstrip() for line in target.getvalue().splitlines()) + "\n")


def _parts(replay: Replay, digest: str, width: int) -> Iterator[RenderableType]:
    recorded, replayed = replay.recorded, replay.replayed
    when = datetime.fromtimestamp(recorded.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    kind = "a stream" if recorded.stream else "a whole answer"
    yield Text.assemble((recorded.id, "bold"), f"  {when}, {recorded.dialect}, model {recorded.asked}, {kind}")
    axis = axis_of((recorded, replayed), width)
    yield Text.assemble("\n", ("recorded", "bold"), f"  through the chain {recorded.chain or '(unknown)'}")
    yield from drawn(recorded, axis, {})
    yield Text.assemble("\n", ("replayed", "bold"), f"  through the chain {replay.chain}")
    yield from drawn(replayed, axis, replay.unknown)
    cut = f"; {CUT} is time left out" if axis.cuts else ""
    unknown = "  ? unknown" if replay.unknown else ""
    yield Text(f"\na column is {shown(axis.step)}{cut}; {legend((recorded, replayed))}{unknown}\n", "dim")
    yield _table(facts(recorded, replayed))
    yield ""
    yield from _told(replay, digest, width)


def _table(found: list[Fact]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for column in ("", "recorded", "replayed"):
        table.add_column(column, overflow="fold")
    for fact in found:
        style = "bold" if fact.differs else "dim"
        table.add_row(fact.name, Text(fact.recorded), Text(fact.replayed, style))
    return table


def _told(replay: Replay, digest: str, width: int) -> Iterator[Text]:
    for sentence in _sentences(replay, digest):
        yield Text("\n".join(wrap(sentence, width, break_on_hyphens=False, break_long_words=False)))


def _sentences(replay: Replay, digest: str) -> Iterator[str]:
    recorded, replayed = replay.recorded, replay.replayed
    if same(recorded, replayed):
        yield "The same would have happened." if not replay.own else "The replay is faithful: the same happened as was recorded."
    elif replay.own:
        yield "The replay is NOT FAITHFUL: through the recording's own chain something else came of it."
        if recorded.config and recorded.config != digest:
            yield f"The configuration is another one now ({digest}, then {recorded.config}): the chain may have changed."
        else:
            yield "A trace does not hold what other requests did to limits, breakers and caches, nor chance, nor a slow client."
    yield from sentences(recorded, replayed)
    yield from replay.notes
