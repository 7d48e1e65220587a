"""The composition root: the only file that knows everybody. Start and stop, in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import uvloop
from aiohttp import web

from operators.admit import Slots
from operators.breaker import Circuits
from operators.clock import Clock
from pipeline.assemble import assemble
from pipeline.config import Config
from pipeline.config.watch import Watcher
from pipeline.errors import GatewayError, Kind
from pipeline.greeting import greeting
from pipeline.logs import Logs
from pipeline.logs import start as start_logs
from pipeline.metrics import Metrics
from pipeline.providers.pool import Pool
from pipeline.recorder import Recorder
from pipeline.redaction import Redactor
from pipeline.server.auth import Keyring
from pipeline.server.cors import Cors
from pipeline.server.http import Door
from pipeline.server.quiet import server_log
from pipeline.server.runtime import Runtime
from pipeline.shared import Shared
from pipeline.workers.colleagues import Colleagues

log = logging.getLogger("penstock")

# After the drain each answer in flight is ended in-band; this long (seconds) its client may take to read that.
LAST_WORDS = 2.0


def serve(load: Callable[[], Config], *, host: str | None = None, port: int | None = None) -> int:
    """Serve until SIGTERM or SIGINT, then drain; SIGHUP reloads. Returns the exit status.

    Args:
        load: reads the configuration; called at start and at each reload.
        host, port: override the configuration's; port 0 picks a free one.

    Raises:
        ConfigError: the first configuration is bad. A later one is reported and the old one kept.
        OSError: the address cannot be listened on.
    """
    config = load()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(App(load, config).run(host or config.server.host, config.server.port if port is None else port))


class App:
    """One gateway process."""

    def __init__(self, load: Callable[[], Config], config: Config) -> None:
        self._load = load
        self._config = config

    async def run(self, host: str, port: int) -> int:
        """Serve on this address until a signal says stop; the exit status. Raises OSError where it cannot listen."""
        logs = start_logs(self._config.logs)
        try:
            async with Pool() as pool:
                return await self._serve(pool, logs, host, port)
        finally:
            logs.close()

    async def _serve(self, pool: Pool, logs: Logs, host: str, port: int) -> int:
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        metrics = Metrics(version("penstock"))
        shared = Shared(pool, metrics, Circuits())
        metrics.breakers = shared.circuits.states
        metrics.queue_depth = lambda: sum(slots.waiting for slots in shared.states(Slots))
        metrics.use(self._config.digest)
        runtime = Runtime(
            assembly=assemble(self._config, shared),
            keyring=Keyring(self._config.server.keys, origins=self._config.server.cors),
            cors=Cors(self._config.server.cors),
            metrics=metrics,
            recorder=Recorder(self._config.traces, self._config.digest, _redactor(self._config)),
            logs=logs,
            colleagues=Colleagues(),
            clock=Clock(loop),
            started=int(time.time()),
            slots=lambda: shared.states(Slots),
        )
        server = self._server(runtime)
        listener = await loop.create_server(server, host, port, backlog=1024)
        address = listener.sockets[0].getsockname()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stopping.set)
        watcher = Watcher(self._config, self._load, partial(_apply, runtime, shared))
        reloading = _Reloading(loop, watcher)
        loop.add_signal_handler(signal.SIGHUP, reloading.start)
        self._each_second(loop, runtime, reloading)
        # What is here now stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        print(greeting(self._config, address[0], address[1]), flush=True)
        await stopping.wait()
        await self._drain(listener, server, runtime)
        runtime.recorder.close()
        for name in (signal.SIGTERM, signal.SIGINT):
            # Who asks a second time in the last moments does not change the exit status.
            loop.remove_signal_handler(name)
            signal.signal(name, signal.SIG_IGN)
        return 0

    @staticmethod
    def _server(runtime: Runtime) -> web.Server:
        return web.Server(
            Door(runtime).handle,
            # The client's leaving cancels the handler, in every phase.
            handler_cancellation=True,
            auto_decompress=False,
            access_log=None,
            logger=server_log(),
            keepalive_timeout=75.0,
            max_line_size=16384,
            max_field_size=32768,
        )

    @staticmethod
    def _each_second(loop: asyncio.AbstractEventLoop, runtime: Runtime, reloading: _Reloading) -> None:
        """See how late the loop is, and whether the configuration's file changed."""

        def tick(due: float) -> None:
            now = loop.time()
            runtime.loop_lag = max(0.0, now - due)
            runtime.metrics.loop_lag.set(runtime.loop_lag)
            reloading.poll()
            loop.call_at(now + 1.0, tick, now + 1.0)

        tick(loop.time())

    async def _drain(self, listener: asyncio.Server, handler: web.Server, runtime: Runtime) -> None:
        """TR-L12: stop accepting, wait a grace time, then end what is left with an error."""
        runtime.draining = True
        listener.close()
        deadline = time.monotonic() + runtime.assembly.config.server.drain
        if runtime.exchanges:
            log.info("draining: %d requests in flight", len(runtime.exchanges))
        await _until(lambda: not runtime.exchanges, deadline)
        for exchange in list(runtime.exchanges):
            exchange.abort(GatewayError(Kind.OVERLOADED, "The gateway is stopping.", retry_after=1))
        await _until(lambda: not runtime.exchanges, time.monotonic() + LAST_WORDS)
        # Connections that only wait for another request have nothing to finish.
        handler.pre_shutdown()
        await handler.shutdown(LAST_WORDS)


class _Reloading:
    """Reads a changed configuration beside the event loop, one at a time, and takes it into use in one moment of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, watcher: Watcher) -> None:
        self._loop = loop
        self._watcher = watcher
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
        self._watcher.use(await self._loop.run_in_executor(None, self._watcher.read))


def _apply(runtime: Runtime, shared: Shared, config: Config) -> None:
    """Take a configuration into use; requests in flight keep what they began with."""
    keyring, cors = Keyring(config.server.keys, origins=config.server.cors), Cors(config.server.cors)
    assembly = assemble(config, shared)
    runtime.assembly, runtime.keyring, runtime.cors = assembly, keyring, cors
    shared.metrics.use(config.digest)
    runtime.recorder.use(config.traces, config.digest, _redactor(config))
    runtime.logs.use(config.logs, sys.stderr)


def _redactor(config: Config) -> Redactor:
    """Hides every secret that the configuration holds, wherever somebody repeats it."""
    return Redactor(
        [
            *(provider.api_key.get_secret_value() for provider in config.providers.values() if provider.api_key is not None),
            *(value for provider in config.providers.values() for value in provider.headers.values()),
            *(key.key.get_secret_value() for key in config.server.keys),
        ]
    )


async def _until(done: Callable[[], bool], deadline: float) -> None:
    while not done() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
