"""Sizes in bytes and times in seconds, from what people write: ``1MiB``, ``512kB``, ``30s``, ``500ms``, plain numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

# Powers of 1000 and of 1024 are told apart by the "i", as in IEC 80000-13.
SIZE_UNITS: Mapping[str, int] = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
}
TIME_UNITS: Mapping[str, float] = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

SIZE_PATTERN = r"^[0-9]+(\.[0-9]+)? ?([kKmMgG]?[bB]|[kKmMgG][iI][bB])?$"
NUMBER_PATTERN = r"^[0-9]+(\.[0-9]+)?$"
TIME_PATTERN = r"^[0-9]+(\.[0-9]+)? ?(ms|s|m|h)?$"

_SPLIT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)", re.ASCII)


def parse_size(value: object) -> int:
    """Bytes. Raises ValueError with a sentence that says how a size is written.

    >>> parse_size("1MiB"), parse_size("512kB"), parse_size(10)
    (1048576, 512000, 10)
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _SPLIT.fullmatch(value.strip()) if isinstance(value, str) else None
    factor = SIZE_UNITS.get(found[2].lower()) if found else None
    if found is None or factor is None:
        raise ValueError("is not a size. Write bytes or a number with a unit: 65536, 512kB, 1MiB, 2GiB.")
    return round(float(found[1]) * factor) if "." in found[1] else int(found[1]) * factor


def parse_number(value: object) -> float:
    """A number without a unit, as a variable of the environment gives it. Raises ValueError.

    >>> parse_number("12.5")
    12.5
    """
    if not isinstance(value, str) or not re.fullmatch(NUMBER_PATTERN, value.strip()):
        raise ValueError("is not a number. Write digits without a unit, such as 12.5.")
    return float(value)


def parse_flag(value: object) -> bool:
    """True or false, as a variable of the environment gives it. Raises ValueError.

    >>> parse_flag("true")
    True
    """
    if value not in ("true", "false"):
        raise ValueError("is not true or false.")
    return value == "true"


def parse_time(value: object) -> float:
    """Seconds. Raises ValueError with a sentence that says how a time is written.

    >>> parse_time("500ms"), parse_time("2m"), parse_time(30)
    (0.5, 120.0, 30.0)
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf:
        return float(value)
    found = _SPLIT.fullmatch(value.strip()) if isinstance(value, str) else None
    factor = TIME_UNITS.get(found[2]) if found else None
    if found is None or factor is None:
        raise ValueError("is not a time. Write seconds or a number with a unit: 30, 30s, 500ms, 2m, 1h.")
    return float(found[1]) * factor


def show_size(size: int) -> str:
    """Bytes in the largest unit that stays whole.

    >>> show_size(33554432), show_size(1000)
    ('32MiB', '1000B')
    """
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}B"


def show_time(seconds: float) -> str:
    """Seconds as people read them.

    >>> show_time(900.0), show_time(0.5), show_time(3600)
    ('15m', '500ms', '1h')
    """
    if 0 < seconds < 1:
        return f"{seconds * 1000:g}ms"
    for unit, factor in (("h", 3600), ("m", 60)):
        if seconds and seconds % factor == 0:
            return f"{seconds / factor:g}{unit}"
    return f"{seconds:g}s"
