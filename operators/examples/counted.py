"""A tap with a counter of its own: what passed, how it ended, and that many streams share one counter."""

from __future__ import annotations

from collections import Counter

import reactivex

from operators import Operator, fault, tap

counts: Counter[str] = Counter()


class Counted:
    """A probe has any of these methods; what it does cannot hurt the stream.

    Args:
        counts: the counter; a gauge or counter of a metrics library does as well.
    """

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts

    def on_subscribe(self) -> None:
        self._counts["begun"] += 1

    def on_next(self, word: str) -> None:
        self._counts["words"] += 1
        self._counts["characters"] += len(word)

    def on_completed(self) -> None:
        self._counts["complete"] += 1

    def on_error(self, error: Exception) -> None:
        self._counts[f"failed: {type(error).__name__}"] += 1

    def on_dispose(self) -> None:
        self._counts["left early"] += 1


def main() -> None:
    """A whole stream, one that fails, one whose reader leaves."""
    counted: Operator[str, str] = tap(Counted(counts))
    breaks: Operator[str, str] = fault("error", after=2)
    words = reactivex.of("such", "stuff", "as", "dreams")
    words.pipe(counted).subscribe()
    words.pipe(breaks, counted).subscribe(on_error=lambda error: print(error))
    reactivex.never().pipe(counted).subscribe().dispose()
    for name, count in sorted(counts.items()):
        print(f"{name:<18} {count}")


if __name__ == "__main__":
    main()
