"""Headers that an operator of the gateway adds to provider requests: which ones cannot be sent."""

from __future__ import annotations

from typing import Final

_OURS: Final = frozenset({"content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"})


def fault_of(name: str, value: str) -> str | None:
    """What is wrong with a header, as what its mapping must not do; None: nothing."""
    if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
        return "hold a name that is no header name; write letters, digits and dashes."
    if name.lower() in _OURS:
        return f'hold "{name}"; how a request is framed and connected is the gateway\'s own business.'
    if not value.isprintable():
        return f'hold a control character in the value of "{name}".'
    return None
