"""Traces on disk: whole lines, files of a bounded size and number, for their owner only."""

from __future__ import annotations

import json
import logging
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.config import TracesConfig
from pipeline.recorder import Recorder
from pipeline.traces.file import RotatingFile


def sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir())}


def test_a_full_file_makes_room_for_the_next_and_the_oldest_goes(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "t.jsonl", 100, 3)
    for number in range(10):
        file.write(b"%039d\n" % number)
    file.close()
    assert sizes(tmp_path) == {"t.jsonl": 80, "t.jsonl.1": 80, "t.jsonl.2": 80}
    assert int((tmp_path / "t.jsonl.2").read_text().split()[0]) == 4
    assert int((tmp_path / "t.jsonl").read_text().split()[-1]) == 9


def test_lines_are_never_cut_also_where_one_is_longer_than_a_file(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "t.jsonl", 100, 2)
    file.write(b"a" * 300 + b"\n" + b"b\n")
    file.close()
    assert sizes(tmp_path) == {"t.jsonl": 2, "t.jsonl.1": 301}


def test_one_file_alone_begins_anew(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "t.jsonl", 10, 1)
    for _ in range(5):
        file.write(b"1234567\n")
    file.close()
    assert sizes(tmp_path) == {"t.jsonl": 8}


def test_a_file_is_gone_on_with_and_read_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    for _ in range(2):
        file = RotatingFile(path, 100, 2)
        file.write(b"line\n")
        file.close()
    assert path.read_bytes() == b"line\nline\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_is_not_there_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    recorder = Recorder(TracesConfig(keep=5, file=str(tmp_path / "missing" / "t.jsonl")))
    for number in range(3):
        recorder.refused(f"req_{number}", "chat", 0.0, "bad_request", 400, None, "")
    lines = recorder._lines
    assert lines is not None
    lines.close()
    assert (recorder.dropped, len(recorder.ring)) == (3, 3)


@contextmanager
def full_above(size: int) -> Iterator[None]:
    """No file of this process may have more bytes: the kernel refuses the rest, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [1000, 60])
def test_a_full_disk_cuts_no_line_is_told_once_and_ends_nothing(
    size: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "t.jsonl"
    file = RotatingFile(path, size, 3)
    file.write(b"first\n")
    with full_above(50):
        for _ in range(2):
            with pytest.raises(OSError):
                file.write(b"a" * 100 + b"\n")
        file.close()
    file.write(b"later\n")
    file.close()
    written = b"".join(each.read_bytes() for each in sorted(tmp_path.iterdir(), reverse=True))
    assert written == b"first\nlater\n"
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]
    assert str(path) in caplog.text


def test_what_was_deleted_or_moved_away_is_not_written_on(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    file = RotatingFile(path, 100, 2)
    file.write(b"one\n")
    path.rename(tmp_path / "moved")
    file.write(b"two\n")
    path.unlink()
    file.write(b"three\n")
    file.close()
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"moved": "one\n", "t.jsonl": "three\n"}


@pytest.mark.parametrize(("worker", "name"), [(0, "t.jsonl"), (2, "t.w2.jsonl")])
def test_each_worker_has_a_file_of_its_own(worker: int, name: str, tmp_path: Path) -> None:
    recorder = Recorder(TracesConfig(file=str(tmp_path / "t.jsonl")), worker=worker)
    recorder.refused("req_1", "chat", 0.0, "bad_request", 400, None, "")
    recorder.close()
    (line,) = (tmp_path / name).read_text().splitlines()
    assert (json.loads(line)["id"], json.loads(line)["worker"]) == ("req_1", worker)
