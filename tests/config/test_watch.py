"""Reload: all or nothing, once the file has come to rest, and never silent about a bad file."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from pipeline.config import Config, default_config, load
from pipeline.config.watch import Watcher


class Gateway:
    """Who uses a configuration: remembers what was applied."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.applied: list[Config] = []
        self.refuses = False
        self.watcher = Watcher(load(path, {}), lambda: load(path, {}), self.apply)

    def apply(self, config: Config) -> None:
        if self.refuses:
            raise ValueError("the chain cannot be built")
        self.applied.append(config)

    def write(self, text: str) -> None:
        """A change is seen whatever the resolution of the file system's clock."""
        before = self.path.stat().st_mtime_ns
        self.path.write_text(text)
        os.utime(self.path, ns=(before + 1, before + 1))

    @property
    def drains(self) -> list[float]:
        return [config.server.drain for config in self.applied]


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    path = tmp_path / "penstock.yaml"
    path.write_text("server: {drain: 1}")
    return Gateway(path)


def test_a_file_that_does_not_change_is_not_read_again(gateway: Gateway) -> None:
    for _ in range(3):
        gateway.watcher.poll()
    assert gateway.drains == []


def test_a_changed_file_is_applied_once_it_rests_for_one_poll(gateway: Gateway) -> None:
    gateway.write("server: {drain: ")
    gateway.watcher.poll()
    gateway.write("server: {drain: 2}")
    gateway.watcher.poll()
    assert gateway.drains == []
    gateway.watcher.poll()
    gateway.watcher.poll()
    assert gateway.drains == [2]
    assert gateway.watcher.config.server.drain == 2


def test_a_file_that_is_replaced_by_rename_is_seen_and_its_absence_is_no_fault(gateway: Gateway) -> None:
    gateway.path.unlink()
    gateway.watcher.poll()
    gateway.watcher.poll()
    assert gateway.drains == []
    gateway.path.write_text("server: {drain: 3}")
    gateway.watcher.poll()
    gateway.watcher.poll()
    assert gateway.drains == [3]


def test_reload_reads_the_file_even_when_it_looks_the_same(gateway: Gateway) -> None:
    assert gateway.watcher.reload()
    assert gateway.drains == [1]


def test_a_bad_file_keeps_the_old_configuration_and_says_so_once(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    gateway.write("server: {drain: 2, prot: 1, hots: a}")
    for _ in range(4):
        gateway.watcher.poll()
    assert gateway.drains == []
    assert gateway.watcher.config.server.drain == 1
    messages = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(messages) == 3
    assert 'server.prot: unknown key. Did you mean "port"?' in messages[0]
    assert 'server.hots: unknown key. Did you mean "host"?' in messages[1]
    assert "the old one" in messages[2]


def test_after_a_bad_file_a_good_one_is_applied(gateway: Gateway) -> None:
    gateway.write("server: [")
    assert not gateway.watcher.reload()
    gateway.write("server: {drain: 2}")
    gateway.watcher.poll()
    gateway.watcher.poll()
    assert gateway.drains == [2]


def test_a_configuration_that_cannot_be_taken_into_use_changes_nothing(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.refuses = True
    gateway.write("server: {drain: 2}")
    assert not gateway.watcher.reload()
    assert gateway.watcher.config.server.drain == 1
    assert "the chain cannot be built" in caplog.text


def test_what_waits_for_a_restart_is_named(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    gateway.write("server: {port: 1, host: localhost}")
    assert gateway.watcher.reload()
    assert [name for name in ("server.host", "server.port", "server.workers") if f"{name} changed" in caplog.text] == [
        "server.host",
        "server.port",
    ]


def test_the_embedded_default_has_no_file_to_poll_but_reloads_on_demand() -> None:
    applied: list[Config] = []
    watcher = Watcher(default_config({}), lambda: default_config({}), applied.append)
    assert not watcher.due()
    assert watcher.reload()
    assert len(applied) == 1


def test_reading_changes_nothing_until_its_result_is_used(gateway: Gateway) -> None:
    gateway.write("server: {drain: 2}")
    assert not gateway.watcher.due()
    assert gateway.watcher.due()
    found = gateway.watcher.read()
    assert gateway.watcher.config.server.drain == 1
    assert not gateway.watcher.due()
    assert gateway.watcher.use(found)
    assert gateway.drains == [2]


def test_a_file_that_cannot_be_read_now_keeps_the_old_configuration(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """A step of your own may end the process that reads, and there may be no room for another process."""

    def load() -> Config:
        raise failures.pop(0)

    failures: list[Exception] = [RuntimeError("the process ended with 7"), OSError(24, "Too many open files")]
    watcher = Watcher(gateway.watcher.config, load, gateway.apply)
    assert (watcher.reload(), watcher.reload(), gateway.applied) == (False, False, [])
    assert "the process ended with 7" in caplog.text
    assert "cannot be started: Too many open files" in caplog.text
    assert caplog.text.count("stays in force") == 2
