"""A configuration is read in a short-lived process of its own: who serves keeps neither the schema library nor YAML in memory.

That is 10 MiB less for a serving process, and reading costs its event loop nothing when it waits in a thread.
"""

from __future__ import annotations

import copyreg
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline.config.models import Config
from pipeline.config.problems import ConfigError, Problem

# What the other process runs: with our import path, so that it is the same code and finds the same steps of your own.
_PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from pipeline.config.apart import main; main(*sys.argv[2:])"


def _read_only(items: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(items)


# Read-only mappings stay what they are on their way between the processes.
copyreg.pickle(MappingProxyType, lambda proxy: (_read_only, (dict(proxy),)))


class Loader:
    """Reads a configuration anew with each call. The first reading begins at once, beside whatever its owner does meanwhile.

    Args:
        path: the file, or None, as for :func:`pipeline.config.load`.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._begun: Reading | None = Reading(path)

    def __call__(self) -> Config:
        """The effective configuration. It blocks for as long as the reading takes: in an event loop, call it in a thread.

        Raises:
            ConfigError: what is wrong with it.
        """
        return self.begin().result()

    def begin(self) -> Reading:
        """Begin to read, or go on with what was begun; it does not block."""
        reading, self._begun = self._begun or Reading(self._path), None
        return reading


class Reading:
    """One process that reads once. Made by :class:`Loader`."""

    def __init__(self, path: Path | None) -> None:
        arguments = [json.dumps(sys.path), *([] if path is None else [str(path)])]
        self._end, inner = os.pipe()
        try:
            # A group of its own: Ctrl-C ends the gateway, which needs nothing of a reading that was cut short.
            # Its stdout is our stderr: what a step of your own prints when it is imported is no answer of ours.
            command = [sys.executable, "-c", _PROGRAM, arguments[0], str(inner), *arguments[1:]]
            self._process = subprocess.Popen(command, pass_fds=(inner,), stdout=2, process_group=0)
        except BaseException:
            os.close(self._end)
            raise
        finally:
            os.close(inner)

    def fileno(self) -> int:
        """Ready to be read when there is a result."""
        return self._end

    def abandon(self) -> None:
        """Close the inherited copy of its pipe, in a new process that has nothing to do with it."""
        os.close(self._end)

    def result(self) -> Config:
        """What was read; it blocks until it is there.

        Raises:
            ConfigError: what is wrong with it.
            RuntimeError: the process ended without a word.
        """
        with open(self._end, "rb") as answer:
            said = answer.read()
        status = self._process.wait()
        if not said:
            raise RuntimeError(f"the process that reads the configuration ended with {status}")
        found: Config | tuple[Problem, ...] = pickle.loads(said)
        if isinstance(found, tuple):
            raise ConfigError(found)
        return found


def main(end: str, path: str | None = None) -> None:
    """Read once, in the process of its own; ``end`` is the pipe that takes what was found: a Config, or the problems."""
    from pipeline.config.load import load

    found: Config | tuple[Problem, ...]
    try:
        found = load(None if path is None else Path(path), os.environ)
    except ConfigError as error:
        found = error.problems
    except Exception as error:
        if os.environ.get("PENSTOCK_TRACEBACK"):
            raise
        sys.exit(f"penstock: {type(error).__name__} while the configuration was read")
    with open(int(end), "wb") as answer:
        pickle.dump(found, answer, pickle.HIGHEST_PROTOCOL)
