"""The composition root: the only file that knows everybody. Start and stop, in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

import uvloop

from operators.clock import Clock
from operators.limits import own_meter
from operators.slots import Slots
from pipeline.assemble import assemble, prices_of
from pipeline.config import Config, ServerConfig
from pipeline.config.watch import Watcher
from pipeline.errors import GatewayError, Kind
from pipeline.greeting import greet
from pipeline.logs import Logs
from pipeline.logs import start as start_logs
from pipeline.metrics import SERVER, Metrics
from pipeline.providers.pool import Pool
from pipeline.recorder import Recorder
from pipeline.redaction import Redactor
from pipeline.server.auth import Keyring
from pipeline.server.cors import Cors
from pipeline.server.http import Door
from pipeline.server.listener import Listener
from pipeline.server.login_limit import LoginLimit
from pipeline.server.quiet import server_log
from pipeline.server.runtime import Runtime
from pipeline.shared import Shared, sharing
from pipeline.workers.colleagues import Colleagues, Linked
from pipeline.workers.portion import portion

if TYPE_CHECKING:
    from pipeline.config.apart import Loader
    from pipeline.telemetry.otel import Telemetry
    from pipeline.workers.seat import Seat

log = logging.getLogger("penstock")

# After the drain each answer in flight is ended in-band; this long (seconds) its client may take to read that.
LAST_WORDS = 2.0
BACKLOG = 1024
# So many objects may come and stay until the collector looks for cycles.
COLLECT_AFTER = 10_000


def serve(load: Loader, *, host: str | None = None, port: int | None = None, workers: int | None = None) -> int:
    """Serve until SIGTERM or SIGINT, then drain; SIGHUP reloads. Returns the exit status.

    Args:
        load: reads the configuration; called at start and at each reload.
        host, port, workers: override the configuration's; port 0 picks a free one. With one worker there is no other process.

    Raises:
        ConfigError: the first configuration is bad. A later one is reported and the old one kept.
        OSError: the address cannot be listened on.
    """
    config = load()
    host, port = host or config.server.host, config.server.port if port is None else port
    workers = workers or config.server.workers
    if workers > 1:
        from pipeline.workers.seat import listen
        from pipeline.workers.supervisor import Supervisor

        listening = listen(host, port)
        # It forks, so nothing may run beside it.
        with closing(start_logs(config.logs, threaded=False)):
            return Supervisor(config, load, listening, workers, _work, Metrics(version("penstock"))).run()
    with closing(start_logs(config.logs)) as logs, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(App(config, logs).run_alone(load, host, port))


def _work(seat: Seat) -> int:
    """Serve as one of several workers."""
    config = portion(seat.config, seat.number, seat.count)
    with closing(start_logs(config.logs)) as logs, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(App(config, logs, seat).run_among_others(seat))


class App:
    """One process that serves.

    Args:
        config: what it begins with.
        logs: where its log goes.
        seat: its place, where it is one of several.
    """

    def __init__(self, config: Config, logs: Logs, seat: Seat | None = None) -> None:
        self._config = config
        self._logs = logs
        self._seat = seat
        self._stopping = asyncio.Event()
        self._metrics = Metrics(version("penstock"))
        self._started = int(time.time()) if seat is None else seat.started
        if seat is not None:
            # A worker reads no file: one that takes another's place must not look like a reload.
            self._metrics.reloaded_at = seat.started

    async def run_alone(self, load: Callable[[], Config], host: str, port: int) -> int:
        """Serve on this address until a signal says stop; the exit status. Raises OSError where it cannot listen."""
        loop = asyncio.get_running_loop()
        async with Pool() as pool:
            shared, runtime = self._assembled(pool, Colleagues(self._metrics))
            server = self._server(runtime, self._config.server.header_limit)
            listener = await loop.create_server(server, host, port, backlog=BACKLOG)
            address = listener.sockets[0].getsockname()
            watcher = Watcher(self._config, load, partial(_apply, runtime, shared))
            reloading = _Reloading(loop, watcher, self._metrics)
            self._obey(signal.SIGTERM, signal.SIGINT)
            loop.add_signal_handler(signal.SIGHUP, reloading.start)
            self._each_second(loop, reloading.poll)
            _settle()
            greet(self._config, address[0], address[1])
            await self._stopping.wait()
            await self._drain([listener], server, runtime)
            runtime.recorder.close()
            await _end(runtime.recorder.telemetry)
            self._finish(signal.SIGTERM, signal.SIGINT)
        return 0

    async def run_among_others(self, seat: Seat) -> int:
        """Serve until SIGTERM, or until the supervisor is gone; the exit status."""
        loop = asyncio.get_running_loop()
        async with Pool() as pool:
            colleagues = Linked(self._metrics, self._stopping.set, seat.number)
            shared, runtime = self._assembled(pool, colleagues)
            server = self._server(runtime, self._config.server.header_limit)

            def apply(config: Config) -> None:
                _apply(runtime, shared, portion(config, seat.number, seat.count))

            await colleagues.connect(seat.link, apply)
            listeners = [await loop.create_server(server, sock=each, backlog=BACKLOG) for each in seat.listening]
            self._obey(signal.SIGTERM)
            self._each_second(loop)
            _settle()
            colleagues.ready()
            await self._stopping.wait()
            await self._drain(listeners, server, runtime)
            runtime.recorder.close()
            await _end(runtime.recorder.telemetry)
            self._finish(signal.SIGTERM)
            await colleagues.farewell()
        return 0

    def _assembled(self, pool: Pool, colleagues: Colleagues) -> tuple[Shared, Runtime]:
        metrics, server = self._metrics, self._config.server
        number = 0 if self._seat is None else self._seat.number
        shared = sharing(pool, metrics, own_meter if self._seat is None else self._seat.meters.of)
        metrics.use(self._config.digest, prices_of(self._config))
        runtime = Runtime(
            assembly=assemble(self._config, shared),
            keyring=_keyring(server),
            cors=Cors(server.cors),
            metrics=metrics,
            recorder=Recorder(self._config.traces, self._config.digest, _redactor(self._config), number),
            logs=self._logs,
            colleagues=colleagues,
            clock=Clock(asyncio.get_running_loop()),
            started=self._started,
            slots=lambda: shared.states(Slots),
        )
        runtime.recorder.telemetry = _telemetry(None, self._config)
        runtime.recorder.say = self._logs.say
        return shared, runtime

    def _obey(self, *signals: int) -> None:
        for name in signals:
            asyncio.get_running_loop().add_signal_handler(name, self._stopping.set)

    @staticmethod
    def _finish(*signals: int) -> None:
        """Who asks a second time in the last moments does not change the exit status."""
        for name in signals:
            asyncio.get_running_loop().remove_signal_handler(name)
            signal.signal(name, signal.SIG_IGN)

    @staticmethod
    def _server(runtime: Runtime, header_limit: int) -> Listener:
        return Listener(
            Door(runtime).handle,
            on_too_long=partial(runtime.metrics.tripped, "header_limit", SERVER),
            send_timeout=lambda: runtime.assembly.config.server.send_timeout,
            on_stuck=partial(runtime.metrics.tripped, "send_timeout", SERVER),
            # The client's leaving cancels the handler, in every phase.
            handler_cancellation=True,
            auto_decompress=False,
            access_log=None,
            logger=server_log(),
            keepalive_timeout=75.0,
            max_line_size=header_limit,
            max_field_size=header_limit,
        )

    def _each_second(self, loop: asyncio.AbstractEventLoop, further: Callable[[], None] | None = None) -> None:
        """See how late the loop is, and do what else is to be done each second."""

        def tick(due: float) -> None:
            now = loop.time()
            self._metrics.loop_lag = max(0.0, now - due)
            if further is not None:
                further()
            loop.call_at(now + 1.0, tick, now + 1.0)

        tick(loop.time())

    async def _drain(self, listeners: Sequence[asyncio.Server], handler: Listener, runtime: Runtime) -> None:
        """TR-L12: stop accepting, wait a grace time, then end what is left with an error."""
        runtime.draining = True
        for listener in listeners:
            listener.close()
        deadline = time.monotonic() + runtime.assembly.config.server.drain
        if runtime.exchanges:
            log.info("draining: %d requests in flight", len(runtime.exchanges))
        await _until(lambda: not runtime.exchanges, deadline)
        for exchange in list(runtime.exchanges):
            runtime.metrics.tripped("drain", SERVER)
            exchange.abort(GatewayError(Kind.OVERLOADED, "The gateway is stopping (`server.drain` is over).", retry_after=1))
        deadline = time.monotonic() + LAST_WORDS
        await _until(lambda: not runtime.exchanges, deadline)
        # Connections that only wait for another request have nothing to finish.
        handler.pre_shutdown()
        if runtime.exchanges:
            handler.abandon()
        await handler.shutdown(max(0.1, deadline - time.monotonic()))


class _Reloading:
    """Reads a changed configuration beside the event loop, one at a time, and takes it into use in one moment of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, watcher: Watcher, metrics: Metrics) -> None:
        self._loop = loop
        self._watcher = watcher
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None

    def poll(self) -> None:
        """Begin when the file changed and has come to rest."""
        if self._watcher.due():
            self.start()

    def start(self) -> None:
        """Begin, unless one is under way."""
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._reload())

    async def _reload(self) -> None:
        self._metrics.reloaded(self._watcher.use(await self._loop.run_in_executor(None, self._watcher.read)))


