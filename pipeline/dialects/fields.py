"""Reads of a client's JSON that fail with the path, what was expected there, and the nearest right word."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any

from pipeline.errors import GatewayError, Kind
from pipeline.request import Request

JSON_NAMES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an integer", float: "a number"}


def fault(param: str, message: str, code: str = "invalid_value") -> GatewayError:
    """A 400 that names ``param``."""
    return GatewayError(Kind.BAD_REQUEST, message, param=param, code=code)


def missing(param: str) -> GatewayError:
    """A 400 for a required field."""
    return fault(param, f"Missing required parameter: '{param}'.", "missing_required_parameter")


def wrong_type(param: str, expected: str, value: object) -> GatewayError:
    """A 400 for a value of another JSON type."""
    got = "null" if value is None else JSON_NAMES.get(type(value), "something else")
    return fault(param, f"Invalid type for '{param}': expected {expected}, but got {got} instead.", "invalid_type")


def wrong_word(param: str, value: object, allowed: Collection[str]) -> GatewayError:
    """A 400 for a word out of a closed list: the list, and the nearest of it."""
    names = ", ".join(f"'{name}'" for name in sorted(allowed))
    near = get_close_matches(str(value), allowed, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return fault(param, f"Invalid value for '{param}': '{str(value)[:64]}'. Supported values are: {names}.{hint}")


def check_head(body: dict[str, Any]) -> None:
    """What every dialect's body has: ``model``, a name, and perhaps ``stream``, true or false. Raises GatewayError (400)."""
    # The usual body is right, and no more is done for it.
    if type(body) is dict and type(body.get("model")) is str and body["model"] and type(body.get("stream", False)) is bool:
        return
    fields = Fields(body)
    # TR-M4, TR-P16
    fields.need_name("model")
    # TR-P10
    fields.flag("stream")


class Fields:
    """One JSON object and where it stands. Every read takes null for absent, as the services do."""

    __slots__ = ("data", "path")

    def __init__(self, data: Any, path: str = "") -> None:
        """Raises GatewayError (400) when ``data`` is no object."""
        if type(data) is not dict:
            raise wrong_type(path, "an object", data)
        self.data: dict[str, Any] = data
        self.path = path

    def at(self, name: str) -> str:
        """The path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def _wrong(self, name: str, expected: str, value: object) -> GatewayError:
        return wrong_type(self.at(name), expected, value)

    # Most fields are absent: each read looks by itself, which is a call less.

    def text(self, name: str) -> str | None:
        """A string or absent."""
        value: str | None = self.data.get(name)
        if value is not None and type(value) is not str:
            raise self._wrong(name, "a string", value)
        return value

    def need_text(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise missing(self.at(name))
        return value

    def need_name(self, name: str) -> str:
        """A string that must be there and not be empty: it has to match something (TR-C18)."""
        value = self.need_text(name)
        if not value:
            raise fault(self.at(name), f"Invalid '{self.at(name)}': an empty string matches nothing.")
        return value

    def flag(self, name: str) -> bool | None:
        """A boolean or absent; the string "false" is neither (TR-P10)."""
        value: bool | None = self.data.get(name)
        if value is not None and type(value) is not bool:
            raise self._wrong(name, "a boolean", value)
        return value

    def mapping(self, name: str) -> dict[str, Any] | None:
        """An object or absent."""
        value: dict[str, Any] | None = self.data.get(name)
        if value is not None and type(value) is not dict:
            raise self._wrong(name, "an object", value)
        return value

    def array(self, name: str) -> list[Any] | None:
        """An array or absent."""
        value: list[Any] | None = self.data.get(name)
        if value is not None and type(value) is not list:
            raise self._wrong(name, "an array", value)
        return value

    def whole(self, name: str, least: int = 0, most: int | None = None) -> int | None:
        """An integer within bounds or absent; 0 is a value (TR-P11)."""
        value: int | None = self.data.get(name)
        if value is None:
            return None
        if type(value) is not int:
            raise self._wrong(name, "an integer", value)
        if value < least or (most is not None and value > most):
            raise fault(self.at(name), f"Invalid '{self.at(name)}': {_bounds(least, most)}, but got {value} instead.")
        return value

    def number(self, name: str, least: float, most: float) -> float | None:
        """A number within bounds or absent."""
        value = self.data.get(name)
        if value is None:
            return None
        if type(value) not in (int, float):
            raise self._wrong(name, "a number", value)
        if not least <= value <= most:
            raise fault(self.at(name), f"Invalid '{self.at(name)}': {_bounds(least, most)}, but got {value} instead.")
        return float(value)

    def word(self, name: str, allowed: Collection[str]) -> str | None:
        """One of ``allowed`` or absent."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise wrong_word(self.at(name), value, allowed)
        return value

    def need_word(self, name: str, allowed: Collection[str]) -> str:
        """One of ``allowed``."""
        value = self.word(name, allowed)
        if value is None:
            raise missing(self.at(name))
        return value


FieldReader = Callable[[Fields, str], Any]
"""The body and a field's name -> what the neutral request gets. Fields that belong together may be read by the same reader."""


def read_fields(fields: Fields, readers: Mapping[str, tuple[str, FieldReader]], request: Request) -> None:
    """Set what the body says: ``readers`` has for each field the attribute of ``request`` and how it is read.

    In the table's order, so that of several faults the same one is told whatever the order of the body. Null is absent.
    """
    body = fields.data
    # Most fields are absent from most bodies: those are passed over without a step of Python.
    for name in filter(body.__contains__, readers):
        if body[name] is not None:
            attribute, read = readers[name]
            setattr(request, attribute, read(fields, name))


def only_said(entry: Any, roles: Collection[str]) -> str | None:
    """The text of a turn that is nothing but one of ``roles`` and a string, as most turns are; None for every other."""
    if type(entry) is dict and len(entry) == 2 and entry.get("role") in roles:
        text = entry.get("content")
        return text if type(text) is str else None
    return None


def _bounds(least: float, most: float | None) -> str:
    return f"expected a value of at least {least:g}" + ("" if most is None else f" and at most {most:g}")
