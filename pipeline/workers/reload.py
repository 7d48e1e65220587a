"""A configuration is read once for all workers, tried by one, used by all: one report, and all or nothing in each of them."""

from __future__ import annotations

import logging
import pickle
import selectors
import time
from collections.abc import Callable, Iterable
from typing import Final

from pipeline.config import Config, ConfigError
from pipeline.config.apart import Loader, Reading
from pipeline.config.watch import Watcher

log = logging.getLogger("penstock.config")

LOOK: Final = 1.0
"""Seconds between two looks at the file."""
PATIENCE: Final = 10.0
"""Seconds that a worker may take to say whether it uses what it was given."""

Offer = Callable[[int, bytes], None]
"""(worker, pickled configuration)."""


class Reload:
    """The configuration of all workers.

    Args:
        config: what they begin with.
        load: reads it anew, in a process of its own.
        selector: of the supervisor's loop.
        ready: the workers that can use another one now.
        offer: gives it to one, after which either :meth:`answered` or :meth:`left` is called.
        reloaded: called once for each reload, with whether what was read is in force.
    """

    def __init__(
        self,
        config: Config,
        load: Loader,
        selector: selectors.BaseSelector,
        ready: Callable[[], Iterable[int]],
        offer: Offer,
        reloaded: Callable[[bool], None],
    ) -> None:
        self.config = config
        """What is in force: workers that are started begin with it."""
        self._load = load
        self._selector = selector
        self._ready = ready
        self._offer = offer
        self._reloaded = reloaded
        self._watcher = Watcher(config, load, lambda _: None)
        self._look = time.monotonic() + LOOK
        self._reading: Reading | None = None
        self._new: Config | None = None
        """What one worker tries."""
        self._pickled = b""
        self._awaited: set[int] = set()
        """Who was given it and has not answered."""
        self._late: set[int] = set()
        """Whose answers nobody waits for."""
        self._until = 0.0

    @property
    def due(self) -> float:
        """When ``expire`` has something to do; monotonic seconds."""
        return min(self._look, self._until) if self._awaited else self._look

    def start(self) -> None:
        """Read the file, unless a reload is under way."""
        if self._reading is None and not self._awaited:
            self._watcher.begun()
            try:
                self._reading = self._load.begin()
            except OSError as error:
                self._watcher.unread(error)
                self._reloaded(False)
                return
            self._selector.register(self._reading, selectors.EVENT_READ, self._read)

    def expire(self) -> None:
        """Look at the file each second, and do not wait for workers that are silent."""
        now = time.monotonic()
        if now >= self._look:
            self._look = now + LOOK
            if self._watcher.due():
                self.start()
        if self._awaited and now >= self._until:
            silent, self._awaited = self._awaited, set()
            self._settle(0, f"{len(silent)} of them did not answer in time")

    def answered(self, worker: int, wrong: str) -> None:
        """A worker uses what it was given, or says what is wrong with it."""
        if worker in self._late:
            self._late.discard(worker)
        elif worker not in self._awaited:
            # Too late: it may have taken what is not in force.
            self.also(worker)
        else:
            self._awaited.discard(worker)
            self._settle(worker, wrong)

    def left(self, worker: int) -> None:
        """A worker has ended."""
        self._late.discard(worker)
        if worker in self._awaited:
            self._awaited.discard(worker)
            # Whoever takes its place begins with what is in force then.
            self._settle(worker, "the worker that was to try it ended" if self._new is not None else "")

    def also(self, worker: int) -> None:
        """Give what is in force to one that began with something older."""
        self._late.add(worker)
        self._offer(worker, pickle.dumps(self.config))

    def abandon(self) -> None:
        """In a new process: nothing is read here."""
        if self._reading is not None:
            self._reading.abandon()

    def _read(self, events: int) -> None:
        assert self._reading is not None
        reading, self._reading = self._reading, None
        self._selector.unregister(reading)
        try:
            self._new = reading.result()
        except (ConfigError, RuntimeError) as error:
            self._keep(error)
            return
        self._pickled = pickle.dumps(self._new)
        # What one takes, all take: they are alike. So nothing happens anywhere where it is bad.
        self._give(list(self._ready())[:1])
        if not self._awaited:
            self._keep("no worker is there to try it")

    def _give(self, workers: Iterable[int]) -> None:
        self._awaited.update(workers)
        self._until = time.monotonic() + PATIENCE
        for worker in self._awaited:
            self._offer(worker, self._pickled)

    def _settle(self, worker: int, wrong: str) -> None:
        """Go on after an answer."""
        if self._new is not None and wrong:
            self._keep(wrong)
            return
        if self._new is not None:
            # It is in force from now on.
            self.config, self._new = self._new, None
            self._give(each for each in self._ready() if each != worker)
        elif wrong:
            log.error("a worker goes on with an older configuration: %s", wrong)
        if not self._awaited:
            self._watcher.accepted(self.config)
            self._reloaded(True)

    def _keep(self, why: object) -> None:
        self._new = None
        self._watcher.kept(why)
        self._reloaded(False)
