"""The real gateway as a process of its own: started with a configuration, ready when it printed its address, stopped for good."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT: Final = Path(__file__).resolve().parents[2]
START: Final = 30.0
"""Seconds for a cold start on a busy machine."""
STOP: Final = 10.0

_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


class Gateway:
    """``python -m pipeline serve`` on a free port. Use as a context manager; ``stop`` is idempotent."""

    def __init__(
        self, config: Mapping[str, Any], folder: Path, *, env: Mapping[str, str] | None = None, workers: int = 1
    ) -> None:
        self.config_path = folder / "penstock.yaml"
        self.config_path.write_text(yaml.safe_dump(dict(config), sort_keys=False))
        self._stderr_path = folder / "gateway.stderr"
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self._workers = workers
        self._ending = False
        self._process: subprocess.Popen[str] | None = None
        self._drain: threading.Thread | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def stderr(self) -> str:
        """What the gateway has logged so far."""
        return self._stderr_path.read_text(errors="replace")

    def base_url(self, dialect: str) -> str:
        """What the SDK of this dialect calls ``base_url``."""
        return self.url if dialect == "messages" else f"{self.url}/v1"

    def start(self) -> Gateway:
        """Start and wait for the printed address. Raises RuntimeError with the gateway's own words when none comes."""
        command = [sys.executable, "-m", "pipeline", "serve", str(self.config_path), "--port", "0"]
        if self._workers != 1:
            command += ["--workers", str(self._workers)]
        with self._stderr_path.open("w") as stderr:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        lines: queue.Queue[str | None] = queue.Queue()
        self._drain = threading.Thread(target=self._read, args=(lines,), daemon=True)
        self._drain.start()
        printed: list[str] = []
        with contextlib.suppress(queue.Empty):
            while (line := lines.get(timeout=START)) is not None:
                printed.append(line)
                if found := _ADDRESS.search(line):
                    self.url = f"http://127.0.0.1:{found[1]}"
                    return self
        self.stop()
        raise RuntimeError(f"the gateway did not start:\n{''.join(printed)}\n{self.stderr}")

    def _read(self, lines: queue.Queue[str | None]) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            lines.put(line)
        lines.put(None)

    def reload(self) -> None:
        """Ask for a new look at the configuration file."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def terminate(self) -> None:
        """Ask it to end, and do not wait."""
        assert self._process is not None
        self._ending = True
        self._process.terminate()

    def wait_until_refused(self) -> None:
        """Wait until it takes no connections any more."""
        port = int(self.url.rpartition(":")[2])
        until = time.monotonic() + STOP
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except ConnectionRefusedError:
                return
            except (ConnectionResetError, TimeoutError):
                continue
        raise AssertionError("it still takes connections")

    def wait_for_metric(self, name: str, right: Callable[[float], bool]) -> None:
        """Wait until a series has a value that is right."""
        until = time.monotonic() + STOP
        while not right(value := self.metrics().get(name, 0.0)):
            assert time.monotonic() < until, f"{name} stays at {value}"

    def wait_for_log(self, words: str) -> None:
        """Wait until the log holds these words."""
        until = time.monotonic() + STOP
        while words not in self.stderr:
            assert time.monotonic() < until, f"{words!r} was never logged:\n{self.stderr}"
            threading.Event().wait(0.02)

    def stop(self) -> int:
        """Ask it to end, wait, insist if it does not; its exit status."""
        process = self._process
        assert process is not None
        if process.poll() is None:
            if not self._ending:
                process.terminate()
            try:
                process.wait(STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._drain is not None:
            self._drain.join(STOP)
        if process.stdout is not None:
            process.stdout.close()
        return process.returncode

    def metrics(self) -> dict[str, float]:
        """A scrape: ``name{label="value",...}`` (labels sorted) to its value."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=STOP) as answer:
            text = answer.read().decode()
        return {
            _key(sample.name, sample.labels): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def gauge(self, name: str) -> float:
        """The value of a series without labels: reading all of them takes too long where milliseconds count."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=STOP) as answer:
            text = answer.read().decode()
        return float(text.partition(f"\n{name} ")[2].partition("\n")[0])

    def __enter__(self) -> Gateway:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


def _key(name: str, labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{inside}}}" if inside else name