def _apply(runtime: Runtime, shared: Shared, config: Config) -> None:
    """Take a configuration into use; requests in flight keep what they began with."""
    keyring, cors = _keyring(config.server), Cors(config.server.cors)
    assembly = assemble(config, shared)
    runtime.assembly, runtime.keyring, runtime.cors = assembly, keyring, cors
    shared.metrics.use(config.digest, prices_of(config))
    runtime.recorder.use(config.traces, config.digest, _redactor(config))
    runtime.logs.use(config.logs, sys.stderr)
    runtime.recorder.telemetry = _telemetry(runtime.recorder.telemetry, config)


def _telemetry(running: Telemetry | None, config: Config) -> Telemetry | None:
    """What makes spans by a configuration; it goes on where it runs already."""
    if not config.telemetry.otel:
        if running is not None:
            # It sends what it has; nobody waits for that.
            threading.Thread(target=running.close, args=(LAST_WORDS,), daemon=True).start()
        return None
    if running is not None:
        running.use(config)
        return running
    # The extra `otel`: only who asks for spans needs it, and holds it in memory.
    from pipeline.telemetry.otel import telemetry

    return telemetry(version("penstock"), config)


async def _end(telemetry: Telemetry | None) -> None:
    """Send the last spans, for as long as somebody may wait for that."""
    if telemetry is not None:
        await asyncio.get_running_loop().run_in_executor(None, telemetry.close, LAST_WORDS)


def _redactor(config: Config) -> Redactor:
    """Hides every secret that the configuration holds, wherever somebody repeats it."""
    return Redactor(
        [
            *(provider.api_key.get_secret_value() for provider in config.providers.values() if provider.api_key is not None),
            *(value for provider in config.providers.values() for value in provider.headers.values()),
            *(key.key.get_secret_value() for key in config.server.keys),
        ]
    )


def _keyring(server: ServerConfig) -> Keyring:
    return Keyring(server.keys, origins=server.cors, limit=LoginLimit(server.wrong_keys))


def _settle() -> None:
    """What is here now stays, and answers leave no cycles: the collector need not look again and again.

    At its own pace it looks through what is under way whenever 700 objects came, which takes a thirtieth of the time of a stream
    of tokens, and everybody waits meanwhile.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


async def _until(done: Callable[[], bool], deadline: float) -> None:
    while not done() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
