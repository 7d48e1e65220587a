"""A real Prometheus as a process of its own, on a free port, with the rules of dashboards/ at the pace of a test."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

PROMETHEUS: Final = shutil.which("prometheus")
PROMTOOL: Final = shutil.which("promtool")

PACE: Final = "500ms"
START: Final = 20.0
"""Seconds."""


class Prometheus:
    """Scrapes one gateway. Use as a context manager.

    Args:
        folder: for its configuration and data.
        written: what ``penstock dashboards`` writes, texts by their paths.
        target: host:port of the gateway.
    """

    def __init__(self, folder: Path, written: Mapping[str, str], target: str) -> None:
        config = yaml.safe_load(written["prometheus/prometheus.yml"])
        config["global"] = {"scrape_interval": PACE, "evaluation_interval": PACE}
        config["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
        (folder / "rules").mkdir(parents=True)
        for name, text in written.items():
            if name.startswith("prometheus/rules/"):
                rules = yaml.safe_load(text)
                for group in rules["groups"]:
                    group["interval"] = PACE
                (folder / "rules" / Path(name).name).write_text(yaml.safe_dump(rules))
        self._config = folder / "prometheus.yml"
        self._config.write_text(yaml.safe_dump(config))
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""

    def __enter__(self) -> Prometheus:
        assert PROMETHEUS is not None
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}"
        command = [PROMETHEUS, f"--config.file={self._config}", f"--storage.tsdb.path={self._folder / 'data'}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
        self._log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        until = time.monotonic() + START
        while not self._ready():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < until, "Prometheus did not start"
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(10)
        self._log.close()

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def get(self, path: str, **parameters: str) -> Any:
        """What the API answers. Raises AssertionError with its words for a query that is no PromQL."""
        try:
            with urllib.request.urlopen(f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def values(self, query: str) -> list[float]:
        """The values of a query now, without those that are no numbers."""
        found = [float(series["value"][1]) for series in self.get("query", query=query)["result"]]
        return [value for value in found if value == value]

    def label_values(self, series: str, label: str) -> list[str]:
        """What Grafana's ``label_values`` gives."""
        found: list[str] = self.get(f"label/{label}/values", **{"match[]": series})
        return found
