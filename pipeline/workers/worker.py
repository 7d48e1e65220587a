"""What the supervisor knows of one of its workers."""

from __future__ import annotations

import time

from pipeline.config import Config
from pipeline.workers.channel import Channel


class Worker:
    """One process, from its start to its end."""

    def __init__(self, id: int, number: int, pid: int, channel: Channel, config: Config) -> None:
        self.id = id
        """Given once: who takes its place has another one."""
        self.number = number
        self.pid = pid
        self.channel = channel
        self.config = config
        """What it began with."""
        self.began = time.monotonic()
        self.ready = False
