"""Reload on SIGHUP or when the file changed: all or nothing. A bad file keeps the old configuration and says so in the log."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from pipeline.config.defaults import SOURCE
from pipeline.config.models import Config
from pipeline.config.problems import ConfigError

log = logging.getLogger("penstock.config")

Stamp = tuple[int, int, int]

# What is bound once at start; a reload accepts a change of it, and says that it waits for a restart.
_AT_START = ("host", "port", "workers")


class Watcher:
    """Keeps a configuration fresh, without time of its own: call ``poll`` once a second, and ``reload`` on SIGHUP.

    Args:
        config: what is in force.
        load: reads the configuration anew; raises ConfigError when it is bad.
        apply: takes a new configuration into use; raises ConfigError or ValueError when it cannot, and then has changed nothing.
    """

    def __init__(self, config: Config, load: Callable[[], Config], apply: Callable[[Config], None]) -> None:
        self.config = config
        self._load = load
        self._apply = apply
        self._path = None if config.source == SOURCE else Path(config.source)
        self._known = self._stamp()
        self._changing: Stamp | None = None

    def poll(self) -> None:
        """Reload when the file changed and then stayed the same for one poll: a file is not read while it is being written."""
        stamp = self._stamp()
        if stamp is None or stamp == self._known:
            self._changing = None
        elif stamp == self._changing:
            self.reload()
        else:
            self._changing = stamp

    def reload(self) -> bool:
        """Read and apply the configuration; whether it is in force now. The old one stays where the new one is bad."""
        self._known, self._changing = self._stamp(), None
        try:
            config = self._load()
            self._apply(config)
        except ConfigError as error:
            for problem in error.problems:
                log.error("%s", problem)
            log.error("the configuration is not reloaded; the old one (%s) stays in force", self.config.digest)
            return False
        except ValueError as error:
            log.error("%s", error)
            log.error("the configuration is not reloaded; the old one (%s) stays in force", self.config.digest)
            return False
        for name in _AT_START:
            if getattr(config.server, name) != getattr(self.config.server, name):
                log.warning("server.%s changed; that waits for a restart", name)
        log.info("the configuration is reloaded: %s (%s)", config.source, config.digest)
        self.config = config
        return True

    def _stamp(self) -> Stamp | None:
        """What changes with the file; None while there is none (an editor may be replacing it)."""
        if self._path is None:
            return None
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
