"""Keeps N workers behind one port: starts them, starts one again that died, hands signals and configurations on, waits for all.

A plain loop over a selector, without asyncio and without threads, because it forks: a worker is a copy of a process in which
nothing runs. Forking shares what is imported, takes milliseconds, and hands the configuration over; a new program for each worker
(as uvicorn has it) would read and import everything again at each restart.

Workers end when their socket to the supervisor does, so that none outlives a supervisor that was killed.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Final, NoReturn

from operators.errors import ChainError
from pipeline.config import Config, ConfigError
from pipeline.config.apart import Loader
from pipeline.greeting import greet
from pipeline.metrics import Metrics
from pipeline.snapshot import Snapshot
from pipeline.workers.channel import Channel
from pipeline.workers.frames import Frame, Kind, frame
from pipeline.workers.hub import Hub
from pipeline.workers.meters import Meters
from pipeline.workers.portion import too_few
from pipeline.workers.reload import Reload
from pipeline.workers.restarts import Restarts
from pipeline.workers.seat import Seat, Work
from pipeline.workers.worker import Worker

log = logging.getLogger("penstock.workers")

LAST_MOMENTS: Final = 10.0
"""Seconds beyond `server.drain` that a worker may take to end before it is killed."""
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

_OWN: Final = ("penstock_worker_restarts", "penstock_config_")
"""What the names of metrics begin with that count what happens here and in no worker."""


class Supervisor:
    """The parent of all workers.

    Args:
        config, load: what is in force, and who reads it anew.
        listening: where all workers take connections from.
        workers: how many.
        work: what each of them does.
        metrics: what is counted here.
    """

    def __init__(
        self, config: Config, load: Loader, listening: Sequence[socket.socket], workers: int, work: Work, metrics: Metrics
    ) -> None:
        self._listening = listening
        self._count = workers
        self._work = work
        self._metrics = metrics
        self._meters = Meters()
        self._started = int(time.time())
        self._selector = selectors.DefaultSelector()
        self._workers: dict[int, Worker] = {}
        self._ids = count(1)
        self._hub = Hub(self._send, self._own, time.monotonic)
        self._reload = Reload(config, load, self._selector, lambda: self._hub.ready, self._offer, metrics.reloaded)
        self._places = [Restarts() for _ in range(workers)]
        self._due: dict[int, float] = {}
        """Places that are empty, and when somebody takes them."""
        self._greeted = False
        self._stopping: float | None = None
        """When whoever is left is killed."""
        self._status = 0
        self._signals: list[int] = []
        self._bell, self._wake = socket.socketpair()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT and until all workers have ended; the exit status."""
        # What is here now is the same in all workers: a collector that marks it would copy it.
        gc.collect()
        gc.freeze()
        self._listen_to_signals()
        for sentence in too_few(self._reload.config, self._count):
            log.warning("%s", sentence)
        # The first one alone: what keeps it from serving is told once.
        self._start(0)
        while self._workers or self._stopping is None:
            for key, events in self._selector.select(self._patience()):
                key.data(events)
            for name in self._signals[:]:
                self._signals.remove(name)
                self._on_signal(name)
            self._hub.expire()
            self._reload.expire()
            self._start_due()
            self._insist()
        return self._status

    def _patience(self) -> float:
        """Seconds until something is due."""
        now = time.monotonic()
        dues = [*self._due.values(), self._hub.due, self._reload.due, self._stopping]
        return max(0.0, min(due - now for due in dues if due is not None))

    # Signals

    def _listen_to_signals(self) -> None:
        for end in (self._bell, self._wake):
            end.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ, lambda events: self._bell.recv(4096))
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for name in SIGNALS:
            signal.signal(name, lambda number, _: self._signals.append(number))

    def _on_signal(self, name: int) -> None:
        if name == signal.SIGCHLD:
            self._reap()
        elif name == signal.SIGHUP:
            if self._stopping is None:
                self._reload.start()
        elif self._stopping is None:
            self._stop()

    def _stop(self) -> None:
        self._stopping = time.monotonic() + self._reload.config.server.drain + LAST_MOMENTS
        self._due.clear()
        # Nobody else may hold the queue of connections: who comes now is refused at once.
        for each in self._listening:
            each.close()
        for worker in self._workers.values():
            os.kill(worker.pid, signal.SIGTERM)

    def _insist(self) -> None:
        if self._stopping is not None and time.monotonic() >= self._stopping:
            self._stopping += LAST_MOMENTS
            for worker in self._workers.values():
                log.error("worker %d (pid %d) does not end and is killed", worker.number, worker.pid)
                os.kill(worker.pid, signal.SIGKILL)

    # Starting and ending

    def _start(self, number: int) -> None:
        try:
            self._fork(number)
        except OSError as error:
            if not self._greeted:
                raise
            # Out of descriptors, processes or memory: those who live go on, and it may be better later.
            wait = self._again(number, 0.0)
            log.error("worker %d cannot be started (%s); another try in %g s", number, error.strerror, wait)

    def _fork(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        config = self._reload.config
        # A signal that comes between the fork and the child's own handlers must not run the parent's.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            pid = os.fork()
            if not pid:
                ours.close()
                self._become(Seat(number, self._count, config, self._listening, theirs, self._meters, self._started))
        except OSError:
            ours.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            theirs.close()
        id = next(self._ids)
        self._workers[id] = Worker(id, number, pid, Channel(ours, self._selector, partial(self._received, id)), config)

    def _become(self, seat: Seat) -> NoReturn:
        """The rest of a new process's life. Nothing of the supervisor's is left open in it."""
        status = 1
        try:
            self._forget()
            status = self._work(seat)
        except (ConfigError, ChainError, OSError) as error:
            print(error, file=sys.stderr)
        except BaseException as error:
            if os.environ.get("PENSTOCK_TRACEBACK"):
                log.exception("a worker failed")
            # The text of a foreign exception may hold anything.
            told = f"penstock: a fault of ours ({type(error).__name__}); with PENSTOCK_TRACEBACK=1 it says where."
            print(told, file=sys.stderr)
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            # The parent's exit handlers are none of ours.
            os._exit(status)

    def _forget(self) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # A terminal sends these to the whole group: the supervisor says what is to be done.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._selector.close()
        self._reload.abandon()
        for worker in self._workers.values():
            worker.channel.abandon()
        for end in (self._bell, self._wake):
            end.close()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _again(self, number: int, lived: float) -> float:
        """Have this place taken again; in how many seconds."""
        wait = self._places[number].delay(lived)
        self._due[number] = time.monotonic() + wait
        return wait

    def _start_due(self) -> None:
        now = time.monotonic()
        for number, due in list(self._due.items()):
            if due <= now:
                del self._due[number]
                self._start(number)

    def _reap(self) -> None:
        for worker in list(self._workers.values()):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._ended(worker, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: Worker, status: int) -> None:
        # What it said at last is heard before it is counted among the dead.
        worker.channel.close()
        del self._workers[worker.id]
        self._hub.left(worker.id)
        self._reload.left(worker.id)
        if self._stopping is not None:
            # Who is told to end before it can listen to that ends by the signal itself.
            if status and (worker.ready or status != -signal.SIGTERM):
                self._status = 1
            return
        if not self._greeted:
            self._status = 1
            self._stop()
            return
        wait = self._again(worker.number, time.monotonic() - worker.began)
        self._metrics.restarts.inc()
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        when = f"in {wait:g} s" if wait else "now"
        log.warning("worker %d (pid %d) %s; another one is started %s", worker.number, worker.pid, how, when)

    # What workers say

    def _received(self, id: int, said: Frame) -> None:
        worker = self._workers[id]
        match said.kind:
            case Kind.READY:
                self._is_ready(worker)
            case Kind.APPLIED:
                self._reload.answered(id, said.payload.decode(errors="replace"))
            case _:
                self._hub.received(id, said)

    def _is_ready(self, worker: Worker) -> None:
        worker.ready = True
        self._hub.joined(worker.id)
        if worker.config is not self._reload.config:
            self._reload.also(worker.id)
        if self._stopping is not None:
            return
        alive = {each.number for each in self._workers.values()}
        for number in range(self._count):
            if number not in alive and number not in self._due:
                self._start(number)
        if not self._greeted and all(each.ready for each in self._workers.values()):
            self._greeted = True
            host, port, *_ = self._listening[0].getsockname()
            greet(self._reload.config, host, port)

    def _send(self, id: int, data: bytes) -> None:
        worker = self._workers.get(id)
        if worker is not None:
            worker.channel.send(data)

    def _offer(self, id: int, pickled: bytes) -> None:
        self._send(id, frame(Kind.CONFIG, 0, pickled))

    def _own(self) -> Snapshot:
        return [family for family in self._metrics.families() if family["name"].startswith(_OWN)]
