"""What stream and body encoders share: who answers, and which reasoning may be shown with which proof."""

from __future__ import annotations

import re
from typing import Any, Final

from pipeline.events import BlockEnd, Reasoning, Started
from pipeline.request import Answering

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9]+")


def stem(request_id: str) -> str:
    """Letters and digits of a request id."""
    text = request_id.removeprefix("req_")
    return text if text.isalnum() and text.isascii() else _UNSAFE.sub("", text) or "0"


class Identity:
    """Id and model of one answer, and whether its provider speaks this very dialect: then its own words pass (DI-257)."""

    __slots__ = ("id", "model", "native")

    def __init__(self, answering: Answering) -> None:
        # A provider's id of another dialect is not shown: this one is made of the request's, so it can be found again (DI-256).
        self.id = "msg_" + stem(answering.request_id)
        self.model = answering.request.model
        self.native = False

    def take(self, started: Started) -> None:
        """What the provider said of itself."""
        self.model = started.model or self.model
        self.native = started.native is not None and started.native.get("type") == "message"
        if self.native:
            self.id = started.id or self.id

    def message(self, content: list[dict[str, Any]], finish: dict[str, Any], usage: dict[str, Any]) -> dict[str, Any]:
        """The message object (DI-98)."""
        head = {"id": self.id, "type": "message", "role": "assistant", "model": self.model, "content": content}
        return {**head, **finish, "usage": usage}


class Proofs:
    """Reasoning on its way to a client of this dialect, who hands it back: only with a proof that we know again (DI-160)."""

    __slots__ = ("_answering", "_identity", "_sealed", "_tried")

    def __init__(self, answering: Answering, identity: Identity) -> None:
        self._answering = answering
        self._identity = identity
        self._tried = False
        self._sealed: str | None = None

    @property
    def shown(self) -> bool:
        """Whether reasoning is shown at all. Known before its end: text goes out before the proof of it comes."""
        return self._identity.native or self._answering.unsigned_thinking or self._empty() is not None

    def of(self, end: BlockEnd) -> str:
        """The signature of a block: the provider's own within the dialect, else sealed; "" where there is none (DI-161)."""
        opaque = end.opaque
        if self._identity.native:
            return opaque or ""
        if opaque is None:
            # Sealed all the same: the client shows it and hands it back, and we take it for ours.
            return self._empty() or ""
        sealed = self._answering.seal(end.opaque_kind or "signature", opaque)
        if sealed is None:
            self._answering.losses.hint("reasoning")
        return sealed or ""

    def _empty(self) -> str | None:
        if not self._tried:
            self._tried = True
            self._sealed = self._answering.seal("none", "")
        return self._sealed


class Paragraphs:
    """Parts of reasoning as one text: this dialect knows no parts, so they are paragraphs."""

    __slots__ = ("_place", "said")

    def __init__(self) -> None:
        self._place: tuple[bool, int] | None = None
        self.said = False
        """Whether there was any text."""

    def text(self, event: Reasoning) -> str:
        """The event's text, with a blank line before it when another part begins."""
        place = (event.summary, event.part)
        turned = self.said and place != self._place
        self._place = place
        self.said = self.said or bool(event.text)
        return "\n\n" + event.text if turned and event.text else event.text
