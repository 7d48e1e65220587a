"""``python -m tests.corpus``: replays all recorded traffic through the real gateway and prints pair x passed x refused x failed.

Exit status 1 when anything failed, 2 when there is no corpus.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.corpus.checks import PAIRS
from tests.corpus.recordings import CORPUS, recordings
from tests.corpus.replay import replay
from tests.corpus.report import failures, refusals, table


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__.split("\n")[0])
    parser.add_argument("--pair", action="append", choices=PAIRS, metavar="CLIENT:PROVIDER", help="only this pair (repeatable)")
    parser.add_argument("--limit", type=int, help="only the first N recordings")
    parser.add_argument("--only", metavar="TEXT", help="only recordings with this in their name")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("-v", "--verbose", action="store_true", help="list refusals too")
    options = parser.parse_args(arguments)
    console = Console()
    if not CORPUS.is_dir():
        console.print(f"There is no corpus in {CORPUS}.")
        return 2
    chosen = [recording for recording in recordings() if not options.only or options.only in recording.name][: options.limit]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("replaying", total=len(chosen))
        verdicts = replay(chosen, frozenset(options.pair or PAIRS), options.workers, lambda: progress.advance(task))
    console.print(table(verdicts))
    if options.verbose:
        console.print(refusals(verdicts))
    for line in failures(verdicts):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 1 if any(verdict.state == "failed" for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
