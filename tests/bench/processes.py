"""The processes of the benchmark: started with a free port, measured from outside, ended for good."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import psutil
import yaml

from tests.bench.load import Order, Result
from tests.bench.wires import DIALECTS

ROOT: Final = Path(__file__).resolve().parents[2]
STOP: Final = 15.0
"""Seconds for an orderly end."""

LOADS: Final = 2
"""Processes of clients: one asks; both, where two targets are asked at the same time."""

_ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:\d+")


class BenchError(Exception):
    """A process of the benchmark failed, or an answer was wrong: nothing can be said about costs."""


def raise_file_limit() -> None:
    """5,000 open streams are 10,000 sockets in one process. The processes started from here inherit the limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Process:
    """One process, a context manager.

    Args:
        stdout: what it prints there: its address, which becomes ``url``; answers (see ``answer``); or words for the log.
        seed: of its hashes; None: by chance.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        stdout: Literal["address", "answers", "words"] = "address",
        seed: int | None = None,
    ) -> None:
        self.name = name
        self.url = ""
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        self._popen = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=self._log if stdout == "words" else subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **({} if seed is None else {"PYTHONHASHSEED": str(seed)})},
        )
        self._process = psutil.Process(self._popen.pid)
        if stdout == "address":
            try:
                self.url = self._address()
            except BenchError:
                self.stop()
                raise

    def _address(self) -> str:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            if found := _ADDRESS.search(line.decode()):
                return found[0]
        raise BenchError(f"the {self.name} did not start:\n{self.log()}")

    def log(self) -> str:
        """The end of what it wrote for people."""
        self._log.seek(0)
        return self._log.read()[-4000:]

    def ask(self, line: bytes) -> None:
        """Write a line to its stdin. Raises BenchError when it ended."""
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(line + b"\n")
            self._popen.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def answer(self) -> bytes:
        """Wait for a line on its stdout."""
        assert self._popen.stdout is not None
        answer = self._popen.stdout.readline()
        if not answer:
            raise self._ended()
        return answer

    def _ended(self) -> BenchError:
        return BenchError(f"the {self.name} ended:\n{self.log()}")

    def place(self, cores: Sequence[int]) -> None:
        """Let it run on these cores only; without any, on all."""
        if hasattr(os, "sched_setaffinity"):
            for process in self._family():
                process.cpu_affinity(list(cores))

    def _family(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]

    def cpu(self) -> float:
        """Seconds of CPU, user and system, that it and its children have used."""
        return sum(map(_cpu, self._family()))

    def rss(self) -> int:
        """Bytes of memory that it and its children hold."""
        return sum(int(process.memory_info().rss) for process in self._family())

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._popen.send_signal(number)

    def stop(self) -> None:
        """End it; insist if it does not. Idempotent."""
        self._popen.terminate()
        try:
            self._popen.wait(STOP)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                # What it did not take any more still waits in the pipe's buffer.
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._log.close()


def _cpu(process: psutil.Process) -> float:
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            # The kernel's own CPU clock of a process (clock_getcpuclockid): to the nanosecond, where /proc counts in 10 ms.
            return time.clock_gettime((~process.pid << 3) | 2)
    times = process.cpu_times()
    return float(times.user + times.system)


class Stand:
    """The provider and the clients, ready for any target."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Stand:
        with contextlib.ExitStack() as stack:
            self.provider = stack.enter_context(Process("provider", ["-m", "tests.bench.provider"]))
            load = ["-m", "tests.bench.load"]
            self._loads = [stack.enter_context(Process("load", load, stdout="answers")) for _ in range(LOADS)]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def share_a_core(self, target: Process) -> None:
        """Put the provider, the clients and a target on one core.

        So a target always finds all that the provider could write: its reads are the largest, the rounds alike.
        """
        self._place([max(os.sched_getaffinity(0))] if hasattr(os, "sched_getaffinity") else [], target)

    def leave_to_the_kernel(self, *targets: Process) -> None:
        """Let the kernel place the provider, the clients and targets: waiting for a shared core is nobody's latency."""
        self._place([], *targets)

    def _place(self, cores: Sequence[int], *targets: Process) -> None:
        for process in (self.provider, *self._loads, *targets):
            process.place(cores)

    def order(self, what: str, target: Process, order: Order) -> Result:
        """Let the clients do something (see ``load``). Raises BenchError when an answer was wrong."""
        self._tell(self._loads[0], what, order)
        return self._result(self._loads[0].answer(), target, order)

    def run_together(self, orders: Sequence[tuple[Process, Order]]) -> list[Result]:
        """Carry out at most ``LOADS`` orders, at the same time. Raises BenchError like ``order``, once all came to their end."""
        asked = list(zip(self._loads[: len(orders)], orders, strict=True))
        for load, (_, order) in asked:
            self._tell(load, "run", order)
        # All are read before any is looked at, or the next order would read what was left.
        answers = [load.answer() for load, _ in asked]
        return [self._result(answer, target, order) for answer, (target, order) in zip(answers, orders, strict=True)]

    @staticmethod
    def _tell(load: Process, what: str, order: Order) -> None:
        load.ask(orjson.dumps({"do": what, **asdict(order)}))

    @staticmethod
    def _result(answer: bytes, target: Process, order: Order) -> Result:
        result = Result(**orjson.loads(answer))
        if result.error:
            raise BenchError(
                f"{target.name}, {order.client} from {order.provider}, {order.scenario}: {result.error}\n{target.log()}"
            )
        return result

    def floor(self) -> Process:
        """A pass-through in front of the provider."""
        return Process("floor", ["-m", "tests.bench.floor", self.provider.url])

    @contextlib.contextmanager
    def gateway(self, *run: str, seed: int | None = None, **sections: Any) -> Iterator[Process]:
        """A fresh gateway with its default chain, and the provider three times: once in each dialect.

        Args:
            run: the module that is run, and what it is given before the command: ``profiled``, ``unseen``; the gateway as it is.
            seed: of its hashes, so that two of the same seed have their tables alike; None: by chance.
            sections: further sections of its configuration.
        """
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder, "penstock.yaml")
            config.write_text(yaml.safe_dump({**self._config(), **sections}))
            command = ["-m", *(run or ("pipeline",)), "serve", str(config), "--port", "0"]
            with Process("gateway", command, seed=seed) as process:
                yield process

    def _config(self) -> dict[str, Any]:
        bases = {dialect: self.provider.url + ("" if dialect == "messages" else "/v1") for dialect in DIALECTS}
        return {
            "providers": {
                dialect: {"dialect": dialect, "base_url": base, "api_key": "sk-bench"} for dialect, base in bases.items()
            }
        }
