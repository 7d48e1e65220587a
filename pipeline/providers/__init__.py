"""The outside that answers: whatever opens an attempt as an observable of frames."""

from __future__ import annotations

from typing import Protocol

from reactivex import Observable

from pipeline.providers.frame import Frame, Head
from pipeline.resolve import Candidate

__all__ = ["Frame", "Head", "Provider"]


class Provider(Protocol):
    """One way to reach models."""

    name: str
    dialect: str
    """Of its wire; "" when it speaks neutral events."""

    def open(self, candidate: Candidate) -> Observable[Frame]:
        """A cold stream of frames: a Head, then the wire. Each subscription is one attempt for the exchange that is its scope.

        It fails with a GatewayError when the provider refuses or cannot be reached. Disposing lets go of the connection at once.
        """
