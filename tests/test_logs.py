"""The log: one line an event, for machines or for people, written by nobody who serves, and never another line by a stranger."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pty
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import Path

import pytest

from pipeline.config import LogsConfig
from pipeline.logs import Lines, Logs, start
from pipeline.logs.format import Fields, as_json, as_text, fields
from tests.support.clients import ask, hello
from tests.support.gateway import Gateway

log = logging.getLogger("penstock")


Begin = Callable[[LogsConfig], Logs]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def begin(path: Path) -> Iterator[Begin]:
    """Logs to a file; afterwards logging is as it was before."""
    root = logging.getLogger()
    handlers, level, own = root.handlers[:], root.level, log.level
    with path.open("w") as stream:
        yield lambda config: start(config, stream)
    root.handlers[:] = handlers
    root.setLevel(level)
    log.setLevel(own)


def written(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_a_line_is_json_where_nobody_sits_at_a_terminal(begin: Begin, path: Path) -> None:
    logs = begin(LogsConfig())
    log.info("draining: %d requests in flight", 3)
    log.debug("not told")
    logging.getLogger("foreign").info("not told either")
    logging.getLogger("foreign").warning("told")
    logs.close()
    lines = [json.loads(line) for line in written(path)]
    assert [(line["level"], line["message"], line.get("logger")) for line in lines] == [
        ("info", "draining: 3 requests in flight", None),
        ("warning", "told", "foreign"),
    ]
    assert lines[0]["ts"].endswith("Z")
    assert abs(time.time() - time.mktime(time.strptime(lines[0]["ts"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 5


@pytest.mark.usefixtures("begin")
def test_a_line_is_coloured_text_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    master, slave = pty.openpty()
    terminal: TextIOWrapper = os.fdopen(slave, "w")
    logs = start(LogsConfig(), terminal)
    log.warning("the disk is full")
    logs.close()
    said = os.read(master, 1000).decode()
    terminal.close()
    os.close(master)
    assert "\x1b[33mwarning\x1b[0m the disk is full" in said


def test_levels_and_forms_change_with_the_configuration(begin: Begin, path: Path) -> None:
    logs = begin(LogsConfig(level="error", format="text"))
    log.warning("quiet")
    with path.open("a") as stream:
        logs.use(LogsConfig(level="debug", format="text"), stream)
    log.debug("loud")
    logs.close()
    assert [line[13:] for line in written(path)] == ["debug loud"]


def record(message: str, *args: object, exc_info: object = None) -> logging.LogRecord:
    return logging.LogRecord("penstock", logging.ERROR, "", 0, message, args, exc_info)  # type: ignore[arg-type]


def test_tr_x24_nobody_can_begin_another_line() -> None:
    told = fields(record("he said %s", 'x\n{"level":"info"}\r\x1b[2Jy'))
    for form in (as_json, as_text):
        line = form(told)
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")
        assert b"\x1b" not in line
        assert b"\r" not in line


def test_a_fault_of_ours_is_told_with_its_traceback_and_without_a_secret() -> None:
    try:
        raise ValueError("with sk-abcdefgh12345678")
    except ValueError as error:
        told = fields(record("request %s failed", "req_1", exc_info=(type(error), error, error.__traceback__)))
    assert "ValueError: with [redacted]" in told["traceback"]
    assert "test_logs.py" in told["traceback"]
    assert json.loads(as_json(told)) == told
    assert as_text(told).decode().splitlines()[1] == "    Traceback (most recent call last):"


def test_who_logs_never_waits_and_what_is_too_much_is_counted() -> None:
    gate = threading.Event()
    out: list[bytes] = []

    def slow(data: bytes) -> None:
        gate.wait(10)
        out.append(data)

    lines: Lines[str] = Lines(lambda text: text.encode() + b"\n", slow, most=10, pause=0.0)
    began = time.monotonic()
    for number in range(1000):
        lines.put(str(number))
    assert time.monotonic() - began < 1.0
    # What the thread took before it stood still is out of the queue.
    assert 970 <= lines.dropped <= 990
    gate.set()
    lines.close()
    said = b"".join(out).decode().split()
    assert len(said) == 1000 - lines.dropped
    assert said == sorted(said, key=int)
    # Who looks wants to know what was said last.
    assert said[-1] == "999"


def test_lines_that_come_together_are_written_together() -> None:
    out: list[bytes] = []
    lines: Lines[bytes] = Lines(lambda data: data, out.append, pause=0.2)
    for _ in range(100):
        lines.put(b"x\n")
    lines.close()
    assert b"".join(out) == b"x\n" * 100
    assert len(out) <= 2


def test_a_broken_pipe_and_a_broken_line_are_counted_and_hurt_nobody() -> None:
    def broken(data: bytes) -> None:
        raise BrokenPipeError

    lines: Lines[object] = Lines(lambda said: bytes(said), broken, pause=0.0)  # type: ignore[call-overload]
    lines.put("no bytes")
    lines.put(b"bytes\n")
    lines.close()
    assert lines.dropped == 2
    lines.close()


def test_a_record_that_cannot_be_said_is_counted(begin: Begin, path: Path) -> None:
    logs = begin(LogsConfig())
    log.info("one %s too many", 1, 2)
    log.info("well")
    logs.close()
    assert logs.lines.dropped == 1
    assert len(written(path)) == 1


def test_only_the_last_lines_are_kept_in_memory(begin: Begin) -> None:
    logs = begin(LogsConfig())
    for number in range(1520):
        log.log(logging.ERROR if number % 100 == 0 else logging.INFO, "line %d", number)
    logs.close()
    assert [line["message"] for line in logs.tail(5000, logging.DEBUG)] == [f"line {number}" for number in range(520, 1520)]
    assert [line["message"] for line in logs.tail(2, logging.ERROR)] == ["line 1400", "line 1500"]


def test_a_line_of_a_level_of_somebodys_own_is_shown(begin: Begin) -> None:
    logs = begin(LogsConfig())
    log.log(35, "between")
    logs.close()
    assert [line["level"] for line in logs.tail(9, logging.ERROR)] == ["level 35"]


def test_what_is_not_written_yet_is_shown_already() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    # The pipe is full, and nobody reads.
    os.set_blocking(writing, True)
    formed = threading.Event()

    def form(told: Fields) -> bytes:
        formed.set()
        return as_json(told)

    def write(data: bytes) -> None:
        os.write(writing, data)

    logs = Logs(form, write)
    logs.say({"level": "info", "event": "first"})
    assert formed.wait(10)
    logs.say({"level": "info", "event": "second"})
    assert [line["event"] for line in logs.tail(9, logging.INFO)] == ["first", "second"]
    os.close(reading)
    logs.lines.close()
    os.close(writing)


def test_who_has_no_thread_loses_a_line_rather_than_wait_for_a_reader() -> None:
    reading, writing = os.pipe()
    stream = TextIOWrapper(os.fdopen(writing, "wb", 0), write_through=True)
    root = logging.getLogger()
    handlers, level, own = root.handlers[:], root.level, log.level
    try:
        logs = start(LogsConfig(), stream, threaded=False)
        for number in range(3000):
            log.warning("line %d", number)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        log.setLevel(own)
    assert logs.lines.dropped > 0
    assert len(logs.tail(5000, logging.INFO)) == 1000
    stream.close()
    with os.fdopen(reading, "rb") as read:
        told = read.read().splitlines()
    # Whole lines, from the first one on.
    assert [json.loads(line)["message"] for line in told] == [f"line {number}" for number in range(len(told))]


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_gateway_says_one_line_a_request_and_nothing_else_when_all_is_well(form: str, tmp_path: Path) -> None:
    with Gateway({"logs": {"format": form}}, tmp_path) as gateway:
        assert ask("messages", gateway.base_url("messages"), hello("messages", "demo/fast"), stream=True).ok.said()
        gateway.metrics()
    (line,) = gateway.stderr.splitlines()
    if form == "text":
        assert "info request id=req_" in line
        assert "outcome=ok status=200 dialect=messages model=demo/fast candidate=demo/fast" in line
        return
    said = json.loads(line)
    assert said["usage"]["output"] > 0
    assert 0 < said["first_event"] < said["seconds"]
    expected = {"level": "info", "event": "request", "outcome": "ok", "attempts": 1, "stream": True, "status": 200}
    assert expected.items() <= said.items()


def test_errors_are_told_and_nothing_else_where_only_errors_are_wanted(tmp_path: Path) -> None:
    config = {"logs": {"level": "warning"}, "providers": {"down": {"dialect": "chat", "base_url": "http://127.0.0.1:9/v1"}}}
    with Gateway(config, tmp_path) as gateway:
        ask("chat", gateway.base_url("chat"), hello("chat", "demo/fast"), stream=True)
        ask("chat", gateway.base_url("chat"), hello("chat", "nobody"), stream=True)
        assert ask("chat", gateway.base_url("chat"), hello("chat", "down/m"), stream=True).failed.status == 502
    (line,) = gateway.stderr.splitlines()
    said = json.loads(line)
    assert (said["level"], said["outcome"], said["cause"]) == ("warning", "unreachable", "The provider 'down' cannot be reached.")
    assert {tried["reason"] for tried in said["tried"]} == {"unreachable"}


def test_a_line_that_waits_takes_no_more_room_than_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    logs = Logs(as_json, lambda _: None)
    kept: list[bytes] = []
    monkeypatch.setattr(logs.lines, "put", kept.append)
    tracemalloc.start()
    try:
        for number in range(200):
            logs.say({"ts": "2026-11-27T00:00:00.000Z", "level": "info", "event": "request", "id": f"req_{number}"})
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == 200
    assert taken < 200 * 500
