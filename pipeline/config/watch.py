"""Reload: all or nothing. A bad file keeps the old configuration and says so in the log.

Nothing here waits or keeps time: whoever serves asks ``due`` once a second, and on SIGHUP does the same as when it is due:
``read`` in a thread, then ``use`` in the event loop.
"""

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
_AT_START = ("host", "port", "workers", "header_limit")


class Watcher:
    """Keeps a configuration fresh.

    Args:
        config: what is in force.
        load: reads the configuration anew; raises ConfigError when it is bad, OSError or RuntimeError when it cannot.
        apply: takes a new configuration into use; raises ConfigError or ValueError when it cannot, and then has changed nothing.
    """

    def __init__(self, config: Config, load: Callable[[], Config], apply: Callable[[Config], None]) -> None:
        self.config = config
        self._load = load
        self._apply = apply
        self._path = None if config.source == SOURCE else Path(config.source)
        self._known = self._stamp()
        self._changing: Stamp | None = None

    def due(self) -> bool:
        """Whether the file changed and then stayed the same since the last call: it is not read while it is being written."""
        stamp = self._stamp()
        if stamp is None or stamp == self._known:
            self._changing = None
            return False
        rested, self._changing = stamp == self._changing, stamp
        return rested

    def begun(self) -> None:
        """The file is being read: it is due again when it changes after this."""
        self._known, self._changing = self._stamp(), None

    def read(self) -> Config | None:
        """The new configuration; None, and the problems in the log, where it is bad or cannot be read now. It may block."""
        self.begun()
        try:
            return self._load()
        except (ConfigError, RuntimeError) as error:
            self.kept(error)
        except OSError as error:
            self.unread(error)
        return None

    def use(self, config: Config | None) -> bool:
        """Take what ``read`` gave into use; whether it is in force now."""
        if config is None:
            return False
        try:
            self._apply(config)
        except (ConfigError, ValueError) as error:
            self.kept(error)
            return False
        self.accepted(config)
        return True

    def accepted(self, config: Config) -> None:
        """It is in force: say so."""
        for name in _AT_START:
            if getattr(config.server, name) != getattr(self.config.server, name):
                log.warning("server.%s changed; that waits for a restart", name)
        log.info("the configuration is reloaded: %s (%s)", config.source, config.digest)
        self.config = config

    def reload(self) -> bool:
        """``read`` and ``use`` at once; whether the new configuration is in force now."""
        return self.use(self.read())

    def poll(self) -> None:
        """``reload`` when it is ``due``."""
        if self.due():
            self.reload()

    def kept(self, error: object) -> None:
        """The old one stays in force: say so, and why."""
        for line in str(error).splitlines():
            log.error("%s", line)
        log.error("the configuration is not reloaded; the old one (%s) stays in force", self.config.digest)

    def unread(self, error: OSError) -> None:
        """The old one stays in force, because there is no room to read another one."""
        self.kept(f"the process that reads the configuration cannot be started: {error.strerror}")

    def _stamp(self) -> Stamp | None:
        """What changes with the file; None while there is none (an editor may be replacing it)."""
        if self._path is None:
            return None
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
