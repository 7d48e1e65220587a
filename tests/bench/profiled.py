"""The gateway under cProfile, from one signal to another: ``python -m tests.bench.profiled FILE serve ...``."""

from __future__ import annotations

import cProfile
import runpy
import signal
import sys
from typing import Final

START: Final = signal.SIGUSR1
STOP: Final = signal.SIGUSR2


def main() -> None:
    """Run the gateway; ``START`` begins the profile, ``STOP`` ends it and writes it to FILE."""
    path = sys.argv.pop(1)
    profile = cProfile.Profile()

    def stop() -> None:
        profile.disable()
        profile.dump_stats(path)

    signal.signal(START, lambda *_: profile.enable())
    signal.signal(STOP, lambda *_: stop())
    runpy.run_module("pipeline", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
