"""A value for a JSON schema: the same schema and words always give the same value, and it is valid for what the schema says.

Covered: type, enum, const, default, examples, properties and required, items and prefixItems, bounds of numbers, lengths,
the common formats, anyOf, oneOf, allOf and local references. ``pattern`` is met when one of a few plain candidates meets it.
The schema comes from a client: whatever it holds, making a value ends soon and raises nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

# A recursive schema ends here: below SHALLOW only what is required, below DEEPEST nothing; never more than MOST values.
SHALLOW: Final = 4
DEEPEST: Final = 24
MOST: Final = 2000
LONGEST_TEXT: Final = 4000
LONGEST_PATTERN: Final = 200
# What JSON numbers carry exactly everywhere.
LARGEST_WHOLE: Final = 2**53

_FORMATS: Final = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "demo@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_CANDIDATES: Final = (
    "demo",
    "Demo",
    "DEMO",
    "a",
    "A",
    "ab",
    "AB",
    "abc",
    "ABC",
    "a1",
    "A1",
    "1",
    "12",
    "123",
    "1234",
    "12345",
    "12:00",
)
_WORDS: Final = re.compile(r'"([^"]+)"|“([^”]+)”|(?<=[\w,;:] )([A-Z][\w-]+(?: [A-Z][\w-]+)*)')
_NUMBERS: Final = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,15})?(?!\w)")


class Example:
    """Makes values for the schemas below one root, using the words of one text.

    Args:
        root: the schema that local references (``#/$defs/...``) point into.
        text: quoted and capitalised words fill strings, numbers fill numbers, a named enum value is chosen, in their order.

    >>> Example({"type": "object", "properties": {"city": {"type": "string"}}}, "The weather in Paris, please").value()
    {'city': 'Paris'}
    """

    def __init__(self, root: dict[str, Any], text: str = "") -> None:
        self._root = root
        self._text = text[:LONGEST_TEXT]
        self._words = [match[match.lastindex or 0] for match in _WORDS.finditer(self._text)]
        self._numbers = [float(number) for number in _NUMBERS.findall(self._text)]
        self._left = MOST

    def value(self, schema: Any = None, depth: int = 0) -> Any:
        """A value for ``schema``, by default the root."""
        self._left -= 1
        if self._left < 0 or depth > DEEPEST:
            return None
        node = self._resolve(self._root if schema is None else schema)
        for name, first in (("const", False), ("default", False), ("enum", True), ("examples", True)):
            if name in node and not first:
                return node[name]
            if first and isinstance(node.get(name), list) and node[name]:
                return self._chosen(node[name])
        make = _MAKERS.get(_type(node))
        return make(self, node, depth) if make is not None else None

    def _resolve(self, schema: Any) -> dict[str, Any]:
        """The schema with its references followed and its choices made."""
        node: dict[str, Any] = schema if isinstance(schema, dict) else {}
        for _ in range(DEEPEST):
            rest = {key: value for key, value in node.items() if key not in ("$ref", "allOf", "anyOf", "oneOf")}
            choices = node.get("anyOf") or node.get("oneOf")
            if isinstance(node.get("$ref"), str):
                node = {**self._pointed(node["$ref"]), **rest}
            elif isinstance(node.get("allOf"), list):
                node = self._merged(rest, node["allOf"])
            elif isinstance(choices, list):
                real = [choice for choice in choices if isinstance(choice, dict) and choice.get("type") != "null"]
                node = {**rest, **(real[0] if real else {"type": "null"})}
            else:
                break
        return node

    def _pointed(self, reference: str) -> dict[str, Any]:
        node: Any = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            node = node.get(name) if isinstance(node, dict) else None
        return node if isinstance(node, dict) else {}

    def _merged(self, node: dict[str, Any], parts: list[Any]) -> dict[str, Any]:
        properties, required = dict(_dict(node, "properties")), list(_names(node))
        for part in parts:
            found = part if isinstance(part, dict) else {}
            if isinstance(found.get("$ref"), str):
                found = self._pointed(found["$ref"])
            properties.update(_dict(found, "properties"))
            required += _names(found)
            node = {**node, **found}
        return {**node, "properties": properties, "required": required} if properties else node

    def _chosen(self, values: list[Any]) -> Any:
        said = self._text.lower()
        return next((value for value in values if isinstance(value, str) and value and value.lower() in said), values[0])

    def _object(self, node: dict[str, Any], depth: int) -> dict[str, Any]:
        properties, required = _dict(node, "properties"), _names(node)
        # Nothing marked as required: all of it makes the more telling example, but not for ever.
        names = required or (list(properties) if depth < SHALLOW else [])
        return {name: self.value(properties.get(name, {}), depth + 1) for name in names}

    def _array(self, node: dict[str, Any], depth: int) -> list[Any]:
        first, items = node.get("prefixItems"), node.get("items", {})
        made = [self.value(item, depth + 1) for item in first] if isinstance(first, list) else []
        most = _number(node, "maxItems", MOST)
        least = min(_number(node, "minItems", 1 if depth < SHALLOW and not made else 0), most, MOST)
        while len(made) < least and items is not False and self._left > 0:
            value = self.value(items, depth + 1)
            made.append(_another(value, made) if node.get("uniqueItems") else value)
        return made

    def _string(self, node: dict[str, Any], depth: int) -> str:
        pattern, form = node.get("pattern"), node.get("format")
        least = int(min(_number(node, "minLength", 0), LONGEST_TEXT))
        if isinstance(pattern, str) and len(pattern) <= LONGEST_PATTERN:
            return next((text for text in _CANDIDATES if least <= len(text) and _found(pattern, text)), "demo")
        if isinstance(form, str) and form in _FORMATS:
            return _FORMATS[form]
        text = self._words.pop(0) if self._words else "demo"
        return text.ljust(least, ".")[: int(_number(node, "maxLength", LONGEST_TEXT))]

    def _quantity(self, node: dict[str, Any], depth: int) -> float:
        whole = _type(node) == "integer"
        said = next((number for number in self._numbers if _fits(number, node, whole)), None)
        if said is not None:
            self._numbers.remove(said)
        value = _first_fitting(node, whole) if said is None else said
        return int(value) if value == int(value) and abs(value) <= LARGEST_WHOLE else value

    def _boolean(self, node: dict[str, Any], depth: int) -> bool:
        return True


_MAKERS: Final[dict[str, Callable[[Example, dict[str, Any], int], Any]]] = {
    "object": Example._object,
    "array": Example._array,
    "string": Example._string,
    "integer": Example._quantity,
    "number": Example._quantity,
    "boolean": Example._boolean,
}

_BOUNDS: Final[dict[str, Callable[[float, float], bool]]] = {
    "minimum": lambda number, bound: number >= bound,
    "maximum": lambda number, bound: number <= bound,
    "exclusiveMinimum": lambda number, bound: number > bound,
    "exclusiveMaximum": lambda number, bound: number < bound,
    "multipleOf": lambda number, step: step <= 0 or math.isclose(number / step, round(number / step), abs_tol=1e-9),
}


def _type(node: dict[str, Any]) -> str:
    kind = node.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if isinstance(kind, str):
        return kind
    return "object" if "properties" in node else "array" if "items" in node or "prefixItems" in node else "string"


def _dict(node: dict[str, Any], name: str) -> dict[str, Any]:
    value = node.get(name)
    return value if isinstance(value, dict) else {}


def _names(node: dict[str, Any]) -> list[str]:
    value = node.get("required")
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _number(node: dict[str, Any], name: str, default: float) -> float:
    value = node.get(name)
    fine = isinstance(value, (int, float)) and not isinstance(value, bool)
    return max(value, 0) if fine and value is not None else default


def _found(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except (re.error, OverflowError):
        # A pattern that Python does not read: any text is as good as another.
        return True


def _bound(node: dict[str, Any], name: str) -> float | None:
    value = node.get(name)
    fine = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if fine and abs(value or 0) < 1e300 else None


def _fits(number: float, node: dict[str, Any], whole: bool) -> bool:
    for name, holds in _BOUNDS.items():
        bound = _bound(node, name)
        if bound is not None and not holds(number, bound):
            return False
    return not whole or float(number).is_integer()


def _first_fitting(node: dict[str, Any], whole: bool) -> float:
    step = _bound(node, "multipleOf") or (1 if whole else 0.5)
    lows = [bound for bound in (_bound(node, "minimum"), _bound(node, "exclusiveMinimum")) if bound is not None]
    highs = [bound for bound in (_bound(node, "maximum"), _bound(node, "exclusiveMaximum")) if bound is not None]
    start = math.ceil(max(lows) / step) * step if lows else math.floor(min([1, *highs]) / step) * step
    middle = (max(lows) + min(highs)) / 2 if lows and highs else start
    return next((value for value in (start, start + step, start - step, middle) if _fits(value, node, whole)), start)


def _another(value: Any, taken: list[Any]) -> Any:
    """The value, changed until it is none of those taken, where its type allows that."""
    fresh = value
    for count in range(2, len(taken) + 2):
        if fresh not in taken:
            break
        if isinstance(value, str):
            fresh = f"{value} {count}"
        elif isinstance(value, (int, float)):
            fresh = value + count - 1
    return fresh
