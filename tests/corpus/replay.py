"""All recordings over several processes: each has a provider and a gateway of its own and takes its share."""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Callable, Sequence
from multiprocessing.queues import Queue
from typing import Final

from tests.corpus.bench import bench
from tests.corpus.checks import Verdict, check
from tests.corpus.recordings import Recording

PATIENCE: Final = 1.0
"""Seconds between two looks at whether the workers are still there."""


def _work(chosen: Sequence[Recording], pairs: frozenset[str], results: Queue[list[Verdict]]) -> None:
    with bench({recording.name: recording for recording in chosen}) as own:
        for recording in chosen:
            results.put(list(check(own, recording, pairs)))


def replay(chosen: Sequence[Recording], pairs: frozenset[str], workers: int, done: Callable[[], None]) -> list[Verdict]:
    """All verdicts; ``done`` is called after each recording. Raises RuntimeError when a worker broke off before its end."""
    context = multiprocessing.get_context("spawn")
    results: Queue[list[Verdict]] = context.Queue()
    shares = [share for first in range(workers) if (share := chosen[first::workers])]
    processes = [context.Process(target=_work, args=(share, pairs, results)) for share in shares]
    for process in processes:
        process.start()
    verdicts: list[Verdict] = []
    missing = len(chosen)
    while missing:
        alive = any(process.is_alive() for process in processes)
        try:
            verdicts += results.get(timeout=PATIENCE)
        except queue.Empty:
            if alive:
                continue
            raise RuntimeError(f"{missing} recordings were not replayed") from None
        missing -= 1
        done()
    for process in processes:
        process.join()
    return verdicts
