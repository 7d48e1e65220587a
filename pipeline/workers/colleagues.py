"""Whom a worker asks when the answer needs all of them: here only itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger("penstock")


class Colleagues:
    """The workers that serve together, as one of them sees them.

    ``answers`` holds what this one can be asked, by the question's name: functions of keyword arguments, of JSON values.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Callable[..., Any]] = {}

    async def gather(self, question: str, **arguments: Any) -> list[Any]:
        """The answers of all living workers. Who fails, or is silent for a second, is left out."""
        try:
            return [self.answers[question](**arguments)]
        except Exception:
            log.exception("the question %r could not be answered", question)
            return []
