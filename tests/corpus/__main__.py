"""``python -m tests.corpus``: replays all recorded traffic through the real gateway and prints pair x passed x refused x failed.

Exit status 1 when anything failed, 2 when there is no corpus.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Sequence
from multiprocessing.queues import Queue

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.corpus.bench import bench
from tests.corpus.checks import Verdict, check
from tests.corpus.recordings import CORPUS, Recording, recordings
from tests.corpus.report import failures, refusals, table
from tests.support.clients import DIALECTS

PAIRS = tuple(f"{client}:{provider}" for client in DIALECTS for provider in DIALECTS)


def _work(chosen: Sequence[Recording], pairs: frozenset[str], results: Queue[list[Verdict] | None]) -> None:
    """One process: a provider, a gateway, and its share of the recordings."""
    try:
        with bench({recording.name: recording for recording in chosen}) as own:
            for recording in chosen:
                results.put(list(check(own, recording, pairs)))
    finally:
        results.put(None)


def replay(chosen: Sequence[Recording], pairs: frozenset[str], workers: int, progress: Progress) -> list[Verdict]:
    """All verdicts. Raises RuntimeError when a worker ended before its share was done."""
    context = multiprocessing.get_context("spawn")
    results: Queue[list[Verdict] | None] = context.Queue()
    shares = [chosen[first::workers] for first in range(workers)]
    processes = [context.Process(target=_work, args=(share, pairs, results)) for share in shares]
    for process in processes:
        process.start()
    verdicts: list[Verdict] = []
    task = progress.add_task("replaying", total=len(chosen))
    done, ended = 0, 0
    while ended < workers:
        batch = results.get()
        if batch is None:
            ended += 1
            continue
        verdicts += batch
        done += 1
        progress.advance(task)
    for process in processes:
        process.join()
    if done != len(chosen):
        raise RuntimeError(f"{len(chosen) - done} recordings were not replayed")
    return verdicts


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
        verdicts = replay(chosen, frozenset(options.pair or PAIRS), min(options.workers, max(len(chosen), 1)), progress)
    console.print(table(verdicts))
    if options.verbose:
        console.print(refusals(verdicts))
    for line in failures(verdicts):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 1 if any(verdict.state == "failed" for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
