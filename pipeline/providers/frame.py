"""What a provider's wire brings, before anybody has read it: one :class:`Head`, then bytes (or ready batches)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.events import Batch


@dataclass(slots=True)
class Head:
    """The provider accepted the request. Not content: it does not commit."""

    attempt: int
    status: int = 200
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Only those that may reach the client, names in lower case."""
    commits: bool = False


Frame = Head | bytes | Batch
