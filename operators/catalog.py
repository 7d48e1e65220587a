"""Name -> factory. A factory's signature is its schema: plain parameters are options, all others are resources.

An *option* comes from a person's configuration: its annotation is plain data (int, float, str, bool, a list of those, or None).
Every other parameter is a *resource*: a function or a shared object that whoever builds the chain supplies by its name.
"""

from __future__ import annotations

import difflib
import inspect
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from reactivex import Observable

from operators.admit import admit
from operators.breaker import breaker, watch
from operators.buffer_limit import buffer_limit
from operators.edit import edit
from operators.errors import ChainError
from operators.failover import failover
from operators.heartbeat import heartbeat
from operators.importing import imported
from operators.options import BY_NAME, Minimum
from operators.output_limit import output_limit
from operators.redact import redact
from operators.retry import retry
from operators.tap import tap
from operators.through import through
from operators.timeout import first_event_timeout, idle_timeout, total_timeout

Factory = Callable[..., Callable[[Observable[Any]], Observable[Any]]]

CATALOG: Final[Mapping[str, Factory]] = {
    "admit": admit,
    "breaker": breaker,
    "buffer_limit": buffer_limit,
    "edit": edit,
    "failover": failover,
    "first_event_timeout": first_event_timeout,
    "heartbeat": heartbeat,
    "idle_timeout": idle_timeout,
    "output_limit": output_limit,
    "redact": redact,
    "retry": retry,
    "tap": tap,
    "through": through,
    "total_timeout": total_timeout,
    "watch": watch,
}

# What a plain annotation is called when a message teaches it.
_WORDS: Final = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", types.NoneType: "nothing"}

REQUIRED: Final = inspect.Parameter.empty


@dataclass(frozen=True)
class Option:
    """One parameter of a factory that a person may set."""

    name: str
    annotation: Any
    """Plain data: a type, a union, a list of types, a Literal."""
    default: Any = REQUIRED
    minimum: Minimum | None = None
    by_name: bool = False
    """Whether it is a function: in a configuration its name, in Python also itself."""

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is REQUIRED

    @property
    def expected(self) -> str:
        """What it takes, in words."""
        if self.by_name:
            return f'a function, by its name "{BY_NAME}"'
        words = _words(self.annotation)
        return f"{words}, {self.minimum}" if self.minimum is not None else words

    def takes(self, value: Any) -> bool:
        """Whether ``value`` is of the right type and within its bounds."""
        if self.by_name and callable(value):
            return True
        if not _fits(value, self.annotation):
            return False
        return self.minimum is None or value is None or self.minimum.allows(value)


@dataclass(frozen=True)
class Signature:
    """What a factory takes: ``options`` from a person, ``resources`` (name -> whether it must be there) from the builder."""

    options: Mapping[str, Option]
    resources: Mapping[str, bool]


def resolve(name: str) -> Factory:
    """The factory called ``name``: of the catalogue, or "module:function".

    Raises:
        ChainError: there is none; the message has the nearest right name.
    """
    factory = CATALOG.get(name)
    if factory is not None:
        return factory
    if ":" not in name:
        raise ChainError(f"unknown operator {name!r}{nearest(name, CATALOG)}")
    return imported("operator", name)


@cache
def signature(factory: Factory) -> Signature:
    """What ``factory`` takes, read from its annotations."""
    hints = get_type_hints(factory, include_extras=True)
    found: dict[str, Option] = {}
    resources: dict[str, bool] = {}
    for parameter in inspect.signature(factory).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        hint = hints.get(parameter.name, Any)
        by_name = BY_NAME in getattr(hint, "__metadata__", ())
        annotation, minimum = (str, None) if by_name else _plain(hint)
        if annotation is None:
            resources[parameter.name] = parameter.default is REQUIRED
        else:
            found[parameter.name] = Option(parameter.name, annotation, parameter.default, minimum, by_name)
    return Signature(found, resources)


def names() -> list[str]:
    """The names of the catalogue, sorted."""
    return sorted(CATALOG)


