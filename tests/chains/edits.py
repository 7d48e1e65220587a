"""A person's own functions for ``edit``; the gateway imports them, so they bring nothing along."""

from __future__ import annotations

from pipeline.events import Event, Text


def shouted(event: Event) -> Event:
    """An example of a person's own function: it changes texts."""
    return Text(event.block, event.text.upper()) if isinstance(event, Text) else event


def doubled(event: Event) -> Event | list[Event] | None:
    """Drops what has a comma, doubles what has a full stop."""
    if not isinstance(event, Text):
        return event
    return None if "," in event.text else [event, event] if "." in event.text else event


def failing(event: Event) -> Event:
    """A function with a fault."""
    if isinstance(event, Text):
        raise RuntimeError(f"no: {event.text}")
    return event
