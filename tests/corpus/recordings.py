"""The recorded exchanges, as they lie in ``../shared/corpus``: what a client once sent, and the bytes a provider answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tests.support.gateway import ROOT
from tests.support.scripted import Script, Send

CORPUS: Final = ROOT.parent / "shared" / "corpus"
FOLDERS: Final = {"chat": "openai_chat", "responses": "openai_responses", "messages": "anthropic_messages"}


@dataclass(frozen=True)
class Recording:
    """One exchange. ``name`` is its file name without the suffixes, unique over all dialects."""

    name: str
    dialect: str
    folder: Path
    stream: bool
    status: int
    features: frozenset[str]
    response_file: str
    chunk_sizes: tuple[int, ...]

    @cached_property
    def request(self) -> dict[str, Any] | None:
        """The body that the recorded client sent, where it was kept."""
        path = self.folder / f"{self.name}.request.json"
        if not path.is_file():
            return None
        body = json.loads(path.read_bytes())
        return body if isinstance(body, dict) else None

    @cached_property
    def response(self) -> bytes:
        """The provider's bytes."""
        return (self.folder / self.response_file).read_bytes()

    @property
    def script(self) -> Script:
        """The provider's part, with the cuts of the network where they were recorded."""
        kind = "text/event-stream; charset=utf-8" if self.stream else "application/json"
        return Script([Send(self.response, self.chunk_sizes)], self.status, {"content-type": kind})


def recordings(corpus: Path = CORPUS, dialects: tuple[str, ...] = tuple(FOLDERS)) -> Iterator[Recording]:
    """All exchanges of these dialects, in the order of their names."""
    for dialect in dialects:
        folder = corpus / FOLDERS[dialect]
        for path in sorted(folder.glob("*.meta.json")):
            meta = json.loads(path.read_bytes())
            yield Recording(
                name=path.name.removesuffix(".meta.json"),
                dialect=dialect,
                folder=folder,
                stream=meta["stream"] and meta["status"] == 200,
                status=meta["status"],
                features=frozenset(meta["features"]),
                response_file=meta["response_file"],
                chunk_sizes=tuple(meta.get("chunk_sizes") or ()),
            )
