"""A file of lines that begins anew when it is large: ``traces.jsonl``, before it ``traces.jsonl.1``, and so on."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

log = logging.getLogger("penstock.traces")


class RotatingFile:
    """Writes whole lines. For one thread.

    Whoever deletes or moves the file, or makes room on a full disk, needs to tell nobody: the next lines go where the path leads.

    Args:
        path: of the newest file. It is opened with the first line, readable for its owner only.
        size: bytes that a file may have; one line that is longer makes a file of its own.
        files: how many there are at most, the newest included.
    """

    def __init__(self, path: Path, size: int, files: int) -> None:
        self._path = path
        self._size = size
        self._files = files
        self._file: int | None = None
        """Its descriptor. There is no buffer, which would keep what a full disk refused and raise it again at the end."""
        self._length = 0
        self._failing = False

    def write(self, data: bytes) -> None:
        """Add lines: all that go into one file, or none of them.

        Raises:
            OSError: they are lost. The first time the log says why; later lines are tried anew.
        """
        try:
            self._write(data)
        except OSError as error:
            self.close()
            if not self._failing:
                self._failing = True
                text = "traces cannot be written to %s (%s) and are lost there until they can; /debug/stats counts them"
                log.error(text, self._path, error.strerror)
            raise
        if self._failing:
            self._failing = False
            log.warning("traces are written to %s again", self._path)

    def close(self) -> None:
        """Idempotent; never raises."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None

    def _write(self, data: bytes) -> None:
        self._look()
        fitting: list[bytes] = []
        length = self._length
        for line in data.splitlines(keepends=True):
            if length and length + len(line) > self._size:
                self._add(b"".join(fitting))
                self._rotate()
                fitting, length = [], 0
            fitting.append(line)
            length += len(line)
        self._add(b"".join(fitting))

    def _add(self, data: bytes) -> None:
        assert self._file is not None
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            # Half a line would spoil the one that comes after it.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._length)
            raise
        self._length += len(data)

    def _look(self) -> None:
        """Have the file open that is at the path now."""
        if self._file is not None:
            try:
                there = os.path.samestat(os.stat(self._path), os.fstat(self._file))
            except FileNotFoundError:
                there = False
            if not there:
                self.close()
        if self._file is None:
            self._open()

    def _open(self) -> None:
        # TR-X14: nobody else's business.
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._length = os.fstat(self._file).st_size

    def _rotate(self) -> None:
        self.close()
        for number in range(self._files - 1, 0, -1):
            earlier = self._numbered(number - 1)
            if earlier.exists():
                earlier.replace(self._numbered(number))
        if self._files == 1:
            self._path.unlink(missing_ok=True)
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
