"""What a factory takes, read from its annotations: plain parameters are options, all others are resources.

An *option* comes from a person's configuration: its annotation is plain data (int, float, str, bool, a list or mapping of those,
or None). Every other parameter is a *resource*: a function or a shared object that whoever builds the chain supplies by its name.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial, reduce, wraps
from operator import or_
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from reactivex import Observable

from operators.errors import ChainError
from operators.options import BY_NAME, SECONDS, Bound, Maximum, Minimum

F = TypeVar("F", bound=Callable[..., Any])

Factory = Callable[..., Callable[[Observable[Any]], Observable[Any]]]

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
    bounds: tuple[Bound, ...] = ()
    is_time: bool = False
    """Whether it is a span of time, in seconds."""
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
        return f"{words}, {' and '.join(map(str, self.bounds))}" if self.bounds else words

    def takes(self, value: Any) -> bool:
        """Whether ``value`` is of the right type and within its bounds."""
        if self.by_name and callable(value):
            return True
        return _fits(value, self.annotation) and self._keeps_bounds(value)

    def fault(self, value: Any) -> str | None:
        """What is wrong with ``value``, as the end of a sentence that begins with the option's name; None: nothing."""
        if self.takes(value):
            return None
        if _fits(value, self.annotation):
            return f"must be {' and '.join(map(str, self.bounds))}, not {value!r}"
        return f"must be {self.expected}, not {_told(value, self.annotation)}"

    def _keeps_bounds(self, value: Any) -> bool:
        return value is None or all(bound.allows(value) for bound in self.bounds)


@dataclass(frozen=True)
class Signature:
    """What a factory takes: ``options`` from a person, ``resources`` (name -> whether it must be there) from the builder."""

    options: Mapping[str, Option]
    resources: Mapping[str, bool]


def signature(factory: Factory) -> Signature:
    """What ``factory`` takes, read from its annotations. One that leads nowhere (imported for type checkers only) is a resource.

    A ``functools.partial`` takes what it leaves open, a callable object what it is called with.

    Raises:
        ChainError: it tells nothing of what it takes.
    """
    try:
        hash(factory)
    except TypeError:
        return _read(factory)
    return _known(factory)


def function_of(factory: Factory) -> Callable[..., Any]:
    """The function behind a factory, which has its documentation and its attributes."""
    while isinstance(factory, partial):
        factory = factory.func
    return factory


def _read(factory: Factory) -> Signature:
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError) as error:
        name = getattr(factory, "__name__", type(factory).__name__)
        raise ChainError(f"{name} does not tell what it takes; write a function around it") from error
    hints = _hints(factory)
    found: dict[str, Option] = {}
    resources: dict[str, bool] = {}
    for parameter in parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        hint = hints.get(parameter.name, Any)
        by_name = BY_NAME in getattr(hint, "__metadata__", ())
        annotation, bounds = (str, ()) if by_name else _plain(hint)
        is_time = annotation is not None and _marked(hint, SECONDS)
        if annotation is None:
            resources[parameter.name] = parameter.default is REQUIRED
        else:
            found[parameter.name] = Option(parameter.name, annotation, parameter.default, bounds, is_time, by_name)
    return Signature(found, resources)


_known: Final = cache(_read)


def _hints(factory: Factory) -> dict[str, Any]:
    """What its annotations mean, each by itself, so that one that leads nowhere does not hide the others."""
    function = function_of(factory)
    if isinstance(function, type):
        function = function.__init__  # type: ignore[misc]
    elif not inspect.isroutine(function):
        function = type(function).__call__
    function = inspect.unwrap(function)
    home = getattr(function, "__globals__", {})
    hints: dict[str, Any] = {}
    for name, annotation in getattr(function, "__annotations__", {}).items():
        lone = types.SimpleNamespace(__annotations__={name: annotation})
        try:
            hints.update(get_type_hints(lone, home, include_extras=True))
        except Exception:
            # It is evaluated, so that it may raise anything.
            hints[name] = Any
    return hints


def checked(factory: F) -> F:
    """``factory``, which says what is wrong with an option before it builds anything. Also for ``__init__`` of what is shared.

    The catalogue asks the same of a configuration. In Python, too, half an attempt or a text in place of a list is no number of
    attempts and no list, and is told so where it was written.

    Raises:
        ValueError (the factory, when it is called): an option is of another type than it is annotated with, or out of its bounds;
            the message names the factory, the option, the value and what was expected.

    >>> from operators import failover
    >>> failover(most=1.5)
    Traceback (most recent call last):
      ...
    ValueError: failover: most must be a whole number or nothing, more than 0, not 1.5
    """
    operator = factory.__qualname__.removesuffix(".__init__")
    parameters = inspect.signature(factory)

    @wraps(factory)
    def build(*args: Any, **kwargs: Any) -> Any:
        try:
            given = parameters.bind(*args, **kwargs).arguments
        except TypeError:
            # Python's own message names the call.
            return factory(*args, **kwargs)
        known = signature(factory).options
        for name, value in given.items():
            fault = known[name].fault(value) if name in known else None
            if fault is not None:
                raise ValueError(f"{operator}: {name} {fault}")
        return factory(*args, **kwargs)

    return build  # type: ignore[return-value]


def _plain(annotation: Any) -> tuple[Any, tuple[Bound, ...]]:
    """An annotation as (plain data, bounds); None in place of the data: it is a resource."""
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        return _plain(inner)[0], tuple(extra for extra in extras if isinstance(extra, Minimum | Maximum))
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [_plain(part) for part in get_args(annotation)]
        if any(plain is None for plain, _ in parts):
            return None, ()
        bounds = next((bounds for _, bounds in parts if bounds), ())
        return reduce(or_, (plain for plain, _ in parts)), bounds
    if get_origin(annotation) in (list, dict):
        return (annotation if all(_plain(part)[0] for part in get_args(annotation)) else None), ()
    if get_origin(annotation) is Literal:
        return annotation, ()
    return (annotation if annotation in _WORDS else None), ()


def _marked(annotation: Any, mark: str) -> bool:
    """Whether ``mark`` stands in an annotation, or in one of its alternatives."""
    if get_origin(annotation) in (Union, types.UnionType):
        return any(_marked(part, mark) for part in get_args(annotation))
    return mark in getattr(annotation, "__metadata__", ())


def _fits(value: Any, annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in get_args(annotation))
    if origin is list:
        return isinstance(value, list) and all(_fits(item, get_args(annotation)[0]) for item in value)
    if origin is dict:
        keys, values = get_args(annotation)
        return isinstance(value, dict) and all(_fits(key, keys) and _fits(item, values) for key, item in value.items())
    if origin is Literal:
        return value in get_args(annotation)
    if annotation is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, annotation)


def _told(value: Any, annotation: Any) -> str:
    """A value that is of the wrong type; of a list or a mapping only what is wrong with it, for it may hold secrets."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    many = next((part for part in parts if get_origin(part) in (list, dict)), None)
    if many is None:
        return repr(value)
    if isinstance(value, list) and get_origin(many) is list:
        place, item = next((place, item) for place, item in enumerate(value, 1) if not _fits(item, get_args(many)[0]))
        return f"one whose item {place} is a {type(item).__name__}"
    return f"a {type(value).__name__}"


def _words(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(part) for part in get_args(annotation))
    if origin is list:
        return f"a list, each {_words(get_args(annotation)[0])}"
    if origin is dict:
        return f"a mapping, each value {_words(get_args(annotation)[1])}"
    if origin is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(annotation))
    return _WORDS[annotation]
