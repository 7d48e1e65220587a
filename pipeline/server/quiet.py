"""Keeps strangers from filling the log: what is no HTTP is one short line without a word of theirs, never a traceback."""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError


class _NoHttp(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten a record about bytes that could not be read as HTTP; all others pass as they are."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.msg, record.args = f"{record.msg}: %s", (*_args(record), type(error).__name__)
            record.exc_info = None
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


def _args(record: logging.LogRecord) -> tuple[object, ...]:
    return record.args if isinstance(record.args, tuple) else ()


def server_log() -> logging.Logger:
    """The log for the HTTP server's own complaints."""
    log = logging.getLogger("penstock.http")
    if not log.filters:
        log.addFilter(_NoHttp())
    return log
