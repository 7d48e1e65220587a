"""What is written for people and machines beside the answers: one line an event, off the event loop, without a secret."""

from pipeline.logs.format import iso
from pipeline.logs.lines import Lines
from pipeline.logs.setup import Logs, start

__all__ = ["Lines", "Logs", "iso", "start"]
