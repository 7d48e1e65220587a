"""What a provider's wire brings, before anybody has read it: one :class:`Head`, then bytes; or one :class:`Whole`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.events import Batch
from pipeline.request import Sent


@dataclass(slots=True)
class Head:
    """The provider accepted the request. Not content: it does not commit."""

    sent: Sent
    status: int = 200
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Only those that may reach the client, names in lower case."""
    commits: bool = False


@dataclass(slots=True)
class Whole:
    """An answer that is no stream: its head and all of its body at once. Guards on the frames of a stream let it pass."""

    head: Head
    body: bytes


class Read(bytes):
    """Bytes of which it is known already what they say: a provider that plays a recording makes them."""

    batches: tuple[Batch, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self)

    def __new__(cls, data: bytes, batches: tuple[Batch, ...]) -> Read:
        read = super().__new__(cls, data)
        read.batches = batches
        return read


Frame = Head | bytes | Whole | Batch
"""A batch comes from a provider that speaks neutral events."""