def options(factory: Factory) -> Mapping[str, Option]:
    """The options of a factory, by name, in the order of its signature."""
    return signature(factory).options


def validate(name: str, given: Mapping[str, Any]) -> list[str]:
    """What is wrong with a step, a sentence a fault; an empty list: nothing. Nothing is built."""
    try:
        takes = options(resolve(name))
    except ChainError as error:
        return [str(error)]
    faults: list[str] = []
    for key, value in given.items():
        option = takes.get(key)
        if option is None:
            known = nearest(key, takes) if takes else "; it takes none"
            faults.append(f"{name}: unknown option {key!r}{known}")
        elif not option.takes(value):
            faults.append(f"{name}: {key} is {value!r}; expected {option.expected}")
    faults.extend(
        f"{name}: {option.name} is missing; expected {option.expected}"
        for option in takes.values()
        if option.required and option.name not in given
    )
    return faults


def build(name: str, given: Mapping[str, Any], resources: Mapping[str, Any]) -> Callable[[Observable[Any]], Observable[Any]]:
    """The operator of a step.

    Args:
        name: of the operator.
        given: its options.
        resources: by parameter name; those that the operator does not ask for are not used.

    Raises:
        ChainError: :func:`validate` finds a fault, a resource without a default is missing, or the factory refuses.
    """
    faults = validate(name, given)
    if faults:
        raise ChainError("\n".join(faults))
    factory = resolve(name)
    needed = signature(factory).resources
    missing = [resource for resource, required in needed.items() if required and resource not in resources]
    if missing:
        raise ChainError(f"{name}: nobody supplied the resource {', '.join(missing)}")
    supplied = {resource: resources[resource] for resource in needed if resource in resources}
    try:
        return factory(**given, **supplied)
    except ValueError as error:
        raise ChainError(str(error)) from error


def table() -> str:
    """The catalogue as a Markdown table: each operator's promise, its options with their defaults, its resources."""
    rows = ["| operator | what it does | options | resources |", "| --- | --- | --- | --- |"]
    for name in names():
        takes = signature(CATALOG[name])
        promise = (inspect.getdoc(CATALOG[name]) or "").partition("\n")[0]
        written = ", ".join(f"`{option.name}`" if option.required else _default(option) for option in takes.options.values())
        needed = ", ".join(f"`{resource}`" + ("" if must else "?") for resource, must in takes.resources.items())
        rows.append(f"| `{name}` | {promise} | {written} | {needed} |")
    return "\n".join(rows)


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of a message about a wrong name: what was probably meant, or what there is."""
    known = sorted(names)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(known) or 'none'}"


def _plain(annotation: Any) -> tuple[Any, Minimum | None]:
    """An annotation as (plain data, bound); (None, None) for a resource."""
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        bound = next((extra for extra in extras if isinstance(extra, Minimum)), None)
        return _plain(inner)[0], bound
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [_plain(part) for part in get_args(annotation)]
        if any(plain is None for plain, _ in parts):
            return None, None
        bound = next((bound for _, bound in parts if bound is not None), None)
        return reduce(or_, (plain for plain, _ in parts)), bound
    if get_origin(annotation) is list:
        return (annotation, None) if all(_plain(part)[0] for part in get_args(annotation)) else (None, None)
    if get_origin(annotation) is Literal:
        return annotation, None
    return (annotation, None) if annotation in _WORDS else (None, None)


def _fits(value: Any, annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in get_args(annotation))
    if origin is list:
        return isinstance(value, list) and all(_fits(item, get_args(annotation)[0]) for item in value)
    if origin is Literal:
        return value in get_args(annotation)
    if annotation is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, annotation)


def _default(option: Option) -> str:
    return f"`{option.name}={option.default!r}`"


def _words(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(part) for part in get_args(annotation))
    if origin is list:
        return f"a list, each {_words(get_args(annotation)[0])}"
    if origin is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(annotation))
    return _WORDS[annotation]
