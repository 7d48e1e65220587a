"""What stream and body encoders share: who answers, sources of the text, and proofs of reasoning on their way to a client.

Chat has no field for the opaque proof of a reasoning block (signature, encrypted content). A client that sends back what it
was given can still carry it: message and delta have the extension field ``reasoning_signature``, one line a block, each
``length:sealed``. ``length`` is how many characters of ``reasoning_content`` the block is, so that the blocks can be told
apart again (see ``request.py``); ``sealed`` is what ``Answering.seal`` made of it (DI-161).
"""

from __future__ import annotations

from typing import Any

from pipeline.events import BlockEnd, Citation, Started
from pipeline.request import Answering


def identity(started: Started | None, answering: Answering) -> tuple[str, int, str]:
    """Id, created and model, one value each for the whole answer (DI-29, TR-C31, F16).

    A provider's id of another dialect is not shown: the id is made of the request's own, so it can be found again.
    """
    started = started or Started()
    ident = started.id if started.id and started.id.startswith("chatcmpl-") else f"chatcmpl-{answering.request_id}"
    return ident, started.created or answering.created, started.model or answering.request.model


class Sources:
    """Citations, gathered: the official accumulators take them in one piece only."""

    __slots__ = ("_cited", "_start", "length")

    def __init__(self) -> None:
        self.length = 0
        """Characters of the answer's text so far."""
        self._start = 0
        self._cited: list[tuple[Citation, int, list[int]]] = []

    def begin(self) -> None:
        """A block of text begins here."""
        self._start = self.length

    def add(self, citation: Citation) -> bool:
        """False: the source is no web page, which is all that the dialect can name (DI-159)."""
        if not citation.url:
            return False
        self._cited.append((citation, self._start, []))
        return True

    def end(self) -> None:
        """The block of text ended. Where a provider told no span, the block is what the source stands behind."""
        for _, _, span in self._cited:
            if not span:
                span.append(self.length)

    def annotations(self) -> list[dict[str, Any]]:
        """DI-26"""
        self.end()
        return [
            {
                "type": "url_citation",
                "url_citation": {
                    "start_index": start + (cited.start or 0),
                    "end_index": span[0] if cited.end is None else start + cited.end,
                    "title": cited.title or "",
                    "url": cited.url,
                },
            }
            for cited, start, span in self._cited
        ]


def sealed_line(event: BlockEnd, length: int, answering: Answering) -> str | None:
    """A line of ``reasoning_signature`` for a block of ``length`` characters; None where there is nothing to carry."""
    if event.opaque is None or event.opaque_kind is None:
        return None
    sealed = answering.seal(event.opaque_kind, event.opaque)
    if sealed is None:
        answering.losses.hint(f"reasoning.{event.opaque_kind}")
        return None
    return f"{length}:{sealed}"
